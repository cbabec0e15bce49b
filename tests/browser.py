"""Headless Chromium, driven over its DevTools protocol: opens a page and takes pictures of it."""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium")
SIZE = 1200, 800


class Browser:
    """A browser with one page; every wait ends after ``patience`` seconds."""

    def __init__(self, profile: Path, patience: float = 60.0) -> None:
        self._profile, self._patience = profile, patience
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Browser:
        assert CHROMIUM
        self._process = subprocess.Popen(
            [
                CHROMIUM,
                "--headless=new",
                "--no-sandbox",  # which root may not have
                "--hide-scrollbars",
                "--remote-debugging-port=0",
                f"--user-data-dir={self._profile}",
                f"--window-size={SIZE[0]},{SIZE[1]}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._session = aiohttp.ClientSession()
        address = await self._address()
        self._socket = await self._session.ws_connect(address, max_msg_size=0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        self._process.kill()
        self._process.wait()

    async def open(self, url: str) -> None:
        """Load a page with everything that belongs to it."""
        await self.call("Page.enable")
        await self.call("Page.navigate", url=url)
        async with asyncio.timeout(self._patience):
            while await self.evaluate("location.href + document.readyState") != f"{url}complete":
                await asyncio.sleep(0.05)

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        result = await self.call("Runtime.evaluate", expression=expression)
        return result["result"].get("value")

    async def press(self, key: str) -> None:
        """Type a character."""
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=key, key=key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def picture(self) -> bytes:
        """Return what the page looks like, as a PNG."""
        result = await self.call("Page.captureScreenshot")
        return base64.b64decode(result["data"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=self._patience)
            if answer.get("id") == number:
                assert "result" in answer, answer
                return dict(answer["result"])

    async def _address(self) -> str:
        """Return the page's address in the protocol, once the browser has written its port."""
        file = self._profile / "DevToolsActivePort"
        async with asyncio.timeout(self._patience):
            while not file.exists() or "\n" not in file.read_text():
                assert self._process.poll() is None, "the browser has ended"
                await asyncio.sleep(0.05)
            port = file.read_text().split()[0]
            async with self._session.get(f"http://127.0.0.1:{port}/json") as answer:
                pages = await answer.json()
        return str(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))

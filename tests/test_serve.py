"""A run in a browser: who may see it, who may steer it, and what the page looks like."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyte
import pytest
from textual.color import Color

from tests.terminal import ROOT
from tests.test_attach import training
from tests.test_end_to_end import Run
from vmpo_tui.spectator import REFUSAL
from vmpo_tui.themes import THEMES

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")

from tests.browser import CHROMIUM, SIZE, Browser  # noqa: E402 - needs aiohttp

PATIENCE = 90.0
COLUMNS, LINES = 120, 40
CURVE = Color.parse(THEMES[0].primary).rgb
"""Red, green and blue of the curve in the standard theme."""

pytestmark = pytest.mark.e2e


@contextmanager
def served(run: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve a run; yield the server's process and the address that it wrote."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vmpo_tui", "serve", str(run), *options],
        cwd=run.parent, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


class Visitor:
    """A browser's side of the connection, with keys of its own making: what the page hides, it sends."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    async def press(self, key: str) -> None:
        await self._socket.send_json(["stdin", key])

    async def wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        """Take in what is drawn until a condition holds."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    message = await self._socket.receive()
                    assert message.type is aiohttp.WSMsgType.BINARY, f"closed before {what}:\n{self.text}"
                    self._stream.feed(message.data)
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}:\n{self.text}") from None


async def visit(url: str, visitor_does: Callable) -> None:
    address = f"{url.replace('http:', 'ws:')}ws?width={COLUMNS}&height={LINES}"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
        await visitor_does(Visitor(socket))


def answer(url: str) -> int:
    """Return the status that a page is answered with."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as page:
            return int(page.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Return whether a process runs: it exists, and not only until somebody asks how it ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def test_a_visitor_may_look_but_not_steer(tmp_path):
    run = Run(tmp_path / "tiny")

    async def look(visitor: Visitor) -> None:
        await visitor.wait_for("the run", lambda: "training  CartPole-v1" in visitor.text)
        for key in " ecn":
            await visitor.press(key)
        await visitor.wait_for("the refusal", lambda: REFUSAL in visitor.text)
        rows = len(run.rows())
        await visitor.wait_for("two more updates", lambda: len(run.rows()) > rows + 2)

    with training(run.path), served(run.path) as (server, url):
        assert url.startswith("http://127.0.0.1:")
        assert answer(url) == 200
        assert answer(f"{url}static/js/textual.js") == 200
        stem = url.rstrip("/").rpartition("/")[0]
        assert [answer(f"{stem}/{path}") for path in ("", "ws", "static/js/textual.js", "x/")] == [404] * 4
        await visit(url, look)
        asked_for = ("RunPaused", "CheckpointSaved", "EvaluationCompleted")
        assert [event for kind in asked_for for event in run.events(kind)] == []
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=PATIENCE)
        assert (server.returncode, out) == (0, "")
        assert err.splitlines() == ["visitors may only look; --control lets them steer; ctrl+c ends it"]


async def test_a_visitor_steers_where_that_is_allowed(tmp_path):
    run = Run(tmp_path / "tiny")

    async def steer(visitor: Visitor) -> None:
        await visitor.wait_for("the run", lambda: "training  CartPole-v1" in visitor.text)
        await visitor.press(" ")
        await visitor.wait_for("the pause", lambda: "paused  CartPole-v1" in visitor.text)

    with training(run.path), served(run.path, "--control") as (_, url):
        await visit(url, steer)
        assert len(run.events("RunPaused")) == 1


async def test_ctrl_c_ends_the_server_and_its_viewers(tmp_path):
    run = Run(tmp_path / "tiny")

    async def stay(visitor: Visitor) -> None:
        await visitor.wait_for("the run", lambda: "training  CartPole-v1" in visitor.text)
        viewers = children(server.pid)
        assert viewers
        server.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(server.wait, PATIENCE) == 0
        assert not any(alive(pid) for pid in viewers)

    with training(run.path) as trainer, served(run.path) as (server, url):
        await visit(url, stay)
        assert len(server.communicate()[1].splitlines()) == 1
        assert trainer.poll() is None


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
async def test_the_page_shows_the_curve(tmp_path):
    from PIL import Image

    def curve_pixels(picture: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(picture)) as image:
            pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
        return np.argwhere(np.abs(pixels - CURVE).max(axis=2) < 12)

    async def look(browser: Browser) -> np.ndarray:
        """Wait for a picture with a curve that goes from left to right."""
        async with asyncio.timeout(PATIENCE):
            while True:
                picture = await browser.picture()
                chart = curve_pixels(picture)
                chart = chart[(chart[:, 0] > 100) & (chart[:, 1] < SIZE[0] // 2)]  # below the tabs, left half
                if len(chart) and np.ptp(chart[:, 1]) > SIZE[0] // 4:
                    (tmp_path / "page.png").write_bytes(picture)
                    return chart
                await asyncio.sleep(0.2)

    run = Run(tmp_path / "tiny")
    with training(run.path), served(run.path) as (_, url):
        async with Browser(tmp_path / "profile") as browser:
            await browser.open(url)
            chart = await look(browser)
            assert len(np.unique(chart[:, 1])) > 100
            assert (
                await browser.evaluate(
                    "performance.getEntriesByType('resource').map(e => e.name)"
                    f".filter(name => !name.startsWith('{url}')).length"
                )
                == 0
            )
            assert await browser.evaluate("document.activeElement.className") == "xterm-helper-textarea"

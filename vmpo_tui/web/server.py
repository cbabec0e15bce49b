"""A server of viewers: every visitor gets a viewer process of their own, through textual-serve."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from pathlib import Path

from aiohttp import web
from textual_serve.server import Server

HOST = "127.0.0.1"
"""Never anything else: who wants to look from another machine has ssh."""
SHUTDOWN_SECONDS = 0.5
"""How long pages that are open hold up the end, twice."""
VIEWER_SECONDS = 10.0
"""How long viewers may take to end after that."""


class ViewerServer(Server):
    """Serves one command on the loopback interface, under a secret path.

    Every user of the machine and every page in a browser can reach the port; only those who were told the
    path get further.

    Args:
        command: shell command of a viewer.
        title: of the page.
        port: to listen on; 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, command: str, title: str, port: int) -> None:
        self._socket = socket.create_server((HOST, port))
        super().__init__(
            command,
            host=HOST,
            port=self._socket.getsockname()[1],
            title=title,
            templates_path=Path(__file__).parent,
        )
        self._secret = secrets.token_urlsafe(16)

    @property
    def url(self) -> str:
        """The page's address, the secret included."""
        return f"{self.public_url}/{self._secret}/"

    def run(self) -> None:
        """Serve until INT or TERM."""
        web.run_app(
            self._make_app(),
            sock=self._socket,
            shutdown_timeout=SHUTDOWN_SECONDS,
            access_log=None,
            print=None,
        )

    async def _make_app(self) -> web.Application:
        root = web.Application()
        root.add_subapp(f"/{self._secret}/", await super()._make_app())
        root.on_cleanup.append(_wait_for_viewers)
        root.router.add_get("/download/{key}", self.handle_download)  # where the page asks; the key is secret
        return root

    async def on_startup(self, app: web.Application) -> None:
        """Stay silent: the command says where the page is."""


async def _wait_for_viewers(app: web.Application) -> None:
    """Let the viewers end first, which were told to: asyncio complains of those that outlive its loop."""
    pause = 0.05
    for _ in range(round(VIEWER_SECONDS / pause)):
        await asyncio.sleep(pause)
        if not _has_children():
            break
    await asyncio.sleep(pause)  # the last one's end is taken note of


def _has_children() -> bool:
    """Return whether a process that this one started runs or waits to be asked how it ended."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True

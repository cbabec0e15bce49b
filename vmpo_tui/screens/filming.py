"""Making a video beside the screens, in a process that outlives them."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from pathlib import Path

from textual.app import App

from engine.errors import BackendUnavailableError
from vmpo_tui.robot import film
from vmpo_tui.robot.look import Look
from vmpo_tui.text import printable

POLL_SECONDS = 0.2


async def film_aside(app: App[object], recording: Path, out: Path, look: Look) -> None:
    """Make a video and say so when it is there; leaving the application does not stop it."""
    try:
        film.require_encoder()
    except BackendUnavailableError as error:
        _say(app, str(error), "error")
        return
    _say(app, f"filming {out.name}; the screens go on meanwhile")
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            film.command(recording, out, look),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        while process.poll() is None:
            await asyncio.sleep(POLL_SECONDS)
        said.seek(0)
        words = said.read().decode(errors="replace").splitlines()
    if process.returncode == 0:
        _say(app, f"video written: {out}")
    else:
        _say(app, f"no video: {words[-1] if words else f'exit code {process.returncode}'}", "error")


def _say(app: App[object], text: str, severity: str = "information") -> None:
    app.notify(printable(text), severity=severity, timeout=6, markup=False)  # type: ignore[arg-type]

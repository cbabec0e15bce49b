"""Making videos beside the screens, in processes that outlive them."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.app import App

from engine.errors import BackendUnavailableError
from vmpo_tui.robot import film
from vmpo_tui.robot.look import Look
from vmpo_tui.text import printable

POLL_SECONDS = 0.2


class Films:
    """The videos that are being made, each by a process of its own; no two of one recording at a time."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """Begin with none.

        Args:
            changed: called when one begins, gets further or ends.
        """
        self._changed = changed
        self._shares: dict[Path, float] = {}

    @property
    def progress(self) -> str:
        """How far the videos are; empty without any."""
        return "  ".join(f"filming {share:.0%}" for share in self._shares.values())

    async def make(self, app: App[object], recording: Path, out: Path, look: Look) -> None:
        """Make a video and say so when it is there; leaving the application does not stop it."""
        if out in self._shares:
            _say(app, f"{out.name} is already being filmed", "warning")
            return
        try:
            film.require_encoder()
        except BackendUnavailableError as error:
            _say(app, str(error), "error")
            return
        _say(app, f"filming {out.name}; it is finished even if you leave")
        self._note(out, 0.0)
        try:
            complaint = await self._watch(film.command(recording, out, look), out)
        finally:
            del self._shares[out]
            self._changed()
        if complaint:
            _say(app, f"no video: {complaint}", "error")
            _tell(app, f"no video of {out.stem}: {complaint}", "warning")
        else:
            _say(app, f"video written: {out}")
            _tell(app, f"filmed: {out}", "good")

    async def _watch(self, command: list[str], out: Path) -> str:
        """Wait for the process that makes a video; return what went wrong, or an empty text."""
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=told, stderr=said, start_new_session=True
            )
            while process.poll() is None:
                await asyncio.sleep(POLL_SECONDS)
                told.seek(0)
                self._note(out, film.share_done(told.read()))
            said.seek(0)
            words = said.read().decode(errors="replace").splitlines()
        if process.returncode == 0:
            return ""
        film.temporary(out, process.pid).unlink(missing_ok=True)  # one that was killed cannot do it itself
        return words[-1] if words else f"exit code {process.returncode}"

    def _note(self, out: Path, share: float) -> None:
        if self._shares.get(out) != share:
            self._shares[out] = share
            self._changed()


def _say(app: App[object], text: str, severity: str = "information") -> None:
    app.notify(printable(text), severity=severity, timeout=6, markup=False)  # type: ignore[arg-type]


def _tell(app: App[object], text: str, kind: str) -> None:
    """Put a line into the log, where the application has one."""
    tell = getattr(app, "tell", None)
    if tell is not None:
        tell(text, kind)

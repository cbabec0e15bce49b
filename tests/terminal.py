"""A program in a pseudo-terminal: keys in, the screen as a person sees it out."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte

ROOT = Path(__file__).parents[1]
UNWANTED = ("COLUMNS", "LINES", "NO_COLOR", "VMPO_RUNS", "VMPO_TRACEBACK")
"""Variables of the caller that would change the screen."""


def _take_the_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """Runs a Python program on a screen of its own and waits for what it shows, never for time to pass."""

    def __init__(
        self,
        program: str,
        *arguments: str,
        cwd: Path,
        columns: int = 120,
        lines: int = 40,
        patience: float = 90.0,
        controlling: bool = False,
    ) -> None:
        """Start a program.

        Args:
            program: Python source.
            arguments: what follows the program's name.
            cwd: where it starts.
            columns: characters a line.
            lines: of the screen.
            patience: seconds that `wait_for` waits.
            controlling: whether the terminal sends signals, for ctrl+c and when it closes, as usual.
        """
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._patience = patience
        self.output = b""
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.attributes_before = self.attributes()
        inherited = {name: value for name, value in os.environ.items() if name not in UNWANTED}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_take_the_terminal if controlling else None,
            env={**inherited, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        for descriptor in (self._ours, self._theirs):
            with contextlib.suppress(OSError):  # closed before
                os.close(descriptor)

    def attributes(self) -> list[object]:
        """Return the terminal's attributes (echo, line mode, signals and so on)."""
        return termios.tcgetattr(self._theirs)

    @property
    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(self._screen.display)

    @property
    def waiting(self) -> int:
        """Bytes that the program wrote and nobody has read yet."""
        count = fcntl.ioctl(self._ours, termios.FIONREAD, struct.pack("i", 0))
        return int(struct.unpack("i", count)[0])

    def press(self, key: str) -> None:
        """Send a key."""
        os.write(self._ours, key.encode())

    def wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        """Read the program's output until a condition holds.

        Raises:
            AssertionError: the program ended before, or patience ran out; says what the screen showed.
        """
        deadline = time.monotonic() + self._patience
        while not condition():
            self._read()
            assert self.process.poll() is None or condition(), f"ended before {what}:\n{self.text}"
            assert time.monotonic() < deadline, f"waited in vain for {what}:\n{self.text}"

    def wait_for_text(self, text: str) -> None:
        """Wait until the screen shows a text."""
        self.wait_for(repr(text), lambda: text in self.text)

    def wait_for_exit(self) -> int:
        """Wait for the program to end, read the rest of its output and return its exit code."""
        self.wait_for("the end", lambda: self.process.poll() is not None)
        while self._read():
            pass
        return self.process.wait()

    def _read(self) -> bool:
        """Take in what the program wrote; return whether there was anything within a tenth of a second."""
        ready, _, _ = select.select([self._ours], [], [], 0.1)
        if ready:
            chunk = os.read(self._ours, 65536)
            self.output += chunk
            self._stream.feed(chunk)
        return bool(ready)

"""The terminal, kept for the screen alone."""

from __future__ import annotations

import io
import os
import select
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from engine.files import open_own

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDIN, STDOUT, STDERR = 0, 1, 2
STOP_SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


class Output:
    """What goes to descriptors 1 and 2 while the screen is up: into a temporary file, later into a log."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._logged = False
        self._redirect()

    def move_to(self, log: Path) -> None:
        """Append what was said so far to a log file and send everything there from now on.

        A log that cannot be written is done without: it must not stop a run.
        """
        try:
            file = os.fdopen(open_own(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab", buffering=0)
        except OSError:
            return
        self._file.seek(0)
        file.write(self._file.read())
        self._file.close()
        self._file, self._logged = file, True
        self._redirect()

    def close(self) -> bytes:
        """Return what reached no log, such as the words of a library that failed before the run began."""
        self._file.seek(0, os.SEEK_END)
        rest = b""
        if not self._logged:
            self._file.seek(0)
            rest = self._file.read()
        self._file.close()
        return rest

    def _redirect(self) -> None:
        for descriptor in (STDOUT, STDERR):
            os.dup2(self._file.fileno(), descriptor)


class _Terminal(io.FileIO):
    """A terminal that may go away: what is written after that is lost, and whoever writes lives on."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(memoryview(data))


def insists(signum: int, before: int | None) -> bool:
    """Whether a signal after another one asks to wait for nothing.

    A closing terminal may send HUP more than once, and the end of a login TERM after it.
    """
    return before not in {None, signal.SIGHUP} and signum != signal.SIGHUP


def terminal_was_closed() -> bool:
    """Whether standard input was a terminal that is closed by now; True once.

    From then on something silent is read: a closed terminal is ready at all times, to say that it is closed.
    """
    poll = select.poll()
    poll.register(STDIN, 0)  # POLLHUP is always reported
    if not poll.poll(0):
        return False
    silent, _ = os.pipe()  # its other end stays open as long as the process
    os.dup2(silent, STDIN)
    os.close(silent)
    return True


def terminal_is_behind() -> bool:
    """Whether the terminal has yet to take what was written, so that more would pile up."""
    try:
        poll = select.poll()
        poll.register(sys.__stdout__.fileno(), select.POLLOUT)  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):  # no terminal: under a test, or gone
        return False
    return not poll.poll(0)


@contextmanager
def stop_signals(handle: Callable[[int], None]) -> Iterator[None]:
    """Hand INT, TERM and HUP to a function; one that is ignored already (HUP under nohup) stays ignored."""
    taken = [signum for signum in STOP_SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]
    before = {signum: signal.signal(signum, lambda number, _frame: handle(number)) for signum in taken}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def terminal_for_the_screen() -> Iterator[Output]:
    """Give Textual its own handle of the terminal and send descriptors 1 and 2 elsewhere.

    C code (MuJoCo, torch) writes to the descriptors directly and would tear the screen.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(STDOUT), os.dup(STDERR)
    handles = sys.__stdout__, sys.__stderr__
    output = Output()
    with io.TextIOWrapper(io.BufferedWriter(_Terminal(os.dup(saved[0]), "w")), "utf-8") as terminal:
        sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc]
        try:
            yield output
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            sys.__stdout__, sys.__stderr__ = handles  # type: ignore[misc]
            for descriptor, copy in zip((STDOUT, STDERR), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
            rest = output.close()
    with suppress(OSError):
        os.write(STDERR, rest)

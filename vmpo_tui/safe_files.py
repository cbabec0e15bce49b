"""Files that others write, read without trust: never a pipe that blocks, never more than has room."""

from __future__ import annotations

import os
import stat
from collections import deque
from pathlib import Path

NEWEST_BYTES = 1 << 16
"""Of a log, read when its reading begins, and at most at a time."""
LINE_CHARACTERS = 4096
"""Of a line that are kept."""


def read_tail(path: Path, most: int, start: int | None = None) -> tuple[bytes, bool]:
    """Return the newest bytes of a regular file, none where there is no such file.

    Args:
        path: the file.
        most: bytes to return at most.
        start: where to begin at the earliest; None for the beginning.

    Returns:
        The bytes, and whether they are all that there are from the start on.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, ValueError):
        return b"", True
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b"", True
        begin = max(start or 0, status.st_size - most)
        return os.pread(descriptor, most, begin), begin == (start or 0)
    except OSError:
        return b"", True
    finally:
        os.close(descriptor)


class GrowingText:
    """The newest lines of a text file that grows, or is replaced by a shorter one."""

    def __init__(self, path: Path, lines: int) -> None:
        """Begin to read.

        Args:
            path: the file, which may come later.
            lines: how many of the newest lines are kept.
        """
        self.path = path
        self.lines: deque[tuple[int, str]] = deque(maxlen=lines)
        """Lines by their numbers, which count up from 1."""
        self._position = 0
        self._rest = ""
        self._count = 0

    def read(self) -> bool:
        """Take in what is new, as far as there is room; return whether there was anything."""
        try:
            size = os.stat(self.path, follow_symlinks=False).st_size
        except (OSError, ValueError):
            return False
        if size < self._position:
            self._position, self._rest = 0, ""
        content, whole = read_tail(self.path, NEWEST_BYTES, self._position)
        if not content:
            return False
        begin = self._position if whole else size - len(content)
        self._position = begin + len(content)
        *lines, rest = ((self._rest if whole else "") + content.decode(errors="replace")).split("\n")
        self._rest = rest[-LINE_CHARACTERS:]
        for line in lines if whole else lines[1:]:  # the first one of a part has lost its beginning
            self._count += 1
            self.lines.append((self._count, line[:LINE_CHARACTERS].rstrip("\r").rsplit("\r", 1)[-1]))
        return True

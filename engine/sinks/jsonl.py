"""One JSON object a line: what training writes, and readers survive."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import math
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.events import KINDS, Event
from engine.files import open_own
from engine.tails import parse_row

BLOCK = 65_536
"""Bytes that are read at once on the way back from the end of a file."""
PENDING_BYTES = 64 * 2**20
"""Rows that wait for a disk with room; beyond that the oldest are given up."""


class JsonlSink:
    """Appends rows to a file, each with one write, so that a crash tears at most the last line.

    What the disk refuses waits in memory, in order, and goes first at the next write.
    A number that is not finite becomes null: JSON knows neither NaN nor infinity.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = 0
        """Rows that were given up because the disk had no room for too long."""
        self._pending = bytearray()
        self._descriptor: int | None = None
        self._open()
        self._end_torn_line()

    def write(self, row: Mapping[str, Any]) -> None:
        """Append a row; without effect after `close`.

        Raises:
            OSError: it could not be written and waits.
        """
        if self._descriptor is None:
            return
        self._pending += json.dumps(_finite(row), allow_nan=False).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        """Write what waits.

        Raises:
            OSError: some of it still waits.
        """
        if self._descriptor is None:
            return
        if os.fstat(self._descriptor).st_nlink == 0:  # the file was removed: a write would go nowhere
            self._open()
        try:
            while self._pending:
                del self._pending[: os.write(self._descriptor, self._pending)]
        finally:
            self._give_up_oldest()

    def sync(self) -> None:
        """Wait until every row is on the disk.

        Raises:
            OSError: some are not.
        """
        self.flush()
        if self._descriptor is not None:
            os.fsync(self._descriptor)

    def truncate_after(self, updates: int) -> str:
        """Drop rows whose ``updates`` is larger, so that a resumed run repeats none.

        Returns:
            Which rows before them are missing, for the user; empty if none are.
        """
        end, last = _end_of_rows(self.path, updates)
        assert self._descriptor is not None, "the sink is closed"
        os.ftruncate(self._descriptor, end)
        if last == updates:
            return ""
        return f"{self.path.name} ends at update {last}: the rows up to update {updates} are lost"

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            self.flush()
        os.close(self._descriptor)
        self._descriptor = None

    def _open(self) -> None:
        descriptor = open_own(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = descriptor

    def _give_up_oldest(self) -> None:
        excess = len(self._pending) - PENDING_BYTES
        if excess > 0:
            end = self._pending.index(b"\n", excess)  # that stays: half of the first line may be written
            self.lost += self._pending.count(b"\n", 0, end)
            del self._pending[:end]

    def _end_torn_line(self) -> None:
        """A crash may have left half a line: end it, so that the next row starts a line of its own."""
        with self.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - 1))
            torn = size > 0 and file.read(1) != b"\n"
        if torn:
            self._pending += b"\n"


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file; torn and foreign lines are passed over, a missing file has none."""
    try:
        with path.open("rb") as file:
            for line in file:
                if (row := parse_row(line)) is not None:
                    yield row
    except FileNotFoundError:
        return


def _end_of_rows(path: Path, updates: int) -> tuple[int, int]:
    """Return where the rows up to an update end in a file, and the last of these updates (0: none)."""
    end = path.stat().st_size
    for start, line in _lines_from_the_end(path):
        row = parse_row(line)
        number = row.get("updates") if row else None
        if isinstance(number, (int, float)):
            if number <= updates:
                return end, int(number)
            end = start
    return end, 0


def _lines_from_the_end(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line) of a file, the last line first."""
    with path.open("rb") as file:
        start, rest = file.seek(0, os.SEEK_END), b""
        while start > 0:
            size = min(BLOCK, start)
            start -= size
            file.seek(start)
            rest, *lines = (file.read(size) + rest).split(b"\n")
            offset = start + len(rest) + 1
            offsets = itertools.accumulate((len(line) + 1 for line in lines), initial=offset)
            yield from reversed(list(zip(offsets, lines, strict=False)))
        yield 0, rest


def event_row(event: Event) -> dict[str, Any]:
    """Return an event as a row: its kind, the time (UTC) and its fields."""
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"event": type(event).__name__, "time": now, **fields}


def event_from_row(row: Mapping[str, Any]) -> Event | None:
    """Return the event that `event_row` described; None for one of an unknown kind or shape.

    Fields that are missing take their defaults and unknown ones are passed over, so that files of other
    versions can be read.
    """
    kind = KINDS.get(str(row.get("event")))
    if kind is None:
        return None
    values = {}
    for field in dataclasses.fields(kind):
        if field.name in row:
            value = row[field.name]
            values[field.name] = tuple(value) if isinstance(value, list) else value
    try:
        return kind(**values)
    except TypeError:
        return None


def _finite(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {str(key): _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
    return value

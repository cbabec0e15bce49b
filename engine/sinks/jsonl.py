"""One JSON object a line: what training writes, and readers survive."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.events import KINDS, Event
from engine.files import replace_atomically


class JsonlSink:
    """Appends rows to a file, each with one write, so that a crash tears at most the last line.

    A number that is not finite becomes null: JSON knows neither NaN nor infinity.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
        self._end_torn_line()

    def write(self, row: Mapping[str, Any]) -> None:
        """Append a row; without effect after `close`."""
        if self._descriptor is not None:
            os.write(self._descriptor, json.dumps(_finite(row), allow_nan=False).encode() + b"\n")

    def truncate_after(self, updates: int) -> None:
        """Drop rows whose ``updates`` is larger, so that a resumed run repeats none."""
        rows = [row for row in read_rows(self.path) if row.get("updates", 0) <= updates]
        self.close()
        content = "".join(json.dumps(row) + "\n" for row in rows)
        replace_atomically(self.path, content.encode())
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _end_torn_line(self) -> None:
        """A crash may have left half a line: end it, so that the next row starts a line of its own."""
        with self.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - 1))
            torn = size > 0 and file.read(1) != b"\n"
        if torn and self._descriptor is not None:
            os.write(self._descriptor, b"\n")


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file; torn and foreign lines are passed over, a missing file has none."""
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(row, dict):
                    yield row
    except FileNotFoundError:
        return


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

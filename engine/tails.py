"""The last lines of files that grow, however large and damaged they are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

TAIL_BYTES = 65_536


def tail_rows(path: Path, size: int = TAIL_BYTES) -> list[dict[str, Any]]:
    """Return the whole JSON rows in the last part of a file, however large and damaged it is.

    Args:
        path: what is missing or no regular file (a pipe would never end) has no rows.
        size: bytes to read at most.
    """
    return [row for line in tail_lines(path, size) if (row := parse_row(line)) is not None]


def tail_lines(path: Path, size: int = TAIL_BYTES) -> list[bytes]:
    """Return the lines in the last part of a file, the last one torn or not."""
    try:
        if not path.is_file():
            return []
        with path.open("rb") as file:
            start = max(0, os.fstat(file.fileno()).st_size - size)
            file.seek(start)
            return file.read(size).splitlines()[1 if start else 0 :]
    except OSError:
        return []


def parse_row(line: bytes) -> dict[str, Any] | None:
    """Return the row that a line holds, or None for a torn or foreign line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None

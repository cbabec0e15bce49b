"""The checkpoints that a directory holds, by their names; free of torch, so that lists of runs stay quick."""

from __future__ import annotations

import re
from pathlib import Path

MANIFEST = "manifest.json"
"""The part that is written last: without it a checkpoint is not complete."""
NAME = re.compile(r"(?P<steps>\d{1,19})(-(?P<serial>\d{1,9}))?")
"""Environment steps; a second checkpoint of the same step has a serial number."""


def order(path: Path) -> tuple[int, int]:
    """Return steps and serial number of a checkpoint."""
    match = NAME.fullmatch(path.name)
    assert match is not None, f"{path} is not named like a checkpoint"
    return int(match["steps"]), int(match["serial"] or 1)


def steps_of(path: Path) -> int | None:
    """Return the steps that a run, or a checkpoint, would be gone on from; None where there is none.

    Args:
        path: a run directory for its last checkpoint, or a checkpoint.
    """
    if NAME.fullmatch(path.name) and path.parent.name == "checkpoints":
        return order(path)[0]
    checkpoints = path / "checkpoints"
    try:
        named = Path((checkpoints / "last").read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError):
        complete = generations(checkpoints)
        named = complete[-1] if complete else Path()
    return order(named)[0] if NAME.fullmatch(named.name) else None


def generations(checkpoints: Path) -> list[Path]:
    """Return the complete checkpoints in a directory, oldest first."""
    if not checkpoints.is_dir():
        return []
    named = (path for path in checkpoints.iterdir() if NAME.fullmatch(path.name))
    return sorted((path for path in named if (path / MANIFEST).exists()), key=order)

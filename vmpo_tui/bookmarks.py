"""Places in a run that somebody wants to find again: a file in its directory, which goes where it goes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from engine.files import replace_atomically
from vmpo_tui.run_view import Marker
from vmpo_tui.safe_files import read_tail
from vmpo_tui.text import si

NAME = "bookmarks.json"
LARGEST_BYTES = 1 << 20
MOST = 1000
"""Bookmarks of a run: more would be a wall."""
FURTHEST = 10**18
"""A step that no run reaches."""


def marker(step: int) -> Marker:
    """Return a bookmark as the charts show it."""
    return Marker(step, f"bookmark at {si(step)}")


def load(run_dir: Path) -> tuple[Marker, ...]:
    """Return the bookmarks of a run; none where the file is missing or damaged."""
    content, whole = read_tail(run_dir / NAME, LARGEST_BYTES)
    try:
        steps = json.loads(content) if whole else []
    except (ValueError, RecursionError):
        return ()
    if not isinstance(steps, list):
        return ()
    known = {step for step in steps if type(step) is int and 0 <= step < FURTHEST}
    return tuple(marker(step) for step in sorted(known)[:MOST])


def toggled(bookmarks: Iterable[Marker], step: int) -> tuple[Marker, ...]:
    """Return bookmarks with one more at a step, or without the one that is there."""
    steps = {one.env_steps for one in bookmarks} ^ {step}
    return tuple(marker(one) for one in sorted(steps)[:MOST])


def save(run_dir: Path, bookmarks: Iterable[Marker]) -> None:
    """Keep the bookmarks of a run.

    Raises:
        OSError: the disk refuses.
    """
    steps = [one.env_steps for one in bookmarks]
    replace_atomically(run_dir / NAME, f"{json.dumps(steps)}\n".encode())

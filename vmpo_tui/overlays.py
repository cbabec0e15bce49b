"""Other runs behind the charts: their metrics, read from their files as far as there is time."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from engine.run_directory import RunDirectory
from vmpo_tui.following import GrowingRows
from vmpo_tui.history import History

LARGEST = 1e300
"""A figure beyond it is none."""


class OtherRun:
    """The metrics of a run that another process trains, or trained.

    Raises:
        EngineError: there is no run at the path.
    """

    def __init__(self, path: Path) -> None:
        directory = RunDirectory.open(path)
        self.path = directory.path
        self.name = directory.path.name
        self.history = History()
        self.rows = 0
        """Rows taken in so far, those of a file that was replaced included."""
        self._rows = GrowingRows(directory.metrics, skim=True)

    def read(self, deadline: float) -> bool:
        """Take in new rows until a deadline, in monotonic seconds; return whether that was all of them."""
        while time.monotonic() < deadline:
            row = self._rows.peek()
            if self._rows.replaced:  # by one that was resumed from an earlier checkpoint
                self._rows.replaced = False
                self.history.truncate_after(-math.inf)
            if row is None:
                return True
            self._rows.take()
            figures = _figures(row)
            if figures.get("env_steps", -1.0) > self._last_step():
                self.history.record(figures)
                self.rows += 1
        return False

    def _last_step(self) -> float:
        steps = self.history.metrics.get("env_steps")
        return float(steps.x[-1]) if steps else -1.0


class OtherRuns:
    """The runs that were chosen to be seen behind this one."""

    def __init__(self) -> None:
        self._runs: list[OtherRun] = []

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def paths(self) -> list[Path]:
        """Their directories."""
        return [run.path for run in self._runs]

    @property
    def histories(self) -> list[tuple[str, History]]:
        """Name and history of each, which grow as they are read."""
        return [(run.name, run.history) for run in self._runs]

    def choose(self, paths: Sequence[Path]) -> list[EngineError]:
        """Follow the runs at these paths from now on; return what was wrong with those that cannot be."""
        known = {run.path: run for run in self._runs}
        self._runs, errors = [], []
        for path in paths:
            try:
                self._runs.append(known.get(path) or OtherRun(path))
            except EngineError as error:
                errors.append(error)
        return errors

    def read(self, seconds: float) -> bool:
        """Take in what is new for at most some seconds; return whether there was anything."""
        deadline = time.monotonic() + seconds
        before = [run.rows for run in self._runs]
        for run in self._runs:
            run.read(deadline)
        return [run.rows for run in self._runs] != before


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    """Return what is a number in a row that anybody may have written; null stands for one not finite."""
    return {
        name: math.nan if value is None else float(value)
        for name, value in row.items()
        if value is None or (type(value) in (int, float) and abs(value) < LARGEST)
    }

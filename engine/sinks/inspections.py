"""What updates looked like inside, for those who look at a run from its files: ever fewer of ever more."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.events import AdvantageHistogram, Inspection
from engine.sinks.jsonl import JsonlSink

GROWTH = 1.001
"""Ratio of the steps of two rows: a million updates keep under 15,000, and the newest is a thousandth old."""


class InspectionSink:
    """Writes inspections.jsonl: the `Inspection` of each update at first, later of those some steps apart."""

    def __init__(self, path: Path) -> None:
        self.rows = JsonlSink(path)
        self._next = 0.0

    def write(self, metrics: Mapping[str, float], inspection: Inspection) -> None:
        """Append what an update looked like, unless the last one is as good as new.

        Args:
            metrics: the update's, with its ``env_steps`` and ``updates``.
            inspection: what to keep of it.

        Raises:
            OSError: it could not be written and waits.
        """
        if metrics["env_steps"] < self._next:
            return
        self._next = GROWTH * metrics["env_steps"]
        self.rows.write(_row(metrics, inspection))

    def truncate_after(self, updates: int) -> None:
        """Drop rows whose ``updates`` is larger, so that a resumed run repeats none."""
        self.rows.truncate_after(updates)
        self._next = 0.0


def inspection_from_row(row: Mapping[str, Any]) -> Inspection | None:
    """Return what a row of inspections.jsonl holds; None for one of another shape."""
    try:
        advantages = row["advantages"]
        counts, weights = tuple(map(int, advantages["counts"])), tuple(map(float, advantages["weights"]))
        low, high, threshold = (float(advantages[name]) for name in ("low", "high", "threshold"))
        std, selected = tuple(map(float, row["std"])), int(advantages["selected"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    known = all(map(math.isfinite, (low, high, threshold, *weights, *std)))
    if not (known and low < high and len(counts) == len(weights) > 0):
        return None
    if min(counts) < 0 or min(std, default=1.0) <= 0:
        return None
    return Inspection(std, AdvantageHistogram(low, high, counts, weights, threshold, selected))


def _row(metrics: Mapping[str, float], inspection: Inspection) -> dict[str, Any]:
    histogram = inspection.advantages
    return {
        "env_steps": metrics["env_steps"],
        "updates": metrics["updates"],
        "std": _short(inspection.std),
        "advantages": {**dataclasses.asdict(histogram), "weights": _short(histogram.weights)},
    }


def _short(values: tuple[float, ...]) -> tuple[float, ...]:
    """Return values as exactly as anybody sees them: most of a row's bytes are their digits."""
    return tuple(float(f"{value:.4g}") for value in values)

"""Learning curves from run directories: read, smoothed, and put together over seeds. No drawing."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.config import Config
from engine.run_directory import RunDirectory
from engine.sinks.jsonl import read_rows
from vmpo_tui.history import RETURN

Floats = NDArray[np.float64]

EVALUATION = "eval/return_mean"
TRAINING = RETURN
ABSCISSAE = {"steps": "env_steps", "updates": "updates", "seconds": "seconds"}
"""What curves can be drawn over, and the metric that holds it."""
SECTIONS = ("env", "network", "vmpo", "optimizer")
"""Settings that decide how a run learns; runs alike in them, and in their length, differ by seed only."""
MOST_SETTINGS = 3
"""That a label names."""
MOST_POINTS = 1000
"""Of a curve over several runs."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric of one run: ascending ``x`` and finite ``y`` [n]."""

    x: Floats
    y: Floats


@dataclass(frozen=True, slots=True)
class Band:
    """A metric of several runs: median and quartiles [n]; those of a single run are the run itself."""

    x: Floats
    median: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class History:
    """What a run has written so far."""

    name: str
    config: Config
    metrics: dict[str, Floats]
    """Each chosen metric and abscissa [rows], nan where a row lacks it."""
    names: frozenset[str]
    """Every metric that the run has."""
    evaluations: dict[str, Floats]
    """env_steps, updates and mean return of each evaluation [k], those asked for by key included."""

    def curve(self, metric: str, x: str = "steps") -> Curve:
        """Return one of the metrics that were read over an abscissa; what the run lacks has no points."""
        over = ABSCISSAE[x]
        if metric == EVALUATION:
            return _curve(self._evaluated_at(over), self.evaluations[EVALUATION])
        return _curve(self.metrics[over], self.metrics[metric])

    def _evaluated_at(self, over: str) -> Floats:
        """Return the abscissae of the evaluations; their time is that of the update they followed."""
        if over in self.evaluations:
            return self.evaluations[over]
        times = _curve(self.metrics["updates"], self.metrics[over])
        if not len(times.x):
            return np.full(len(self.evaluations["updates"]), np.nan)
        return np.interp(self.evaluations["updates"], times.x, times.y)


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that differ by seed only."""

    label: str
    runs: list[History]
    """At least one."""

    @property
    def env_id(self) -> str:
        """The environment."""
        return self.runs[0].config.env.id


def read_history(path: Path, metrics: Iterable[str]) -> History:
    """Read a run directory, the whole of it but only these metrics.

    Raises:
        EngineError: it is no run directory, or its settings cannot be read.
    """
    directory = RunDirectory.open(path)
    config = Config.from_toml(directory.config)
    wanted = {*metrics, *ABSCISSAE.values()} - {EVALUATION}
    columns: dict[str, list[float]] = {name: [] for name in wanted}
    names: set[str] = set()
    for row in read_rows(directory.metrics):
        names.update(row)
        for name, column in columns.items():
            column.append(_number(row.get(name)))
    evaluations = _read_evaluations(directory.events)
    if len(evaluations["updates"]):
        names.add(EVALUATION)
    arrays = {name: np.array(column, dtype=np.float64) for name, column in columns.items()}
    return History(directory.path.name, config, arrays, frozenset(names), evaluations)


def _read_evaluations(path: Path) -> dict[str, Floats]:
    """Read the evaluations; those that a resumed run left behind, beyond its checkpoint, are dropped."""
    kept: list[tuple[float, float, float]] = []
    for row in read_rows(path):
        steps, updates = _number(row.get("env_steps")), _number(row.get("updates"))
        if row.get("event") == "RunStarted":
            kept = [entry for entry in kept if entry[0] <= steps]
        elif row.get("event") == "EvaluationCompleted" and isinstance(row.get("returns"), list):
            returns = [_number(value) for value in row["returns"]]
            kept.append((steps, updates, float(np.mean(returns)) if returns else np.nan))
    table = np.array(kept, dtype=np.float64).reshape(-1, 3)
    return {"env_steps": table[:, 0], "updates": table[:, 1], EVALUATION: table[:, 2]}


def _number(value: Any) -> float:
    """Return a figure that anybody may have written; nan for what is none."""
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e300 else np.nan


def _curve(x: Floats, y: Floats) -> Curve:
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    order = np.argsort(x, kind="stable")
    return Curve(x[order], y[order])


def smoothed(curve: Curve, window: int | None) -> Curve:
    """Return the running mean over ``window`` points around each; None takes a fiftieth of the curve."""
    reach = (len(curve.y) // 50 if window is None else window) // 2
    if reach < 1 or not len(curve.y):
        return curve
    sums = np.concatenate([[0.0], np.cumsum(curve.y)])
    index = np.arange(len(curve.y))
    first, last = np.maximum(index - reach, 0), np.minimum(index + reach + 1, len(curve.y))
    return Curve(curve.x, (sums[last] - sums[first]) / (last - first))


def summarize(curves: Sequence[Curve]) -> Band:
    """Return median and quartiles over runs, wherever at least half of them have got to.

    Runs are interpolated linearly between their points and never extrapolated.
    """
    curves = [curve for curve in curves if len(curve.x)]
    if len(curves) < 2:
        curve = curves[0] if curves else Curve(np.zeros(0), np.zeros(0))
        return Band(curve.x, curve.y, curve.y, curve.y)
    grid = np.unique(np.concatenate([curve.x for curve in curves]))
    if len(grid) > MOST_POINTS:
        grid = np.linspace(grid[0], grid[-1], MOST_POINTS)
    values = np.stack([np.interp(grid, curve.x, curve.y, left=np.nan, right=np.nan) for curve in curves])
    reached = np.isfinite(values).sum(axis=0) * 2 >= len(curves)
    low, median, high = np.nanpercentile(values[:, reached], [25, 50, 75], axis=0)
    return Band(grid[reached], median, low, high)


def grouped(histories: Iterable[History]) -> list[Group]:
    """Put runs of one environment and configuration together, in the order of their first run.

    Labels name what tells the groups apart: the environment, and the settings that differ (or, where those
    are many, a run).
    """
    runs: dict[tuple[tuple[str, Any], ...], list[History]] = defaultdict(list)
    for history in histories:
        runs[tuple(_identity(history.config).items())].append(history)
    settings = [dict(identity) for identity in runs]
    return [
        Group(_label(entry, _differing(entry, settings), members), members)
        for entry, members in zip(settings, runs.values(), strict=True)
    ]


def _differing(settings: dict[str, Any], others: Iterable[dict[str, Any]]) -> list[str]:
    """Return the settings in which groups of the same environment differ."""
    alike = [other for other in others if other["env.id"] == settings["env.id"]]
    return [key for key, value in settings.items() if any(other[key] != value for other in alike)]


def _identity(config: Config) -> dict[str, Any]:
    """Return the settings that decide how a run learns, by dotted name."""
    settings = {
        f"{section}.{key}": value
        for section in SECTIONS
        for key, value in dataclasses.asdict(getattr(config, section)).items()
    }
    return settings | {"run.total_steps": config.run.total_steps}


def _label(settings: dict[str, Any], differing: Sequence[str], members: Sequence[History]) -> str:
    parts = [settings["env.id"]]
    if len(differing) <= MOST_SETTINGS:
        parts += (f"{key.partition('.')[2]} {settings[key]}" for key in differing)
    else:
        parts.append(f"as in {members[0].name}" if len(members) > 1 else members[0].name)
    if len(members) > 1:
        distinct = len({member.config.run.seed for member in members}) == len(members)
        parts.append(f"{len(members)} {'seeds' if distinct else 'runs'}")
    return ", ".join(parts)

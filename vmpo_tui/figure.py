"""What a figure of learning curves shows, before anybody draws it: panels of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vmpo_tui.curves import EVALUATION, TRAINING, Band, Curve, Group, smoothed, summarize

X_LABELS = {"steps": "environment steps", "updates": "updates", "seconds": "seconds"}
DEFAULT_LABEL = "return"


@dataclass(frozen=True, slots=True)
class Line:
    """A curve of a group of runs."""

    group: int
    """Which group; gives the colour."""
    band: Band
    faint: bool = False
    """In the background of another line."""
    points: bool = False
    """With a mark at every point: there are few."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes."""

    y_label: str
    lines: tuple[Line, ...]
    """In drawing order."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels over one abscissa, with the groups' names in the order of their numbers."""

    x_label: str
    labels: tuple[str, ...]
    panels: tuple[Panel, ...]


def compose(groups: Sequence[Group], metrics: Sequence[str], x: str, window: int | None) -> Figure:
    """Return the figure of some groups of runs.

    Args:
        groups: runs that were read with these metrics, or with `EVALUATION` and `TRAINING`.
        metrics: one panel each; without any, one panel with evaluations over training returns.
        x: a key of `X_LABELS`.
        window: of the running mean, in points; None for a fiftieth of each curve. Evaluations stay as
            they are.
    """
    panels = [_metric_panel(groups, metric, x, window) for metric in metrics]
    return Figure(
        X_LABELS[x],
        tuple(group.label for group in groups),
        tuple(panels) or (_return_panel(groups, x, window),),
    )


def _metric_panel(groups: Sequence[Group], metric: str, x: str, window: int | None) -> Panel:
    bands = [summarize(_curves(group, metric, x, window)) for group in groups]
    lines = (Line(index, band, points=_few(band)) for index, band in enumerate(bands) if len(band.x))
    return Panel(metric, tuple(lines))


def _return_panel(groups: Sequence[Group], x: str, window: int | None) -> Panel:
    """Return evaluations over the faint training returns; before the second evaluation, those alone."""
    behind, front = [], []
    for index, group in enumerate(groups):
        training = summarize(_curves(group, TRAINING, x, window))
        evaluation = summarize(_curves(group, EVALUATION, x, None))
        followed = len(evaluation.x) > 1
        if len(training.x):
            behind.append(Line(index, training, faint=followed, points=_few(training)))
        if len(evaluation.x):
            front.append(Line(index, evaluation, points=_few(evaluation)))
    return Panel(DEFAULT_LABEL, (*behind, *front))


def _curves(group: Group, metric: str, x: str, window: int | None) -> list[Curve]:
    curves = [run.curve(metric, x) for run in group.runs]
    return curves if metric == EVALUATION else [smoothed(curve, window) for curve in curves]


def _few(band: Band) -> bool:
    return bool(np.size(band.x) <= 40)

"""What a figure of learning curves shows, before anybody draws it: panels of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmpo_tui.curves import EVALUATION, TRAINING, Band, Curve, Group, smoothed, summarize

X_LABELS = {"steps": "environment steps", "updates": "updates", "seconds": "seconds"}
RETURN_LABEL = "return"
BAND_NOTE = "median and interquartile range over runs"
FAINT_NOTE = "faint: training episodes"
FEW_POINTS = 40
"""A curve of no more points than this gets a mark at each."""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve of a group of runs."""

    group: int
    """Which group; gives the colour."""
    band: Band
    faint: bool = False
    """In the background of another line."""

    @property
    def marked(self) -> bool:
        """Whether each point gets a mark."""
        return not self.faint and len(self.band.x) <= FEW_POINTS


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: a metric of one environment, since others have other scales."""

    title: str
    """The environment; empty where the figure has one only."""
    y_label: str
    lines: tuple[Line, ...]
    """In drawing order."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels over one abscissa."""

    x_label: str
    labels: tuple[str, ...]
    """Of the groups, in the order of their numbers."""
    panels: tuple[Panel, ...]
    note: str
    """What bands and faint lines are; empty where there are none."""


def compose(groups: Sequence[Group], metrics: Sequence[str], x: str, window: int | None) -> Figure:
    """Return the figure of some groups of runs.

    Args:
        groups: runs that were read with these metrics, or with `EVALUATION` and `TRAINING`.
        metrics: one panel each for every environment; without any, evaluations over training returns.
        x: a key of `X_LABELS`.
        window: of the running mean, in points; None for a fiftieth of each curve. Evaluations stay as
            they are.
    """
    environments = list(dict.fromkeys(group.env_id for group in groups))
    panels = []
    for metric in metrics or (RETURN_LABEL,):
        for env_id in environments:
            shown = [(index, group) for index, group in enumerate(groups) if group.env_id == env_id]
            lines = _metric_lines(shown, metric, x, window) if metrics else _return_lines(shown, x, window)
            panels.append(Panel(env_id if len(environments) > 1 else "", metric, tuple(lines)))
    return Figure(X_LABELS[x], tuple(group.label for group in groups), tuple(panels), _note(groups, panels))


def _note(groups: Sequence[Group], panels: Sequence[Panel]) -> str:
    notes = []
    if any(len(group.runs) > 1 for group in groups):
        notes.append(BAND_NOTE)
    if any(line.faint for panel in panels for line in panel.lines):
        notes.append(FAINT_NOTE)
    return "; ".join(notes)


def _metric_lines(groups: Sequence[tuple[int, Group]], metric: str, x: str, window: int | None) -> list[Line]:
    bands = ((index, summarize(_curves(group, metric, x, window))) for index, group in groups)
    return [Line(index, band) for index, band in bands if len(band.x)]


def _return_lines(groups: Sequence[tuple[int, Group]], x: str, window: int | None) -> list[Line]:
    """Return evaluations over the faint training returns; before the second evaluation, those alone."""
    behind, front = [], []
    for index, group in groups:
        training = summarize(_curves(group, TRAINING, x, window))
        evaluation = summarize(_curves(group, EVALUATION, x, None))
        followed = len(evaluation.x) > 1
        if len(training.x):
            behind.append(Line(index, training, faint=followed))
        if followed or not len(training.x):
            front.append(Line(index, evaluation))
    return [*behind, *(line for line in front if len(line.band.x))]


def _curves(group: Group, metric: str, x: str, window: int | None) -> list[Curve]:
    curves = [run.curve(metric, x) for run in group.runs]
    return curves if metric == EVALUATION else [smoothed(curve, window) for curve in curves]

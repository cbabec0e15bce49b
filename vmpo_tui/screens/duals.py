"""Screen 3, the duals: what V-MPO balances, how its constraints hold, and what the figures say about it."""

from __future__ import annotations

import math

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Grid

from vmpo_tui.diagnosis import FEW_ROWS, Diagnosis
from vmpo_tui.history import Series
from vmpo_tui.plotting.outliers import inner_range
from vmpo_tui.run_view import RunView
from vmpo_tui.screens.base import RunScreen
from vmpo_tui.text import number
from vmpo_tui.widgets.chart import Chart, Curve
from vmpo_tui.widgets.findings import FindingPanel
from vmpo_tui.widgets.gauge import Gauge
from vmpo_tui.widgets.heat import HeatStrip
from vmpo_tui.widgets.histogram import Histogram
from vmpo_tui.widgets.tile import Tile

# Metric, colour and name of each dual variable.
DUALS: tuple[tuple[str, str, str], ...] = (
    ("dual/temperature", "eta", "η"),
    ("dual/alpha_mean", "mean", "α μ"),
    ("dual/alpha_covariance", "covariance", "α Σ"),
    ("dual/alpha", "mean", "α"),
)
# Metric, colour, short and long name of each constraint.
CONSTRAINTS: tuple[tuple[str, str, str, str], ...] = (
    ("kl/mean", "mean", "KL μ", "KL of the mean"),
    ("kl/policy", "mean", "KL π", "KL of the policy"),
    ("kl/covariance", "covariance", "KL Σ", "KL of the covariance"),
    ("estep/kl", "eta", "E-step", "E-step KL"),
)
COLOURS = {"eta": "$warning", "mean": "$primary", "covariance": "$third-curve", "bound": "$error"}
EVIDENCE = 20
"""Updates before the diagnosis says that nothing stands out."""


class DualChart(Chart):
    """A chart whose curves are coloured by what they belong to."""

    COMPONENT_CLASSES = {f"dual--{name}" for name in COLOURS}
    DEFAULT_CSS = "DualChart { border: round $frame; border-title-color: $text-muted; }" + "".join(
        f"DualChart .dual--{name} {{ color: {colour}; }}" for name, colour in COLOURS.items()
    )


class Duals(RunScreen):
    """Diagnosis, dual variables, constraints, sigma and advantages; complete at 80x24."""

    LABEL = "duals"
    CSS_PATH = "duals.tcss"
    KEYS = [
        Binding(
            "d",
            "next_finding",
            "next finding",
            show=False,
            tooltip="begin with the next finding",
            id="duals.next",
        )
    ]
    BINDINGS = [*KEYS]

    def __init__(self) -> None:
        super().__init__()
        self._diagnosis = Diagnosis()

    def compose_body(self) -> ComposeResult:
        """Lay the widgets out; the style sheet moves them with the terminal's size."""
        findings = FindingPanel(id="findings")
        findings.border_title = "diagnosis"
        yield findings
        with Grid(id="constraints") as constraints:
            constraints.border_title = "constraints: value of bound"
            for metric, _, short, _ in CONSTRAINTS:
                yield Gauge(short, id=_id("gauge", metric))
            yield Tile("effective sample size", id="ess")
        with Grid(id="panels"):
            yield DualChart(logarithmic=True, id="duals-chart")
            for metric, *_ in CONSTRAINTS:
                yield (chart := DualChart(id=_id("chart", metric), classes="kl"))
                chart.metric = metric
            yield (chart := DualChart(id="ess-chart"))
            chart.metric = "estep/ess"
            yield DualChart(id="ratios")
            yield Histogram(id="advantages")
            yield HeatStrip(id="sigma")
            yield (chart := DualChart(id="entropy"))
            chart.metric = "policy/entropy"

    def action_next_finding(self) -> None:
        """Begin with the next finding."""
        self.query_one(FindingPanel).next()

    def show_body(self, view: RunView) -> None:
        """Show a view."""
        self.set_class(not view.continuous, "-discrete")
        ready = len(view.history.metrics.get("dual/temperature", ())) >= EVIDENCE
        self.query_one(FindingPanel).show(self._diagnosis.of(view), ready=ready)
        self._show_duals(view)
        self._show_constraints(view)
        self._show_sample_size(view)
        self._show_advantages(view)
        self._show_policy(view)
        marks = tuple(float(mark.env_steps) for mark in view.marks)
        for chart in self.query(DualChart):
            chart.mark(marks)

    def _show_duals(self, view: RunView) -> None:
        chart = self.query_one("#duals-chart", DualChart)
        named = "  ".join(
            f"[{COLOURS[colour]}]{name}[/] {number(view.latest.get(metric))}"
            for metric, colour, name in DUALS
            if metric in view.history.metrics
        )
        chart.border_title = named or "dual variables"
        chart.show(tuple(_curve(view, metric, colour) for metric, colour, _ in DUALS))

    def _show_constraints(self, view: RunView) -> None:
        ratios: list[Curve] = []
        names: list[str] = []
        for metric, colour, short, long in CONSTRAINTS:
            absent = metric not in view.history.metrics and (bool(view.latest) or metric == "kl/policy")
            gauge = self.query_one(_id("#gauge", metric), Gauge)
            chart = self.query_one(_id("#chart", metric), DualChart)
            gauge.set_class(absent, "absent")
            chart.set_class(absent, "absent")
            value, bound = view.latest.get(metric), view.bounds.get(metric)
            gauge.show(short, value, bound)
            chart.border_subtitle = f"[$error]━[/] bound {number(bound)}"
            curve = _curve(view, metric, colour)
            low, high, clipped = inner_range([curve.y])
            beyond = f"  [$warning]{clipped:,} clipped[/]" if clipped else ""
            chart.border_title = f"{long}  [$text]{number(value)}[/]{beyond}"
            inner = (min(low, bound or low), max(high, bound or high)) if clipped else None
            chart.show((_level(curve, bound), curve), heights=inner)
            if bound and not absent:
                ratios.append(_curve(view, metric, colour, scale=1.0 / bound))
                names.append(f"[{COLOURS[colour]}]{short}[/]")
        chart = self.query_one("#ratios", DualChart)
        chart.border_title = f"{' '.join(names)} of their [$error]bound[/]"
        chart.show((*ratios, *(_level(curve, 1.0) for curve in ratios[:1])))

    def _show_sample_size(self, view: RunView) -> None:
        share = self._selected(view)
        series = view.history.metrics.get("estep/ess")
        self.query_one("#ess", Tile).show(f"ESS, share of {share}", series, "estep/ess")
        chart = self.query_one("#ess-chart", DualChart)
        chart.border_title = (
            f"effective sample size of {share}  [$text]{number(view.latest.get('estep/ess'))}[/]"
        )
        chart.border_subtitle = f"[$error]━[/] few rows carry the weight under {FEW_ROWS:.0%}"
        curve = _curve(view, "estep/ess", "eta")
        chart.show((_level(curve, FEW_ROWS), curve))

    def _show_advantages(self, view: RunView) -> None:
        widget = self.query_one("#advantages", Histogram)
        widget.border_title = (
            f"advantages, {self._selected(view)} selected" if view.inspection else "advantages"
        )
        widget.border_subtitle = "[$primary 70%]█[/] rows  [$warning]━[/] their weight ψ"
        widget.show(view.inspection.advantages if view.inspection else None)

    @staticmethod
    def _selected(view: RunView) -> str:
        """Name the selected rows: "all rows", or "top 50 %"."""
        if view.inspection is None:
            return "selected rows"
        histogram = view.inspection.advantages
        rows = max(1, sum(histogram.counts))
        return "all rows" if histogram.selected >= rows else f"top {100 * histogram.selected / rows:.3g} %"

    def _show_policy(self, view: RunView) -> None:
        sigma, entropy = self.query_one("#sigma", HeatStrip), self.query_one("#entropy", DualChart)
        sigma.border_title = f"σ per dimension, mean [$text]{number(view.latest.get('policy/std_mean'))}[/]"
        clipped = view.latest.get("policy/saturated")
        sigma.border_subtitle = "" if clipped is None else f"{clipped:.0%} of actions clipped"
        sigma.show(view.history.sigmas)
        entropy.border_title = f"entropy  [$text]{number(view.latest.get('policy/entropy'))}[/]"
        entropy.border_subtitle = "[$error]━[/] of random actions"
        curve = _curve(view, "policy/entropy", "mean")
        entropy.show((_level(curve, math.log(view.action_size) if view.action_size > 1 else None), curve))


def _id(prefix: str, metric: str) -> str:
    return f"{prefix}-{metric.replace('/', '-')}"


def _curve(view: RunView, metric: str, colour: str, scale: float = 1.0) -> Curve:
    """A metric's history; empty where the run has none."""
    series = view.history.metrics.get(metric) or Series()
    if scale != 1.0:
        return Curve(series.x, series.y * scale, f"dual--{colour}")
    return Curve(series.x, series.y, f"dual--{colour}", pyramid=series.pyramid)


def _level(curve: Curve, value: float | None) -> Curve:
    """A horizontal line under the whole of a curve; none without a value."""
    x = curve.x[[0, -1]] if len(curve.x) and value is not None else curve.x[:0]
    return Curve(x, np.full(len(x), value or 0.0), "dual--bound")

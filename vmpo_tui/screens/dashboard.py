"""Screen 1, the dashboard: the return curve, the dual variables, their constraints and the events."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Grid, Horizontal, Vertical

from vmpo_tui.diagnosis import Diagnosis, Severity
from vmpo_tui.gallery import RETURN
from vmpo_tui.run_view import RunView
from vmpo_tui.screens.base import RunScreen
from vmpo_tui.widgets.chart import Chart, Curve
from vmpo_tui.widgets.event_log import EventLog
from vmpo_tui.widgets.findings import FindingLine
from vmpo_tui.widgets.gauge import Gauge
from vmpo_tui.widgets.robot import RobotTile
from vmpo_tui.widgets.tile import DISCRETE_LABELS, TILES, Tile, present

DISCRETE_GAUGES = {"kl/policy": "KL π"}
GAUGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("KL μ", ("kl/mean", "kl/policy")),
    ("KL Σ", ("kl/covariance",)),
    ("E-step", ("estep/kl",)),
)
LEGEND = "[$primary 40%]▒[/] episodes  [$primary]━[/] smoothed  [$warning]●[/] evaluations"


class Dashboard(RunScreen):
    """Everything at a glance, complete at 80x24; below 60x16 only the numbers."""

    LABEL = "dashboard"
    CSS_PATH = "dashboard.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._diagnosis = Diagnosis()
        self._returns = Chart(placeholder="the first episodes are under way", id="returns")
        self._gauges = [Gauge(label) for label, _ in GAUGES]
        self._tiles = [Tile(label, logarithmic=logarithmic) for label, _, logarithmic in TILES]

    def compose_body(self) -> ComposeResult:
        """Lay the widgets out; the style sheet moves them with the terminal's size."""
        with Horizontal(id="body"):
            with Vertical(id="score") as frame:  # a frame of its own: a framed widget is styled line by line
                frame.border_title, frame.border_subtitle = "return", LEGEND
                self._returns.metric = RETURN
                yield self._returns
            with Vertical(id="side"):
                with Vertical(id="gauges") as gauges:
                    gauges.border_title = "constraints: value of bound"
                    yield from self._gauges
                with Grid(id="tiles") as tiles:
                    tiles.border_title = "duals and health"
                    yield from self._tiles
        yield FindingLine(id="finding")
        with Horizontal(id="foot"):
            log = EventLog(id="events", max_lines=500)
            log.border_title = "events"
            log.can_focus = False
            yield log
            yield RobotTile(id="robot-tile")

    def on_resize(self) -> None:
        """Keep the newest event in sight."""
        self.call_after_refresh(self.query_one(EventLog).scroll_end, animate=False)

    def show_body(self, view: RunView) -> None:
        """Show a view."""
        self._show_returns(view)
        for gauge, (label, names) in zip(self._gauges, GAUGES, strict=True):
            metric = present(view, names) or ""
            gauge.display = bool(metric) or not view.latest
            gauge.show(DISCRETE_GAUGES.get(metric, label), view.latest.get(metric), view.bounds.get(metric))
        for tile, (label, names, _) in zip(self._tiles, TILES, strict=True):
            name = present(view, names)
            # A metric that this kind of policy does not have makes room for the others.
            tile.set_class(name is None and bool(view.latest), "absent")
            tile.show(
                DISCRETE_LABELS.get(name or "", label), view.history.metrics.get(name or ""), name or ""
            )
        self.query_one(EventLog).show(view.log)
        self.query_one(RobotTile).show(view)
        findings = self._diagnosis.of(view)
        self.query_one(FindingLine).show([one for one in findings if one.severity > Severity.NOTE])

    def _show_returns(self, view: RunView) -> None:
        history = view.history
        x = history.returns.x
        curves = (
            Curve(x, history.lowest.y, "chart--raw", upper=history.highest.y, faint=True),
            Curve(x, history.smoothed(), "chart--smooth", pyramid=history.average.pyramid),
            Curve(history.evaluations.x, history.evaluations.y, "chart--evaluation", history.deviations.y),
        )
        markers = tuple(float(marker.env_steps) for marker in view.marks)
        self._returns.show(curves, x_end=float(max(view.env_steps, 1)), markers=markers)

"""Screen 2, the charts: every metric, in a grid that zooms, reads, smooths, filters and compares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Grid
from textual.widgets import Input

from engine.run_directory import runs_root
from vmpo_tui import chart_files
from vmpo_tui.gallery import Gallery
from vmpo_tui.look import AXES, GRIDS, Look, restored_grid
from vmpo_tui.overlays import OtherRuns
from vmpo_tui.plotting.panel import Panel
from vmpo_tui.plotting.raster import Window
from vmpo_tui.plotting.viewport import panned, zoomed
from vmpo_tui.run_view import RunView
from vmpo_tui.screens.base import RunScreen, filter_pattern
from vmpo_tui.screens.chart_keys import CHART_KEYS
from vmpo_tui.screens.dialogs import ExportDialog
from vmpo_tui.screens.run_picker import RunPicker
from vmpo_tui.text import duration, printable
from vmpo_tui.widgets.look_line import Entry, LookLine
from vmpo_tui.widgets.metric_chart import MetricChart

MOST_CHARTS = 9
ZOOM, STEP = 0.5, 0.1
"""Share of a stretch that one key press leaves, or moves by."""
READ_SECONDS, READ_EVERY = 0.05, 0.2
"""How long to read other runs at a time, and how often."""


class Charts(RunScreen):
    """A grid of charts over one abscissa; what is chosen holds for all, but for each one's vertical axis."""

    LABEL = "charts"
    CSS_PATH = "charts.tcss"
    KEYS = CHART_KEYS
    BINDINGS = [*KEYS]

    def __init__(self) -> None:
        super().__init__()
        self._view = RunView()
        self._gallery = Gallery()
        self._look = Look()
        self._pattern: re.Pattern[str] | None = None
        self._grid: int | None = None
        self._first = 0
        self._full: str | None = None
        self._others = OtherRuns()

    def compose_body(self) -> ComposeResult:
        """Yield the charts, the lines under them, and the field for the filter."""
        with Grid(id="grid"):
            for _ in range(MOST_CHARTS):
                yield MetricChart()
        yield LookLine()
        yield Input(placeholder="text or regular expression; esc shows all charts", compact=True)

    def on_mount(self) -> None:
        """Read other runs while there are any."""
        self.set_interval(READ_EVERY, self._read_others)

    def keep(self) -> dict[str, Any]:
        """Return how the charts are drawn."""
        return {"look": self._look.kept(), "grid": self._grid}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Draw the charts as they were."""
        self._look, self._grid = Look.restored(kept["look"]), restored_grid(kept["grid"])

    def open_metric(self, metric: str, view: RunView) -> None:
        """Show a metric on the whole screen, whether or not this one is in front yet."""
        self._gallery.follow(view.history, view.marks)
        self._full, self._pattern = metric, None

    def show_body(self, view: RunView) -> None:
        """Show a view."""
        self._view = view
        self._gallery.follow(view.history, view.marks)
        self._draw()

    # What is shown, and where

    def _shape(self) -> tuple[int, int]:
        """Return columns and rows of the grid: the chosen ones, else what the size is good for."""
        width, height = self.size
        if height < 16 or width < 60:
            return 1, min(MOST_CHARTS, max(1, height - 6))  # lines with numbers
        if self._full is not None:
            return 1, 1
        if self._grid is not None:
            return GRIDS[self._grid]
        return (3, 3) if width >= 170 else (2, 3) if height >= 32 else (2, 2)

    def _names(self) -> list[str]:
        names = self._gallery.names()
        return names if self._pattern is None else [name for name in names if self._pattern.search(name)]

    def _shown(self) -> list[str]:
        """Return the metrics of the charts in sight."""
        names, (columns, rows) = self._names(), self._shape()
        if self._full in names and self._full is not None:
            return [self._full]
        self._full = None
        room = columns * rows
        self._first = max(0, min(self._first, (len(names) - 1) // room * room))
        return names[self._first : self._first + room]

    def _draw(self) -> None:
        """Arrange the grid and draw every chart of it."""
        shown, (columns, rows) = self._shown(), self._shape()
        grid = self.query_one("#grid", Grid)
        grid.styles.grid_size_columns, grid.styles.grid_size_rows = columns, rows
        charts = list(self.query(MetricChart))
        for index, chart in enumerate(charts):
            chart.display = index < max(1, len(shown))
            if index < len(shown):
                chart.show(shown[index], self._gallery.panel(self._look, shown[index]))
        if not shown:
            text = "no chart of that name" if self._pattern else "the first update is under way"
            charts[0].show("", Panel("", (), Window(0.0, 1.0, 0.0, 1.0), empty=text))
        self._describe(shown)

    def _describe(self, shown: list[str]) -> None:
        """Say under the charts how they are drawn."""
        names = self._names()
        first = names.index(shown[0]) + 1 if shown else 0
        last = first + len(shown) - 1 if shown else 0
        place = f"{first} of {len(names)}" if first == last else f"{first}-{last} of {len(names)}"
        legend = self._gallery.legend(self._look)
        entries = [
            (name and self.key(f"charts.{name}", name), text, set_) for name, text, set_ in self._entries()
        ]
        self.query_one(LookLine).show(tuple(entries), place, tuple(legend))

    def _entries(self) -> Iterator[Entry]:
        """Yield what the keys have set, each with the name of its key."""
        look = self._look
        if look.cursor is not None:
            at = (
                duration(look.cursor)
                if look.axis == "seconds"
                else f"{look.cursor:,.0f} {AXES[look.axis][0]}"
            )
            near = self._gallery.marker_near(look, self._width() / self._chosen().plot_size[0])
            yield "", f"at {at}{f': {near}' if near else ''}", True
        if look.x.stretch is not None:
            yield "tail", "follows the newest" if look.x.locked else "held", True
        yield "axis", AXES[look.axis][0], look.axis != "env_steps"
        scale = look.scale(self._chosen().metric)
        yield "scale", scale, scale != "linear"
        yield "smooth", f"smoothed over {look.span}" if look.span else "raw", bool(look.span)
        yield "outliers", "outliers clipped" if look.clipping else "all points", look.clipping
        count = len(self._others)
        yield "overlay", f"{count} other run{'s' * (count != 1)}" if count else "other runs", bool(count)
        yield "full", "grid" if self._full is not None else "full", self._full is not None
        filtered = self._pattern is not None
        yield "filter", printable(self._pattern.pattern) if self._pattern else "filter", filtered

    def _chosen(self) -> MetricChart:
        """Return the chart that keys act on."""
        chart = self.focused
        return chart if isinstance(chart, MetricChart) and chart.display else self.query(MetricChart).first()

    def _extent(self) -> tuple[float, float]:
        return self._gallery.extent(self._look.axis)

    def _width(self) -> float:
        left, right = self._look.x.resolve(self._extent())
        return right - left

    def _change(self, look: Look) -> None:
        self._look = look
        self._draw()

    # Keys

    def action_zoom(self, closer: bool) -> None:
        """Show a shorter or a longer stretch of x, around the cursor where there is one."""
        look = self._look
        left, right = look.x.resolve(self._extent())
        share = None if look.cursor is None else (look.cursor - left) / (right - left)
        share = share if share is not None and 0.0 <= share <= 1.0 else None
        self._change(replace(look, x=look.x.zoom(self._extent(), ZOOM if closer else 1.0 / ZOOM, share)))

    def action_pan(self, steps: int) -> None:
        """Move along x."""
        self._change(replace(self._look, x=self._look.x.pan(self._extent(), steps * STEP)))

    def action_zoom_values(self, closer: bool) -> None:
        """Show a shorter or a longer stretch of the chosen chart's values."""
        self._change_heights(self._chosen(), lambda heights: zoomed(heights, ZOOM if closer else 1.0 / ZOOM))

    def action_pan_values(self, steps: int) -> None:
        """Move along the chosen chart's values."""
        self._change_heights(self._chosen(), lambda heights: panned(heights, steps * STEP))

    def action_tail(self) -> None:
        """Keep a zoomed view at the newest data, or let it stay where it is."""
        if self._look.x.stretch is None:
            self.notify("the whole axis is shown; zoom in first (+)", timeout=3)
        self._change(replace(self._look, x=self._look.x.toggle_lock(self._extent())))

    def action_cursor(self, steps: int) -> None:
        """Move the cursor by a cell; it begins at the newest data."""
        left, right = self._look.x.resolve(self._extent())
        before = right if self._look.cursor is None else self._look.cursor
        place = before + steps * (right - left) / self._chosen().plot_size[0]
        self._change(replace(self._look, cursor=min(max(place, left), right)))

    def action_reset(self) -> None:
        """Show everything again."""
        self._change(self._look.reset())

    def action_axis(self) -> None:
        """Draw over the next abscissa."""
        self._change(self._look.next_axis())

    def action_scale(self) -> None:
        """Give the chosen chart the next scale."""
        self._change(self._look.next_scale(self._chosen().metric))

    def action_smooth(self, steps: int) -> None:
        """Smooth more or less."""
        self._change(self._look.smoothed(steps))

    def action_outliers(self) -> None:
        """Clip outliers, or show them."""
        self._change(replace(self._look, clipping=not self._look.clipping))

    def action_marker(self) -> None:
        """Draw dots in the next style."""
        self._change(self._look.next_marker())
        self.notify(f"drawn in {self._look.marker.name}", timeout=2)

    def action_merge(self) -> None:
        """Show other runs as their median and quartiles, or each by itself."""
        if len(self._others) < 2:
            self.notify("choose two other runs or more first (a)", timeout=3)
        self._change(replace(self._look, merged=not self._look.merged))

    def action_grid(self, steps: int) -> None:
        """Show more or fewer charts."""
        shape = self._shape()
        number = GRIDS.index(shape) if shape in GRIDS else 0
        self._grid = min(max(number + steps, 0), len(GRIDS) - 1)
        self._full = None
        self._draw()

    def action_page(self, steps: int) -> None:
        """Show the next charts, or those before."""
        if self._full is not None:
            names = self._names()
            place = names.index(self._full) + steps
            self._full = names[min(max(place, 0), len(names) - 1)]
        else:
            columns, rows = self._shape()
            self._first += steps * columns * rows
        self._draw()

    def action_full(self) -> None:
        """Give the chosen chart the whole screen, or lead back to the grid."""
        if self._full is None:
            self._full = self._chosen().metric or None
            self._draw()
        else:
            self._leave_full()

    def _leave_full(self) -> None:
        """Show the part of the grid that holds the chart that was full screen, and choose it there."""
        metric, self._full = self._full, None
        names, (columns, rows) = self._names(), self._shape()
        if metric in names:
            self._first = names.index(metric) // (columns * rows) * (columns * rows)
        self._draw()
        for chart in self.query(MetricChart):
            if chart.display and chart.metric == metric:
                chart.focus()

    def action_back(self) -> None:
        """Leave the filter, the full screen or the cursor, whichever there is first."""
        if self.has_class("filtering"):
            self.remove_class("filtering")
            self.query_one(Input).value = ""
            self._chosen().focus()
        elif self._full is not None:
            self._leave_full()
        elif self._pattern is not None:
            self.query_one(Input).value = ""
        else:
            self._change(replace(self._look, cursor=None))

    # The filter

    def action_filter(self) -> None:
        """Ask for the text to filter by."""
        self.add_class("filtering")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as one types."""
        self._pattern = filter_pattern(event.value)
        self._first, self._full = 0, None
        self._draw()

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the charts."""
        self.remove_class("filtering")
        self._chosen().focus()

    # The pointer

    @on(MetricChart.Zoomed)
    def _zoom_at(self, event: MetricChart.Zoomed) -> None:
        if event.vertical:
            self._change_heights(event.chart, lambda heights: zoomed(heights, event.factor, event.up))
        else:
            x = self._look.x.zoom(self._extent(), event.factor, event.across)
            self._change(replace(self._look, x=x))

    @on(MetricChart.Dragged)
    def _drag(self, event: MetricChart.Dragged) -> None:
        self._look = replace(self._look, x=self._look.x.pan(self._extent(), -event.across))
        if event.up:
            self._change_heights(event.chart, lambda heights: panned(heights, -event.up))
        else:
            self._draw()

    @on(MetricChart.Pointed)
    def _point(self, event: MetricChart.Pointed) -> None:
        left, right = self._look.x.resolve(self._extent())
        place = None if event.across is None else left + event.across * (right - left)
        self._change(replace(self._look, cursor=place))

    @on(MetricChart.Opened)
    def _open(self, event: MetricChart.Opened) -> None:
        event.chart.focus()
        self.action_full()

    def _change_heights(
        self, chart: MetricChart, change: Callable[[tuple[float, float]], tuple[float, float]]
    ) -> None:
        if chart.panel is not None and chart.metric:
            window = chart.panel.window
            self._change(self._look.with_heights(chart.metric, change((window.bottom, window.top))))

    # Other runs and files

    def action_overlay(self) -> None:
        """Ask which other runs to see behind this one."""
        if self.read_only:
            self.notify("read-only: other runs are not shown here", severity="warning", timeout=3)
            return
        own = Path(self._view.run_dir)
        root = own.parent if self._view.run_dir else runs_root()
        self.app.push_screen(RunPicker(root, own, self._others.paths), self._overlay)

    def _overlay(self, paths: tuple[Path, ...] | None) -> None:
        if paths is not None:
            self.overlay(paths)

    def overlay(self, paths: Sequence[Path]) -> None:
        """Show other runs behind this one from now on."""
        for error in self._others.choose(paths):
            self.notify(printable(error), severity="error", markup=False)
        self._gallery.overlay(self._others.histories)
        self._draw()

    def _read_others(self) -> None:
        if self._others and self.is_current and self._others.read(READ_SECONDS):
            self._draw()

    def action_export(self) -> None:
        """Ask how to save what is shown."""
        if self.read_only:
            self.notify("read-only: nothing is saved from here", severity="warning", timeout=3)
        elif self._shown():
            self.app.push_screen(ExportDialog(), self._export)

    def _export(self, kind: str | None) -> None:
        if not kind:
            return
        folder = Path(self._view.run_dir) / chart_files.FOLDER
        columns, _ = self._shape()
        try:
            path = chart_files.save(folder, kind, self._gallery, self._look, self._shown(), columns)
        except OSError as error:
            message = f"cannot write to {folder}: {error.strerror or error}"
            self.notify(printable(message), severity="error", markup=False)
        else:
            self.notify(printable(f"saved {path}"), markup=False, timeout=6)

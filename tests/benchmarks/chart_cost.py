"""What charts cost: a frame of long curves, and a key's way to the screen while the engine trains.

    .venv/bin/python -m tests.benchmarks.chart_cost --points 100000

Frames are 120x40 cells of 4 curves, each frame at another zoom; their time is the thread's own. Keys are
pressed on the charts screen of a HalfCheetah run that trains meanwhile, with 100 metrics of as many points;
their time runs until what they changed is written to the terminal. Prints medians and 95th percentiles.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import RenderableType
from textual import events
from textual.screen import Screen

from engine.channel import Channel
from engine.commands import Stop
from engine.presets import config_for
from engine.trainer import RunSummary, Trainer
from vmpo_tui.app import VmpoApp
from vmpo_tui.gallery import Gallery
from vmpo_tui.history import History
from vmpo_tui.look import Look
from vmpo_tui.plotting.panel import Panel
from vmpo_tui.plotting.viewport import Viewport
from vmpo_tui.screens.charts import Charts
from vmpo_tui.session import Session

SIZE = (120, 40)
CURVES, METRICS = 4, 100
KEYS = ("plus", "left", "right", "minus", "s", "S", "pagedown", "pageup", "comma", "y", "x", "o", "g", "G")
"""Each changes what is seen."""
FRAMES, ROUNDS = 100, 5


class WatchedApp(VmpoApp):
    """Knows when what a key has changed was written to the terminal."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.written = asyncio.Event()
        self.written_at = 0.0
        self._pressed = self._drawn = False

    async def on_event(self, event: events.Event) -> None:
        self._pressed |= isinstance(event, events.Key)
        await super().on_event(event)

    def on_charts_drawn(self) -> None:
        """The charts were drawn: what comes next shows them."""
        self._drawn = self._pressed

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        if self._drawn:
            self._drawn = self._pressed = False
            self.written_at = time.perf_counter()
            self.written.set()


def walk(points: int, seed: int) -> np.ndarray:
    """A random walk [points]."""
    return np.random.default_rng(seed).normal(size=points).cumsum()


def grow(history: History, names: list[str], points: int) -> None:
    """Give a history these metrics, and the axes that go with them."""
    rows = {name: walk(points, seed) for seed, name in enumerate(names)}
    steps = np.arange(1.0, points + 1.0)
    rows |= {"env_steps": steps, "updates": steps, "gradient_steps": 80 * steps, "seconds": 0.5 * steps}
    for values in zip(*rows.values(), strict=True):
        history.record(dict(zip(rows, values, strict=True)))


def frames(points: int) -> list[float]:
    """Milliseconds of each frame of a chart of several long curves."""
    gallery, histories = Gallery(), [History() for _ in range(CURVES)]
    for seed, history in enumerate(histories):
        grow(history, ["metric"], points)
        history.metrics["metric"].y[:] += 100.0 * seed
    gallery.follow(histories[0], ())
    gallery.overlay([(f"run {index}", history) for index, history in enumerate(histories[1:])])
    times = []
    for number in range(FRAMES + 1):
        width = points * (1.0 - 0.9 * number / FRAMES)
        look = Look(x=Viewport((0.0, width), locked=False))
        started = time.thread_time()
        panel: Panel = gallery.panel(look, "metric")
        panel.draw(*SIZE)
        times.append(1000.0 * (time.thread_time() - started))
    return times[1:]  # the first one builds the pyramids, once in a run


def watch(app: WatchedApp) -> None:
    """Tell the application whenever its charts were drawn."""
    charts = app.screen
    assert isinstance(charts, Charts)
    draw = charts._draw

    def drawn() -> None:
        draw()
        app.on_charts_drawn()

    charts._draw = drawn  # type: ignore[method-assign]


async def keys(points: int) -> list[float]:
    """Milliseconds from each key to the screen that shows what it did, while the engine trains."""

    def train(channel: Channel) -> RunSummary:
        return Trainer(config_for("HalfCheetah-v5"), channel=channel).run(Path(folder) / "run")

    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        app = WatchedApp(Session(train))
        grow(app.view.history, [f"group/metric-{number:03}" for number in range(METRICS)], points)
        async with app.run_test(size=SIZE) as pilot:
            try:
                while app.view.updates < 2:
                    await asyncio.sleep(0.1)
                await pilot.press("2")
                watch(app)
                for key in itertools.chain.from_iterable(itertools.repeat(KEYS, ROUNDS)):
                    app.written.clear()
                    started = time.perf_counter()
                    app.post_message(events.Key(key, None))
                    await asyncio.wait_for(app.written.wait(), timeout=10.0)
                    times.append(1000.0 * (app.written_at - started))
                    await asyncio.sleep(0.3)
            finally:
                app.session.send(Stop(save=False))
                app.session.join(timeout=60)
    return times


def report(what: str, times: list[float]) -> None:
    """Print median and 95th percentile."""
    print(f"{what:<44} {np.median(times):6.1f} ms   95 %: {np.quantile(times, 0.95):6.1f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000)
    points = parser.parse_args().points
    report(f"frame of {CURVES} curves x {points:,} points", frames(points))
    report(f"key, {METRICS} metrics x {points:,} points, training", asyncio.run(keys(points)))


if __name__ == "__main__":
    main()

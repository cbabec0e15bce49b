"""What a headless run says on stderr: a progress bar on a terminal, plain lines elsewhere.

The trainer runs in the main thread and blocks it, so that `ConsoleChannel` shows each event as the engine
emits it. Nothing here starts a thread: a bar with one would be forked into environment workers.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from engine.events import (
    EvaluationCompleted,
    Event,
    PhaseChanged,
    RunFailed,
    RunStarted,
    UpdateCompleted,
    Warned,
)
from vmpo_tui.control import SteerableChannel
from vmpo_tui.text import printable

LINE_SECONDS = 10.0
"""Between two plain lines."""
FRAME_SECONDS = 0.25
"""Between two drawings of the progress bar."""
RECENT_EPISODES = 100
"""Training episodes that the shown return is the mean of."""
KEY_FIGURES = ("env_steps", "steps_per_second", "dual/temperature", "loss/value", "loss/policy")

Clock = Callable[[], float]


class Display(Protocol):
    """Shows events to a person; a context manager around the run."""

    def show(self, event: Event) -> None:
        """Take notice of an event; cheap, and called by the engine's thread."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class ConsoleChannel(SteerableChannel):
    """A channel whose reader is a display: events are shown at once and never wait."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display
        self._lost = False

    def emit(self, event: Event) -> None:
        """Show an event. A terminal that has gone away never stops the run."""
        self.open_or_close(event)
        if self._lost:
            return
        try:
            self._display.show(event)
        except OSError:
            self._lost = True


def describe(event: Event) -> str | None:
    """Return one line about a lifecycle event worth keeping, or None."""
    match event:
        case RunStarted():
            verb = "continuing" if event.env_steps else "training"
            done = f" from {event.env_steps:,}" if event.env_steps else ""
            return (
                f"{verb} {event.env_id} ({event.backend}, {event.num_envs} environments){done} "
                f"to {event.total_steps:,} steps in {event.run_dir}"
            )
        case EvaluationCompleted():
            mean, std = mean_and_std(event.returns)
            best = ", the best so far" if event.best else ""
            return (
                f"evaluated at {event.env_steps:,} steps: {mean:.1f} +- {std:.1f} "
                f"over {len(event.returns)} episodes{best}"
            )
        case Warned():
            return f"warning: {event.message}"
        case RunFailed() if event.checkpoint is not None:
            return f"the last good checkpoint is {event.checkpoint}"
    return None


def mean_and_std(returns: tuple[float, ...]) -> tuple[float, float]:
    """Return mean and standard deviation of the returns of an evaluation; at least one."""
    mean = math.fsum(returns) / len(returns)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in returns) / len(returns))


class RecentReturn:
    """Mean return of the newest training episodes."""

    def __init__(self) -> None:
        self._returns: deque[float] = deque(maxlen=RECENT_EPISODES)

    def add(self, event: UpdateCompleted) -> None:
        """Take in the episodes that ended during an iteration."""
        self._returns.extend(event.episode_returns)

    @property
    def mean(self) -> float | None:
        """None until an episode has ended."""
        return math.fsum(self._returns) / len(self._returns) if self._returns else None


def key_figures(metrics: Mapping[str, float], mean_return: float | None) -> dict[str, float]:
    """Return the few metrics that tell on one line how a run is doing."""
    figures = {
        name: value for name, value in metrics.items() if name in KEY_FIGURES or name.startswith("kl/")
    }
    if mean_return is not None:
        figures["return"] = mean_return
    return figures


class PlainDisplay:
    """One line per event worth keeping and, every few seconds, one line of key figures.

    Args:
        stream: where lines go.
        progress: whether key figures are shown; other lines always are.
        clock: monotonic seconds.
    """

    def __init__(self, stream: TextIO, *, progress: bool = True, clock: Clock = time.monotonic) -> None:
        self._stream = stream
        self._progress = progress
        self._clock = clock
        self._recent = RecentReturn()
        self._next_line = -math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to put back."""

    def show(self, event: Event) -> None:
        """Write a line about an event, if it deserves one now."""
        if isinstance(event, UpdateCompleted):
            self._show_figures(event)
        elif (line := describe(event)) is not None:
            self._write(line)

    def _show_figures(self, event: UpdateCompleted) -> None:
        self._recent.add(event)
        now = self._clock()
        if not self._progress or now < self._next_line:
            return
        from engine.trainer import format_metrics  # it brings torch, which this module must not

        self._next_line = now + LINE_SECONDS
        self._write(format_metrics(key_figures(event.metrics, self._recent.mean)))

    def _write(self, line: str) -> None:
        self._stream.write(printable(line) + "\n")
        self._stream.flush()


class _Figures(ProgressColumn):
    """Steps, speed, return: as much of it as the terminal is wide."""

    def render(self, task: Task) -> Text:
        """Return the key figures of the newest iteration."""
        return Text(task.fields["figures"], no_wrap=True, overflow="ellipsis")


class ProgressDisplay:
    """A progress bar with the key figures, on one line that is drawn anew; lines worth keeping scroll above.

    Args:
        console: the terminal.
        clock: monotonic seconds.
    """

    def __init__(self, console: Console, *, clock: Clock = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._recent = RecentReturn()
        self._next_frame = -math.inf
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12, table_column=Column(no_wrap=True)),
            TextColumn("{task.percentage:>3.0f}%", markup=False),
            TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
            _Figures(),
            console=console,
            auto_refresh=False,
        )
        self._task = self._progress.add_task("starting", total=None, figures="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the bar as it stands and give the cursor back."""
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._progress.stop()

    def show(self, event: Event) -> None:
        """Draw what an event changes."""
        match event:
            case UpdateCompleted():
                self._advance(event)
                return
            case PhaseChanged():
                self._progress.update(self._task, description=printable(event.phase))
            case RunStarted():
                self._progress.reset(self._task, total=event.total_steps, completed=event.env_steps)
        if (line := describe(event)) is not None:
            self._console.print(Text(printable(line)), soft_wrap=True)
        self._progress.refresh()

    def _advance(self, event: UpdateCompleted) -> None:
        self._recent.add(event)
        now = self._clock()
        if now < self._next_frame:
            return
        self._next_frame = now + FRAME_SECONDS
        figures = _short_figures(event.metrics, self._recent.mean)
        self._progress.update(self._task, completed=int(event.metrics["env_steps"]), figures=figures)
        self._progress.refresh()


def _short_figures(metrics: Mapping[str, float], mean_return: float | None) -> str:
    """Return the figures in the order of their weight: a narrow terminal cuts the last ones off."""
    parts = [f"{metrics['steps_per_second']:,.0f}/s"]
    if mean_return is not None:
        parts.append(f"return {mean_return:,.1f}")
    parts += [
        f"{name.replace('/', ' ')} {value:.4f}" for name, value in metrics.items() if name.startswith("kl/")
    ]
    if "dual/temperature" in metrics:
        parts.append(f"eta {metrics['dual/temperature']:.3f}")
    return "  ".join(parts)

"""Running a trainer in the main thread: signals, progress, summary and exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from engine.channel import Channel
from engine.commands import Stop
from vmpo_tui.cli.entry import abandon_output
from vmpo_tui.cli.output import write_json, write_lines
from vmpo_tui.console import ConsoleChannel, Display, PlainDisplay, ProgressDisplay, mean_and_std
from vmpo_tui.terminal import STOP_SIGNALS, insists
from vmpo_tui.text import duration

if TYPE_CHECKING:
    from engine.trainer import RunSummary, Trainer


@dataclass(slots=True)
class StopRequest:
    """Which signal asked the run to stop, if one did."""

    signum: int | None = None


@contextmanager
def stopping_on_signals(channel: Channel) -> Iterator[StopRequest]:
    """Turn INT, TERM or HUP into a `Stop` for the engine, and another INT or TERM into an interrupt.

    A signal that is ignored already (HUP under nohup) stays ignored.
    """
    request = StopRequest()

    def handle(signum: int, _frame: FrameType | None) -> None:
        if insists(signum, request.signum):
            signal.signal(signum, signal.SIG_DFL)  # a third one ends the process whatever it is doing
            _say("stopped without saving; the last checkpoint stays")
            raise KeyboardInterrupt
        request.signum = request.signum or signum
        channel.send(Stop())
        _say("stopping: this iteration is finished and saved first; once more stops without saving")

    taken = [signum for signum in STOP_SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]
    before = {signum: signal.signal(signum, handle) for signum in taken}
    try:
        yield request
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _say(message: str) -> None:
    """Write a line to stderr from a signal handler: past Python's buffers, which it may have interrupted."""
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    try:
        os.write(2, f"{clear}{message}\n".encode())
    except OSError:
        return  # the terminal is gone, which may be what the signal says


def make_display(*, progress: bool) -> Display:
    """Return the display that suits stderr."""
    if progress and sys.stderr.isatty():
        from rich.console import Console

        return ProgressDisplay(Console(stderr=True, markup=False, highlight=False))
    return PlainDisplay(sys.stderr, progress=progress)


def run_headless(
    make_trainer: Callable[[Channel], Trainer], run_dir: Path, *, progress: bool, as_json: bool
) -> int:
    """Run a trainer to its end, write the summary to stdout and return the exit code.

    Args:
        make_trainer: builds the trainer around the channel that it reports to.
        run_dir: the run's directory.
        progress: whether to show progress on stderr.
        as_json: write the summary as JSON.

    Raises:
        EngineError: the run cannot start or failed.
    """
    display = make_display(progress=progress)
    channel = ConsoleChannel(display)
    trainer = make_trainer(channel)
    with stopping_on_signals(channel) as request, display:
        summary = trainer.run(run_dir)
    write_summary(summary, trainer.config.env.id, as_json=as_json)
    if summary.reason == "completed" or request.signum is None:
        return 0
    return 128 + request.signum


def write_summary(summary: RunSummary, env_id: str, *, as_json: bool = False) -> None:
    """Write how a run ended to stdout, if anybody still reads it: the run ended as it ended."""
    try:
        if as_json:
            write_json(summary_document(summary, env_id))
        else:
            write_lines(*summary_lines(summary, env_id))
    except OSError:
        abandon_output()


def summary_document(summary: RunSummary, env_id: str) -> dict[str, Any]:
    """Return how a run ended as plain JSON values."""
    score = None
    if summary.final_evaluation is not None:
        returns = summary.final_evaluation.returns
        mean, std = mean_and_std(returns)
        score = {"mean": mean, "std": std, "min": min(returns), "max": max(returns), "episodes": len(returns)}
    return {
        "run_dir": str(summary.run_dir),
        "env_id": env_id,
        "reason": summary.reason,
        "env_steps": summary.env_steps,
        "updates": summary.updates,
        "seconds": summary.seconds,
        "score": score,
        "best_return": summary.best_return,
        "checkpoint": str(summary.checkpoint) if summary.checkpoint else None,
    }


def summary_lines(summary: RunSummary, env_id: str) -> list[str]:
    """Return how a run ended and what to do next, for a person."""
    score = "not evaluated" if summary.best_return is None else "not evaluated since it went on"
    if summary.final_evaluation is not None:
        mean, std = mean_and_std(summary.final_evaluation.returns)
        score = f"{mean:.1f} +- {std:.1f} over {len(summary.final_evaluation.returns)} episodes"
    if summary.best_return is not None:
        score += f" (best {summary.best_return:.1f})"
    where = display_path(summary.run_dir)
    following = f"vmpo eval {where}"
    if summary.reason in {"stopped", "handed over"}:
        following = f"vmpo resume {where}"
    elif summary.reason == "completed":
        following += f"   or   vmpo resume {where} --steps {2 * summary.env_steps}"
    rows = [
        ("score", score),
        ("steps", f"{summary.env_steps:,} in {summary.updates:,} updates"),
        ("time", duration(summary.seconds)),
        ("run", where),
        ("next", following),
    ]
    how = "stopped" if summary.reason == "handed over" else summary.reason  # nobody has taken it
    return [f"{how}: {env_id}", *(f"  {name:<7}{value}" for name, value in rows)]


def display_path(path: Path) -> str:
    """Return a path as short as it can be typed from here, quoted where a shell would split it."""
    import shlex

    current = Path.cwd()
    return shlex.quote(str(path.relative_to(current) if path.is_relative_to(current) else path))

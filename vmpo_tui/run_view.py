"""What the screens show of a run: pure ``apply(view, event) -> view``, without Textual.

The view is a frozen value, except for its histories: growing buffers that successive views share, so that
an event of a week-long run costs no more than the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

import numpy as np

from engine import events
from vmpo_tui.history import History
from vmpo_tui.text import number, printable, si

LOG_LINES = 1000
"""Newest log lines kept; events.jsonl has them all."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the event list."""

    number: int
    """Counts up from 1."""
    env_steps: int
    text: str
    kind: str
    """info, score, good, warning or error; decides the colour."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A step at which somebody changed something, for every chart to show."""

    env_steps: int
    text: str


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as the screens see it."""

    state: str = "starting"
    """idle (no run), starting, training, evaluating, pausing, paused, stopping, finished (its target is
    reached), stopped (by the user) or failed."""
    phase: str = "starting the engine"
    """In plain words, while the state is starting."""
    held: bool = False
    """Whether the engine waits between iterations; it may be evaluating meanwhile."""
    env_id: str = ""
    backend: str = ""
    num_envs: int = 0
    seed: int = 0
    run_dir: str = ""
    total_steps: int = 0
    env_steps: int = 0
    updates: int = 0
    seconds: float = 0.0
    steps_per_second: float = 0.0
    """Smoothed over the last updates."""
    continuous: bool = True
    action_size: int = 0
    """Dimensions of a continuous action, or number of discrete actions."""
    bounds: Mapping[str, float] = field(default_factory=dict)
    """Bound of each constraint by metric name (kl/mean, kl/covariance, kl/policy, estep/kl)."""
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings of the run by section, as they are now."""
    configured: Mapping[str, float] = field(default_factory=dict)
    """What each setting that was changed during the run had been before, by dotted name."""
    markers: tuple[Marker, ...] = ()
    """What was changed during the run."""
    bookmarks: tuple[Marker, ...] = ()
    """What somebody wants to find again."""
    latest: Mapping[str, float] = field(default_factory=dict)
    """The newest row of metrics."""
    inspection: events.Inspection | None = None
    """The newest update seen from inside."""
    episode_return: float | None = None
    """Training return, smoothed over episodes."""
    score: tuple[float, float] | None = None
    """Mean and standard deviation of the newest evaluation."""
    best: float | None = None
    """Highest mean of an evaluation."""
    checkpoint: str | None = None
    log: tuple[LogLine, ...] = ()
    failure: events.RunFailed | None = None
    finish: events.RunFinished | None = None
    history: History = field(default_factory=History)

    @property
    def marks(self) -> tuple[Marker, ...]:
        """Every place that the charts mark."""
        return *self.markers, *self.bookmarks

    @property
    def over(self) -> bool:
        """Whether the engine has said its last word."""
        return self.finish is not None or self.failure is not None

    @property
    def progress(self) -> float:
        """Share of the target reached, in [0, 1]."""
        return min(1.0, self.env_steps / self.total_steps) if self.total_steps else 0.0

    @property
    def eta(self) -> float:
        """Seconds until the target at the present speed; inf while unknown."""
        if self.steps_per_second <= 0:
            return float("inf")
        return max(0, self.total_steps - self.env_steps) / self.steps_per_second


def request_pause(view: RunView) -> RunView:
    """Say that a pause was asked for; the engine confirms it."""
    return replace(view, state="pausing") if view.state in {"starting", "training", "evaluating"} else view


def request_stop(view: RunView) -> RunView:
    """Say that a stop was asked for; the engine confirms it."""
    return view if view.over else replace(view, state="stopping")


def note(view: RunView, text: str, kind: str = "info") -> RunView:
    """Add a line of the screen's own to the log."""
    count = view.log[-1].number + 1 if view.log else 1
    line = LogLine(count, view.env_steps, printable(text), kind)
    return replace(view, log=(*view.log[-LOG_LINES:], line))


def apply(view: RunView, event: events.Event) -> RunView:
    """Return the view after an event; one of an unknown kind changes nothing."""
    handler = _HANDLERS.get(type(event))
    return handler(view, event) if handler else view


def _started(view: RunView, event: events.RunStarted) -> RunView:
    vmpo = event.config.get("vmpo", {})
    verb = "resumed" if event.env_steps else "started"
    view.history.truncate_after(event.env_steps)
    view = replace(
        view,
        env_id=printable(event.env_id),
        backend=printable(event.backend),
        num_envs=event.num_envs,
        seed=event.seed,
        run_dir=event.run_dir,
        total_steps=event.total_steps,
        env_steps=event.env_steps,
        updates=event.updates,
        continuous=event.continuous,
        action_size=event.action_size,
        held=False,
        failure=None,
        finish=None,
        config=event.config,
        bounds={
            metric: float(vmpo[key]) for key, metrics in BOUNDS.items() if key in vmpo for metric in metrics
        },
    )
    return note(view, f"{verb} {event.env_id}, seed {event.seed}, in {event.run_dir}")


def _phase(view: RunView, phase: str) -> RunView:
    confirmed = view.state == "pausing" and phase == "paused"
    if view.state in {"pausing", "stopping"} and not confirmed:  # shown until the engine confirms
        return view
    known = phase in {"training", "evaluating", "paused"}
    return replace(view, state=phase if known else view.state, phase=printable(phase))


def _updated(view: RunView, event: events.UpdateCompleted) -> RunView:
    metrics = event.metrics
    view.history.record(metrics)
    for value in event.episode_returns:
        view.history.episodes.append(metrics["env_steps"], value)
    smoothed = view.history.smoothed()
    if event.inspection is not None and event.inspection.std:
        view.history.sigmas.append(view.env_steps, metrics["env_steps"], event.inspection.std)
    speed = metrics["steps_per_second"]
    return replace(
        view,
        env_steps=int(metrics["env_steps"]),
        updates=int(metrics["updates"]),
        seconds=metrics["seconds"],
        steps_per_second=0.9 * view.steps_per_second + 0.1 * speed if view.steps_per_second else speed,
        latest=metrics,
        inspection=event.inspection or view.inspection,
        episode_return=float(smoothed[-1]) if len(smoothed) else None,
    )


def _evaluated(view: RunView, event: events.EvaluationCompleted) -> RunView:
    mean, std = float(np.mean(event.returns)), float(np.std(event.returns))
    view.history.evaluations.append(event.env_steps, mean)
    view.history.deviations.append(event.env_steps, std)
    best = mean if view.best is None else max(view.best, mean)
    suffix = ", the best so far" if event.best else ""
    text = f"evaluated: {number(mean)} ± {number(std)} over {len(event.returns)} episodes{suffix}"
    view = replace(view, score=(mean, std), best=best, env_steps=max(view.env_steps, event.env_steps))
    return note(view, text, "score")


BOUNDS: Mapping[str, tuple[str, ...]] = {
    "epsilon_mu": ("kl/mean", "kl/policy"),
    "epsilon_sigma": ("kl/covariance",),
    "epsilon_eta": ("estep/kl",),
}
"""Metrics that each bound in the [vmpo] settings holds for."""


def _changed(view: RunView, event: events.SettingChanged) -> RunView:
    section, _, name = event.key.partition(".")
    config = {**view.config, section: {**view.config.get(section, {}), name: event.after}}
    bounds = {**view.bounds, **dict.fromkeys(BOUNDS.get(name, ()), event.after)}
    total = int(event.after) if event.key == "run.total_steps" else view.total_steps
    marker = Marker(event.env_steps, f"{event.key} {_setting(event.before)} → {_setting(event.after)}")
    configured = {event.key: event.before, **view.configured}
    view = replace(
        view,
        config=config,
        configured=configured,
        bounds=bounds,
        total_steps=total,
        markers=(*view.markers, marker),
    )
    return note(view, marker.text, "good")


def _setting(value: float) -> str:
    return si(value) if abs(value) >= 1000 else f"{value:g}"


ENDS = {
    "completed": "target reached",
    "stopped": "saved and stopped",
    "discarded": "stopped, not saved",
    "handed over": "saved for a process without a screen",
}
"""How a run ended, in words."""


def _finished(view: RunView, event: events.RunFinished) -> RunView:
    state = "finished" if event.reason == "completed" else "stopped"
    view = replace(view, state=state, finish=event, seconds=event.seconds)
    return note(view, f"{ENDS.get(event.reason, event.reason)} at {si(event.env_steps)} steps", "good")


def _saved(view: RunView, event: events.CheckpointSaved) -> RunView:
    kind = "best checkpoint" if event.best else "checkpoint"
    text = f"{kind} saved in {event.seconds:.2f} s: {PurePath(event.path).name}"
    return replace(note(view, text, "good" if event.best else "info"), checkpoint=event.path)


def _failed(view: RunView, event: events.RunFailed) -> RunView:
    if view.failure is not None:
        return view  # the first report came from where it happened
    return note(replace(view, state="failed", failure=event), f"{event.kind}: {event.error}", "error")


_HANDLERS: Mapping[type[events.Event], Callable[[RunView, Any], RunView]] = {
    events.RunStarted: _started,
    events.PhaseChanged: lambda view, event: _phase(view, event.phase),
    events.UpdateCompleted: _updated,
    events.EvaluationCompleted: _evaluated,
    events.CheckpointSaved: _saved,
    events.RunPaused: lambda view, event: note(
        replace(view, state="paused", held=True), "one iteration, paused again" if view.held else "paused"
    ),
    events.RunResumed: lambda view, event: note(
        replace(view, state="training", held=False), "training goes on"
    ),
    events.SettingChanged: _changed,
    events.RunForked: lambda view, event: note(
        view, f"branched off from {event.parent} at {si(event.env_steps)} steps", "good"
    ),
    events.Warned: lambda view, event: note(view, event.message, "warning"),
    events.RunFinished: _finished,
    events.RunFailed: _failed,
}

"""An engine by script: it answers commands as the real one does, and says what a test tells it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from textual.pilot import Pilot

from engine import commands, events
from engine.channel import Channel
from engine.config import Config
from vmpo_tui.app import VmpoApp
from vmpo_tui.session import Session

STEPS_PER_UPDATE = 2048
STARTED = events.RunStarted(
    run_dir="runs/HalfCheetah-v5-s0",
    env_id="HalfCheetah-v5",
    backend="mujoco",
    num_envs=32,
    observation_size=17,
    action_size=6,
    continuous=True,
    seed=0,
    total_steps=1_000_000,
    config=Config().to_dict(),
)
PATIENCE = 30.0
"""Seconds that `until` waits before it says that something never happened."""


class ScriptedEngine:
    """Runs in the session's thread until it is told to stop.

    Attributes:
        received: every command so far, oldest first.
        answering: while False, commands are noted but not answered, as by an engine in a long iteration.
    """

    def __init__(self, started: events.RunStarted = STARTED) -> None:
        self.received: list[commands.Command] = []
        self.answering = True
        self.updates = 0
        self._started = started
        self._failure: Exception | None = None
        self.session = Session(self._train)
        self._channel = self.session._channel
        self.say(started, events.PhaseChanged("training"))
        self.app = VmpoApp(self.session)

    @property
    def env_steps(self) -> int:
        return self.updates * STEPS_PER_UPDATE

    def say(self, *spoken: events.Event) -> None:
        """Emit events."""
        for event in spoken:
            self._channel.emit(event)

    def update(self, count: int = 1) -> None:
        """Complete some updates; every figure is a function of their number."""
        for _ in range(count):
            self.say(self.next_update())

    def next_update(self) -> events.UpdateCompleted:
        """Return what the next update would say."""
        self.updates += 1
        return update(self.updates)

    def stop(self) -> None:
        """End the thread, whatever the engine was doing."""
        self.answering = True
        self.session.send(commands.Stop(save=False))
        assert self.session.join(timeout=10.0)

    def evaluate(self, *, best: bool = True) -> None:
        """Complete an evaluation."""
        middle = episode_return(self.updates)
        returns = tuple(middle + spread for spread in (-120.0, -30.0, 30.0, 120.0))
        self.say(events.EvaluationCompleted(self.env_steps, self.updates, returns, (1000,) * 4, 1.0, best))

    def checkpoint(self, *, best: bool = False) -> None:
        """Save a checkpoint."""
        path = f"{self._started.run_dir}/checkpoints/{self.env_steps:012}"
        self.say(events.CheckpointSaved(path, self.env_steps, self.updates, best, 0.03))

    def fail(self, error: Exception) -> None:
        """Die of an error at once."""
        self._failure = error
        self._channel.send(commands.Command())

    def _train(self, channel: Channel) -> None:
        stopped = False
        while not stopped:
            command = channel.receive(timeout=PATIENCE)
            if self._failure is not None:
                raise self._failure
            if command is None:
                return
            self.received.append(command)
            if self.answering:
                stopped = self._answer(command)

    def _answer(self, command: commands.Command) -> bool:
        """Do what a command asks; return whether it ends the run."""
        match command:
            case commands.Pause():
                self.say(events.RunPaused(self.env_steps, self.updates))
            case commands.Resume():
                self.say(events.RunResumed(self.env_steps, self.updates), events.PhaseChanged("training"))
            case commands.StepOnce():
                self.update()
            case commands.EvaluateNow():
                self.say(events.PhaseChanged("evaluating"))
                self.evaluate()
                self.say(events.PhaseChanged("training"))
            case commands.CheckpointNow():
                self.checkpoint()
            case commands.Stop(save=save):
                reason = "stopped" if save else "discarded"
                self.say(events.RunFinished(reason, self.env_steps, self.updates, 60.0))
                return True
        return False


def episode_return(updates: int) -> float:
    """A learning curve."""
    return -300.0 + 5000.0 * (1.0 - math.exp(-updates / 100.0))


def update(number: int) -> events.UpdateCompleted:
    """The row of metrics of an update, and its two episodes."""
    wave = math.sin(0.7 * number)
    metrics = {
        "env_steps": float(number * STEPS_PER_UPDATE),
        "updates": float(number),
        "gradient_steps": 80.0 * number,
        "seconds": 0.5 * number,
        "steps_per_second": 4096.0,
        "dual/temperature": 2.0 * math.exp(-number / 80.0) + 0.3,
        "dual/alpha_mean": 1.0 + 0.5 * wave,
        "dual/alpha_covariance": 0.2 * 10.0 ** (0.5 * wave),
        "policy/std_mean": 0.3 - 0.0005 * number,
        "kl/mean": 0.015 + 0.007 * wave,
        "kl/covariance": 0.001 + 0.0005 * wave,
        "estep/kl": 0.24,
        "estep/ess": 0.6 + 0.1 * wave,
        "loss/value": 0.5 * math.exp(-number / 50.0) + 0.01,
        "value/explained_variance": 1.0 - math.exp(-number / 30.0),
        "grad/policy_norm": 1.0 + 0.2 * wave,
        "grad/value_norm": 0.5 + 0.1 * wave,
        "train/episode_length_mean": 1000.0,
    }
    middle = episode_return(number)
    returns = (middle + 200.0 * wave, middle - 300.0 * math.cos(1.3 * number))
    metrics |= {
        "train/episodes": 2.0,
        "train/episode_return_mean": sum(returns) / 2.0,
        "train/episode_return_min": min(returns),
        "train/episode_return_max": max(returns),
    }
    return events.UpdateCompleted(metrics, returns, (1000, 1000), inspection(number))


def inspection(number: int, *, fraction: float = 1.0, dimensions: int = 6) -> events.Inspection:
    """An update from inside: normal advantages, weights psi at temperature 1, and a sigma a dimension."""
    bins, rows = 48, 2048
    middles = [-3.0 + 6.0 * (place + 0.5) / bins for place in range(bins)]
    density = [math.exp(-0.5 * middle * middle) for middle in middles]
    counts = [round(rows * share / sum(density)) for share in density]
    kept, place = 0, bins
    while kept < fraction * sum(counts):
        place -= 1
        kept += counts[place]
    masses = [
        count * math.exp(middle) * (index >= place)
        for index, (count, middle) in enumerate(zip(counts, middles, strict=True))
    ]
    weights = tuple(mass / sum(masses) for mass in masses)
    threshold = -3.0 + 6.0 * place / bins
    histogram = events.AdvantageHistogram(-3.0, 3.0, tuple(counts), weights, threshold, kept)
    std = tuple(0.3 * math.exp(-number * (index + 1) / 400.0) for index in range(dimensions))
    return events.Inspection(std, histogram)


async def until(pilot: Pilot[int], what: str, condition: Callable[[], bool]) -> None:
    """Let the application go on until a condition holds.

    Raises:
        AssertionError: it never did; says what was waited for.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await pilot.pause(0.01)
    await pilot.pause()


async def shown(pilot: Pilot[int], selector: str) -> None:
    """Wait until a widget of the topmost screen has its place on the terminal and can be clicked."""
    await until(
        pilot,
        f"{selector} on the screen",
        lambda: any(widget.region.area for widget in pilot.app.screen.query(selector)),
    )

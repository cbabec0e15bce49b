"""Tiny runs of the real trainer, steered by a script of commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.channel import Channel
from engine.commands import Command
from engine.config import Config
from engine.events import Event
from engine.run import RunSummary, Trainer
from engine.sinks.jsonl import read_rows

TIMES = ("seconds", "steps_per_second", "time/collect", "time/update")
ITERATION = 16
"""Environment steps of an iteration: 2 environments, 8 steps."""
TINY = Config().updated(
    {
        "run": {"total_steps": 4 * ITERATION, "seed": 3, "threads": 1},
        "env": {"num_envs": 2},
        "network": {"policy_layer_sizes": [8], "value_layer_sizes": [8]},
        "vmpo": {"rollout_steps": 8, "epochs": 2, "minibatch_size": 8},
        "optimizer": {"schedule": "constant"},
        "evaluation": {"interval": 0, "episodes": 2},
        "checkpoint": {"interval": 0},
    }
)
CARTPOLE = TINY.updated({"env": {"id": "CartPole-v1", "backend": "gymnasium"}})
PENDULUM = TINY.updated({"env": {"id": "InvertedPendulum-v5", "backend": "mujoco"}})


class ScriptedChannel(Channel):
    """Keeps every event; answers events with commands, one line of its script after the other.

    A line is a kind of event to wait for and the commands to send when it comes.
    """

    def __init__(self, *script: tuple[type[Event], tuple[Command, ...]]) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.script = list(script)

    def emit(self, event: Event) -> None:
        self.events.append(event)
        if self.script and isinstance(event, self.script[0][0]):
            for command in self.script.pop(0)[1]:
                self.send(command)

    @property
    def kinds(self) -> list[str]:
        """Names of the events, in order."""
        return [type(event).__name__ for event in self.events]


def train(
    config: Config, run_dir: Path, channel: Channel | None = None, **sections: Mapping[str, Any]
) -> RunSummary:
    """Run a configuration with some settings replaced."""
    return Trainer(config.updated(sections), channel=channel).run(run_dir)


def rows(run_dir: Path) -> list[dict[str, Any]]:
    """Return the rows of metrics.jsonl."""
    return list(read_rows(run_dir / "metrics.jsonl"))


def without(rows: list[dict[str, Any]], *prefixes: str) -> list[dict[str, Any]]:
    """Return rows less the metrics that start so."""
    return [{key: value for key, value in row.items() if not key.startswith(prefixes)} for row in rows]

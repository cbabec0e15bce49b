"""Runs that are cut off and go on in another process: what is cut where, and the process that goes on."""

from __future__ import annotations

import itertools
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.commands import Stop
from engine.config import Config
from engine.envs.mujoco_batch import SUPPORTED_IDS
from engine.events import Event, UpdateCompleted
from engine.run import Trainer
from engine.state_tree import join
from tests.unit.run_script import TINY, ScriptedChannel

ENVS = 4


@dataclass(frozen=True)
class Case:
    """A run to be cut off."""

    env_id: str
    backend: str
    rollout_steps: int = 8
    updates: int = 10

    @property
    def name(self) -> str:
        return f"{self.backend}-{self.env_id.replace('/', '-')}"

    @property
    def config(self) -> Config:
        steps = self.rollout_steps * ENVS
        seed = _seed_with_an_end(self) if self.backend == "mujoco" else 3
        return TINY.updated(
            {
                "run": {"seed": seed, "total_steps": 1000 * steps},
                "env": {"id": self.env_id, "backend": self.backend, "num_envs": ENVS},
                "vmpo": {"rollout_steps": self.rollout_steps, "epochs": 1, "minibatch_size": 16},
                "optimizer": {"schedule": "linear"},
                "checkpoint": {"interval": steps, "keep": 1000},
            }
        )


def _seed_with_an_end(case: Case) -> int:
    """Return a seed that staggers an episode of a task that only time ends to end with a rollout."""
    limit = gymnasium.spec(case.env_id).max_episode_steps
    assert limit is not None
    ends = {case.rollout_steps * update for update in range(3, case.updates - 1)}
    for seed in itertools.count():
        elapsed = np.random.default_rng((seed, 1)).integers(limit, size=ENVS)
        if ends & {limit - int(steps) for steps in elapsed}:
            return seed
    raise AssertionError


FALLING = {"Hopper-v5", "Walker2d-v5", "InvertedPendulum-v5", "InvertedDoublePendulum-v5", "Humanoid-v5"}
"""Tasks whose episodes an untrained policy ends soon, at any step."""
MUJOCO = [
    Case(env_id, "mujoco", *((2, 28) if env_id in FALLING else (8, 10))) for env_id in sorted(SUPPORTED_IDS)
]
GYMNASIUM = [
    Case("CartPole-v1", "gymnasium", rollout_steps=5, updates=24),
    Case("CartPole-v1", "gymnasium-async", rollout_steps=5, updates=24),
    Case("Acrobot-v1", "gymnasium", rollout_steps=125, updates=7),
    Case("MountainCarContinuous-v0", "gymnasium", rollout_steps=111, updates=12),
    Case("LunarLander-v3", "gymnasium", rollout_steps=4, updates=56),
    Case("dm_control/cartpole/swingup", "gymnasium", rollout_steps=250, updates=6),
]


class StopAt(ScriptedChannel):
    """Stops a run after an update."""

    def __init__(self, updates: int) -> None:
        super().__init__()
        self._updates = updates

    def emit(self, event: Event) -> None:
        super().emit(event)
        if isinstance(event, UpdateCompleted) and event.metrics["updates"] == self._updates:
            self.send(Stop())


def state_at(path: Path) -> tuple[Any, dict[str, Any]]:
    """Return the tensors, and the JSON values without the time taken, of a checkpoint."""
    checkpoint = load_checkpoint(path)
    checkpoint.state["training"].pop("seconds")
    return checkpoint.state, checkpoint.tensors


def run_and_cut(case: Case, folder: Path) -> list[str]:
    """Run a case to its end, saving at every update, and copy it as it was at some of them.

    Returns:
        Names of the copies: early, middle and done, where an episode ended with the last step.
    """
    straight = folder / "straight"
    Trainer(case.config, channel=StopAt(case.updates)).run(straight)
    saved = sorted(path for path in (straight / "checkpoints").iterdir() if path.is_dir())
    assert len(saved) == case.updates
    done = [update for update in range(2, case.updates) if _ended(saved[update - 1])]
    assert done, f"no episode of {case.name} ends with a rollout"
    middle = next(update for update in range(case.updates // 2, case.updates) if update not in done)
    for name, update in {"early": 1, "middle": middle, "done": done[-1]}.items():
        _cut(straight, folder / name, saved[update - 1].name)
    return ["early", "middle", "done"]


def _ended(path: Path) -> bool:
    checkpoint = load_checkpoint(path)
    state = join(checkpoint.state, checkpoint.tensors)
    return bool((state["training"]["collector"]["lengths"] == 0).any())


def _cut(straight: Path, copy: Path, checkpoint: str) -> None:
    """Copy a run as if it had been killed after a checkpoint, its newest, some updates later."""
    shutil.copytree(straight, copy)
    for path in (copy / "checkpoints").iterdir():
        if path.is_dir() and path.name != checkpoint:
            shutil.rmtree(path)
    (copy / "checkpoints" / "last").write_text(checkpoint)


def go_on(run_dir: Path, updates: int) -> None:
    """Resume a run and stop it after an update."""
    Trainer.resume(run_dir, channel=StopAt(updates)).run(run_dir)
    find_checkpoint(run_dir)


if __name__ == "__main__":
    for job in sys.argv[1:]:
        path, _, count = job.rpartition("=")
        go_on(Path(path), int(count))

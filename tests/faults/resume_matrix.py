"""Runs that are cut off and go on in another process: what is cut where, and the process that goes on."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from engine.channel import Channel
from engine.checkpoint import load_checkpoint
from engine.config import Config
from engine.envs.mujoco_batch import SUPPORTED_IDS
from engine.run import Trainer
from engine.state_tree import join
from engine.summary import RunSummary
from tests.unit.run_script import TINY

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
                "run": {"seed": seed, "total_steps": self.updates * steps},
                "env": {"id": self.env_id, "backend": self.backend, "num_envs": ENVS},
                "vmpo": {"rollout_steps": self.rollout_steps, "epochs": 1, "minibatch_size": 16},
                "optimizer": {"schedule": "linear"},
                "evaluation": {"episodes": 1},
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
    Case("Acrobot-v1", "gymnasium-async", rollout_steps=125, updates=7),
    Case("MountainCarContinuous-v0", "gymnasium", rollout_steps=111, updates=12),
    Case("MountainCarContinuous-v0", "gymnasium-async", rollout_steps=111, updates=12),
    Case("LunarLander-v3", "gymnasium", rollout_steps=1, updates=115),
    Case("dm_control/cartpole/swingup", "gymnasium", rollout_steps=250, updates=6),
]
CUTS = ("early", "middle", "done")
"""Where runs are cut: after the first update, half way, and where an episode ended with the last step."""


def state_at(path: Path) -> tuple[Any, dict[str, Any]]:
    """Return the JSON values, without the time taken, and the tensors of a checkpoint."""
    checkpoint = load_checkpoint(path)
    checkpoint.state["training"].pop("seconds")
    return checkpoint.state, checkpoint.tensors


def run_and_cut(case: Case, folder: Path) -> list[Path]:
    """Run a case to its end, saving at every update, and copy it as it was at its cuts.

    Returns:
        The copies, one for each cut and way to go on: ``<cut>-<way>``.
    """
    straight = folder / "straight"
    Trainer(case.config).run(straight)
    saved = sorted((straight / "checkpoints").glob("0*"))
    assert len(saved) == case.updates
    done = [update for update in range(2, case.updates) if _ended(saved[update - 1])]
    assert done, f"no episode of {case.name} ends with a rollout"
    middle = next(update for update in range(case.updates // 2, case.updates) if update not in done)
    updates = dict(zip(CUTS, (1, middle, done[-1]), strict=True))
    return [
        _cut(straight, folder / f"{cut}-{way}", saved[update - 1].name)
        for cut, update in updates.items()
        for way in WAYS
    ]


def _ended(path: Path) -> bool:
    checkpoint = load_checkpoint(path)
    state = join(checkpoint.state, checkpoint.tensors)
    return bool((state["training"]["collector"]["lengths"] == 0).any())


def _cut(straight: Path, copy: Path, checkpoint: str) -> Path:
    """Copy a run as if it had been killed after a checkpoint, its newest, some updates later."""
    shutil.copytree(straight, copy, ignore=lambda folder, names: _later(folder, names, checkpoint))
    (copy / "checkpoints" / "last").write_text(checkpoint)
    return copy


def _later(folder: str, names: list[str], checkpoint: str) -> list[str]:
    if Path(folder).name != "checkpoints":
        return []
    return [name for name in names if name != checkpoint]


def go_on_headless(run_dir: Path) -> None:
    """Resume a run as `vmpo resume` does."""
    from vmpo_tui.cli.commands import app
    from vmpo_tui.cli.entry import execute

    assert execute(app, "vmpo", ["resume", str(run_dir), "--no-progress", "--json"]) == 0


def go_on_in_the_application(run_dir: Path) -> None:
    """Resume a run behind the screens, in the application's engine thread."""
    from vmpo_tui.app import VmpoApp
    from vmpo_tui.session import Session

    def train(channel: Channel) -> RunSummary:
        return Trainer.resume(run_dir, channel=channel).run(run_dir)

    async def watch() -> None:
        session = Session(train)
        app = VmpoApp(session)
        async with app.run_test() as pilot:
            while not app.view.over:
                await pilot.pause(0.05)
        assert session.join(60.0)
        assert session.error is None

    asyncio.run(watch())


WAYS = {"headless": go_on_headless, "application": go_on_in_the_application}


if __name__ == "__main__":
    for job in sys.argv[1:]:
        WAYS[job.rpartition("-")[2]](Path(job))

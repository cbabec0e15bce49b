"""Where the time of a training run goes: physics, observations and rewards, policy, update, events.

    .venv/bin/python -m tests.benchmarks.profile --env HalfCheetah-v5 --env Humanoid-v5

Times are exclusive (a part's own, without the parts that it calls), over whole iterations through `Trainer`'s
own pieces; "rest" is what no part claims.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from engine.channel import Channel
from engine.envs.mujoco_batch import MujocoBatchEnv
from engine.events import UpdateCompleted
from engine.presets import config_for
from engine.recorder import Recorder
from engine.run_directory import RunDirectory
from engine.training import Training

PARTS = (
    "physics",
    "contacts",
    "observations",
    "rewards",
    "resets",
    "policy",
    "collector",
    "update",
    "events",
)


class Stopwatch:
    """Exclusive times of nested calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = time.perf_counter()

    def _switch(self) -> None:
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def watch(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed as a part."""

        def timed(*arguments: Any, **options: Any) -> Any:
            self._switch()
            self._running.append(part)
            try:
                return function(*arguments, **options)
            finally:
                self._switch()
                self._running.pop()

        return timed


def profile(env_id: str, iterations: int) -> dict[str, float]:
    """Share of each part of the wall time."""
    config = config_for(env_id)
    torch.set_num_threads(config.run.torch_threads)
    training = Training(config)
    training.start()
    for _ in range(3):
        training.iterate()
    watch = Stopwatch()
    collector, learner, env = training.collector, training.learner, training.env
    wanted: list[tuple[str, Any, str]] = [
        ("collector", collector, "collect"),
        ("policy", collector, "_act"),
        ("update", learner, "update"),
        ("update", collector, "fold_statistics"),
        ("collector", env, "step"),
    ]
    if isinstance(env, MujocoBatchEnv) and env._task is not None:
        wanted += [
            ("physics", env, "_simulate"), ("contacts", env._task, "stepped"),
            ("observations", env._task, "observe"), ("rewards", env._task, "outcome"),
            ("resets", env, "_restart"),
        ]  # fmt: skip
    for part, owner, name in wanted:
        setattr(owner, name, watch.watch(part, getattr(owner, name)))
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(RunDirectory.create(Path(folder) / "run", config), Channel())
        emit = watch.watch("events", recorder.emit)
        started = time.perf_counter()
        for _ in range(iterations):
            metrics, episodes = training.iterate()
            emit(UpdateCompleted(metrics, episodes.returns, episodes.lengths))
        total = time.perf_counter() - started
        recorder.close()
    return {part: watch.seconds[part] / total for part in PARTS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--env", action="append", help="repeatable; default: HalfCheetah-v5 and Humanoid-v5")
    parser.add_argument("--iterations", type=int, default=20)
    options = parser.parse_args()
    print(f"{'':<16}" + "".join(f"{part:>14}" for part in (*PARTS, "rest")))
    for env_id in options.env or ["HalfCheetah-v5", "Humanoid-v5"]:
        shares = profile(env_id, options.iterations)
        cells = [*(shares[part] for part in PARTS), 1.0 - sum(shares.values())]
        print(f"{env_id:<16}" + "".join(f"{share:>14.1%}" for share in cells))


if __name__ == "__main__":
    main()

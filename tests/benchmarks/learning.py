"""How well presets learn: environments x seeds, the final policy on 100 fresh episodes, one row a run.

    .venv/bin/python -m tests.benchmarks.learning --env HalfCheetah-v5 --seeds 0-4 --steps 1000000
    .venv/bin/python -m tests.benchmarks.learning --env HalfCheetah-v5 --seeds 0-4 --agent sb3-ppo
    .venv/bin/python -m tests.benchmarks.learning_report

Rows are appended to `--data`; runs that are there already are skipped, so that an interrupted series goes on
where it stood. Runs take one core each, `--jobs` at a time. `sb3-ppo` is Stable-Baselines3's PPO with its
defaults in the same harness (`pip install -e '.[bench]' -c constraints.txt`).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "learning.jsonl"
EPISODES, CURVE_POINTS = 100, 10
SCORE_SEED = 1_000_000_007
"""Seed of the final episodes, the same for every agent; no training or evaluation uses it."""
MEASURED = ("env", "network", "vmpo", "optimizer")
"""Sections of the configuration that decide what is learned; a row keeps them."""
PACKAGES = ("torch", "mujoco", "gymnasium", "numpy")
Row = dict[str, Any]


def train_vmpo(env_id: str, seed: int, steps: int, settings: list[str]) -> Row:
    """Train with the preset, changed by settings as `vmpo train --set` takes them."""
    from engine.presets import config_for
    from engine.sinks.jsonl import read_rows
    from engine.trainer import Trainer, evaluate_checkpoint

    config = config_for(env_id).updated(
        {
            "run": {"seed": seed, "total_steps": steps, "threads": 1},
            "evaluation": {"interval": steps // CURVE_POINTS},
        }
    )
    config = config.with_assignments(settings)
    with tempfile.TemporaryDirectory() as folder:
        summary = Trainer(config).run(Path(folder) / "run")
        scores = [
            evaluate_checkpoint(
                summary.run_dir, episodes=EPISODES, seed=SCORE_SEED, deterministic=deterministic
            )
            for deterministic in (True, False)
        ]
        rows = read_rows(summary.run_dir / "metrics.jsonl")
        curve = [
            (row["env_steps"], row["seconds"], row["eval/return_mean"])
            for row in rows
            if "eval/return_mean" in row
        ]
    return {
        "deterministic": _figures(scores[0].returns),
        "stochastic": _figures(scores[1].returns),
        "curve": curve,
        "config": {name: values for name, values in config.to_dict().items() if name in MEASURED},
        "env_steps": summary.env_steps,
        "updates": summary.updates,
        "seconds": summary.seconds,
    }


def train_sb3_ppo(env_id: str, seed: int, steps: int, settings: list[str]) -> Row:
    """Train Stable-Baselines3's PPO with its defaults."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    assert not settings, "settings are V-MPO's"
    torch.set_num_threads(1)
    model = PPO("MlpPolicy", make_vec_env(env_id, 1, seed=seed), seed=seed, device="cpu")
    curve: list[tuple[float, float, float]] = []
    looking, started = make_vec_env(env_id, 1, seed=seed + 1_000_003), time.monotonic()

    class Evaluations(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps % (steps // CURVE_POINTS) == 0:
                mean = evaluate_policy(self.model, looking, n_eval_episodes=10)[0]
                curve.append((self.num_timesteps, time.monotonic() - started, float(mean)))
            return True

    model.learn(steps, callback=Evaluations())
    seconds = time.monotonic() - started
    scored = make_vec_env(env_id, 1, seed=SCORE_SEED % 2**31)
    returns = [
        evaluate_policy(model, scored, EPISODES, deterministic=deterministic, return_episode_rewards=True)[0]
        for deterministic in (True, False)
    ]
    return {
        "deterministic": _figures(returns[0]),
        "stochastic": _figures(returns[1]),
        "curve": curve,
        "env_steps": model.num_timesteps,
        "seconds": seconds,
    }


AGENTS: dict[str, Callable[[str, int, int, list[str]], Row]] = {"vmpo": train_vmpo, "sb3-ppo": train_sb3_ppo}


def _figures(returns: Any) -> dict[str, float]:
    import numpy as np

    values = np.asarray(returns, dtype=np.float64)
    return {
        "mean": float(values.mean()), "std": float(values.std()),
        "min": float(values.min()), "max": float(values.max()), "episodes": len(values),
    }  # fmt: skip


def read(data: Path) -> list[Row]:
    """Every row so far."""
    if not data.exists():
        return []
    return [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines() if line]


def _key(row: Row) -> tuple[Any, ...]:
    return row["agent"], row["env"], row["steps"], row["seed"], tuple(row["settings"])


def episode_seeds(text: str) -> Iterator[int]:
    """Yield the seeds of a list such as 0-4,7."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def run_all(wanted: list[Row], data: Path, jobs: int) -> None:
    """Train what is not in the data yet and append its rows."""
    present = {_key(row) for row in read(data)}
    missing = [row for row in wanted if _key(row) not in present]
    print(f"{len(wanted)} runs wanted, {len(wanted) - len(missing)} there already", flush=True)
    data.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(_run_in_a_process, row) for row in missing]):
            row = done.result()
            with data.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            score = row["deterministic"]["mean"]
            print(
                f"{row['agent']} {row['env']} seed {row['seed']}: {score:,.1f} in {row['seconds']:,.0f} s",
                flush=True,
            )


def _run_in_a_process(wanted: Row) -> Row:
    command = [sys.executable, "-m", "tests.benchmarks.learning", "--one", json.dumps(wanted)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: Row = json.loads(done.stdout.splitlines()[-1])
    return result


def run_one(wanted: Row) -> Row:
    """Train one run and return its row."""
    result = AGENTS[wanted["agent"]](wanted["env"], wanted["seed"], wanted["steps"], wanted["settings"])
    packages = (*PACKAGES, "stable-baselines3") if wanted["agent"] == "sb3-ppo" else PACKAGES
    versions = {package: importlib.metadata.version(package) for package in packages}
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return {**wanted, **result, "versions": versions, "machine": machine}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--env", action="append", help="repeatable")
    parser.add_argument("--seeds", default="0-4", help="such as 0-4,7")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--agent", choices=AGENTS, default="vmpo")
    parser.add_argument(
        "--set", action="append", default=[], dest="settings", help="section.key=value, repeatable"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_one(json.loads(options.one))))
        return
    if not options.env:
        parser.error("name at least one --env")
    wanted = [
        {
            "agent": options.agent,
            "env": env,
            "seed": seed,
            "steps": options.steps,
            "settings": options.settings,
        }
        for seed in episode_seeds(options.seeds)
        for env in options.env
    ]
    run_all(wanted, options.data, options.jobs)


if __name__ == "__main__":
    main()

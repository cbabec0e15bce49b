"""Environment steps per second of whole training, beside other trainers and the physical limit.

    .venv/bin/pip install -e '.[bench]' -c constraints.txt
    .venv/bin/python -m tests.benchmarks.throughput --env HalfCheetah-v5 --env Humanoid-v5 --rounds 3

Each figure is measured in a process of its own; the contenders take turns (A B C A B C ...), medians and
ratios are reported, and `--json FILE` keeps every single figure with the versions. "Collecting" leaves the
update out. The physical limit steps the states and controls of our own collection with `mujoco.rollout` on
all cores, in one call: same frame skip, no observation, reward, reset or network.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data" / "throughput.json"
"""What the README's table is made from."""
ENVS = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5", "Ant-v5", "Humanoid-v5")
PACKAGES = ("torch", "mujoco", "gymnasium", "envpool", "stable-baselines3", "numpy")
WARM_UP = 3
"""Iterations before the clock starts: allocations, first statistics, states away from the reset."""


def _warm_training(env_id: str) -> Any:
    import torch

    from engine.presets import config_for
    from engine.training import Training

    config = config_for(env_id)
    torch.set_num_threads(config.run.torch_threads)
    training = Training(config)
    training.start()
    for _ in range(WARM_UP):
        training.iterate()
    return training


def ours(env_id: str, seconds: float) -> float:
    """Training with the preset: collection and update, on all cores for physics."""
    training = _warm_training(env_id)
    return _rate(lambda: int(training.iterate()[0]["env_steps"]), training.env_steps, seconds)


def collecting(env_id: str, seconds: float) -> float:
    """The same, the clock running during collection only."""
    training = _warm_training(env_id)
    spent, taken, started = 0.0, 0, time.monotonic()
    while time.monotonic() - started < seconds:
        metrics, _ = training.iterate()
        spent += metrics["time/collect"]
        taken += training.collector.rollout.raw_rewards.size
    return taken / spent


def sb3_ppo(env_id: str, seconds: float, num_envs: int = 1, *, normalized: bool = False) -> float:
    """PPO of Stable-Baselines3 with its defaults."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    env = make_vec_env(env_id, num_envs)
    model = PPO("MlpPolicy", VecNormalize(env) if normalized else env, device="cpu")
    rollout = model.n_steps * num_envs
    model.learn(rollout)

    def learn() -> int:
        model.learn(rollout, reset_num_timesteps=False)
        return int(model.num_timesteps)

    return _rate(learn, model.num_timesteps, seconds)


def sb3_ppo_8(env_id: str, seconds: float) -> float:
    """The same with 8 environments."""
    return sb3_ppo(env_id, seconds, num_envs=8)


def cleanrl_style(env_id: str, seconds: float) -> float:
    """CleanRL's PPO for continuous actions in Stable-Baselines3.

    Its 2,048 steps, minibatches of 64 and 10 epochs are the defaults; it normalises observations and rewards.
    """
    return sb3_ppo(env_id, seconds, normalized=True)


def envpool_stepping(env_id: str, seconds: float) -> float:
    """EnvPool's 64 environments under random actions: stepping alone."""
    import envpool

    env = envpool.make(env_id, env_type="gymnasium", num_envs=64, num_threads=os.cpu_count())
    env.reset()
    low, high = env.action_space.low, env.action_space.high
    generator, taken = np.random.default_rng(0), 0

    def step() -> int:
        nonlocal taken
        env.step(generator.uniform(low, high, size=(64, len(low))))
        taken += 64
        return taken

    return _rate(step, step(), seconds)


def physical_limit(env_id: str, seconds: float) -> float:
    """`mujoco.rollout` on all cores over the states and controls of our collection."""
    import mujoco
    from mujoco import rollout

    model, skip, rows, controls = _collected_states(env_id)
    data = [mujoco.MjData(model) for _ in range(os.cpu_count() or 1)]
    physics, warmstart = mujoco.mjtState.mjSTATE_FULLPHYSICS, []
    initial = np.empty((len(rows), mujoco.mj_stateSize(model, physics)))
    for row, target in zip(rows, initial, strict=True):
        mujoco.mj_setState(model, data[0], row, mujoco.mjtState.mjSTATE_INTEGRATION)
        mujoco.mj_getState(model, data[0], target, physics)
        warmstart.append(data[0].qacc_warmstart.copy())
    repeated, taken = controls[:, None].repeat(skip, axis=1), 0

    def run() -> int:
        nonlocal taken
        rollout.rollout(model, data, initial, repeated, initial_warmstart=np.array(warmstart))
        taken += len(rows)
        return taken

    return _rate(run, run(), seconds)


def _collected_states(env_id: str) -> tuple[Any, int, Any, Any]:
    """Model, frame skip, and a rollout's simulation states and controls before each of its steps."""
    training = _warm_training(env_id)
    env, states, controls = training.env, [], []
    step = env.step

    def recorded(actions: Any) -> Any:
        states.append(env.state_dict()["simulation"])
        controls.append(np.array(actions, dtype=np.float64))
        return step(actions)

    env.step = recorded
    training.collector.collect()
    task = env._task
    return task.batch.model, task.frame_skip, np.concatenate(states), np.concatenate(controls)


def _rate(advance: Callable[[], int], start: int, seconds: float) -> float:
    """Steps per second of calls that return the total so far, over at least ``seconds``."""
    started, total = time.monotonic(), start
    while time.monotonic() - started < seconds:
        total = advance()
    return (total - start) / (time.monotonic() - started)


CONTENDERS: dict[str, Callable[[str, float], float]] = {
    "vmpo-tui training": ours,
    "vmpo-tui collecting": collecting,
    "SB3 PPO defaults": sb3_ppo,
    "SB3 PPO 8 envs": sb3_ppo_8,
    "SB3 PPO as CleanRL": cleanrl_style,
    "EnvPool stepping": envpool_stepping,
    "physical limit": physical_limit,
}
BASE, LIMIT = "SB3 PPO defaults", "physical limit"


def measure(env_id: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Every contender's rates, in turns."""
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, figures in rates.items():
            command = [sys.executable, "-m", "tests.benchmarks.throughput", "--only", name]
            command += ["--env", env_id, "--seconds", str(seconds)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            figures.append(float(done.stdout.splitlines()[-1]))
    return rates


def table(env_id: str, rates: dict[str, list[float]]) -> Iterator[str]:
    """Lines of an environment's medians, and the medians of each round's ratios."""
    yield env_id
    for name, figures in rates.items():
        ratios = [
            statistics.median(mine / other for mine, other in zip(figures, rates[peer], strict=True))
            for peer in (BASE, LIMIT)
        ]
        yield f"  {name:<20}{statistics.median(figures):>9,.0f} steps/s{ratios[0]:>8.2f}x{ratios[1]:>9.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--env", action="append", help=f"repeatable; default: {', '.join(ENVS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path, help="file for every figure and the versions")
    parser.add_argument("--only", choices=CONTENDERS, help="measure one contender once and print its rate")
    options = parser.parse_args()
    envs = options.env or ENVS
    if options.only:
        print(CONTENDERS[options.only](envs[0], options.seconds))
        return
    print(f"medians of {options.rounds} rounds of {options.seconds:g} s on {os.cpu_count()} cores; ", end="")
    print(f"times {BASE}, share of the {LIMIT}")
    results = {}
    for env_id in envs:
        results[env_id] = measure(env_id, options.rounds, options.seconds)
        print(*table(env_id, results[env_id]), sep="\n", flush=True)
    if options.json:
        versions = {package: importlib.metadata.version(package) for package in PACKAGES}
        document = {"rates": results, "seconds": options.seconds, "versions": versions}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Environment steps per second of whole training, beside Stable-Baselines3 PPO and the physical limit.

    .venv/bin/pip install -e '.[bench]' -c constraints.txt
    .venv/bin/python -m tests.benchmarks.throughput --env HalfCheetah-v5 --rounds 3

Each figure is measured in a process of its own; the contenders take turns (A B C A B C ...), medians and
ratios are reported, and the JSON line at the end holds every single figure with the versions.
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
from collections.abc import Callable


def ours(env_id: str, seconds: float) -> float:
    """Training with the preset: collection and update, on all cores for physics."""
    from engine.presets import config_for
    from engine.training import Training

    training = Training(config_for(env_id))
    training.start()
    training.iterate()  # first use of everything: allocations, optimiser state
    return _rate(lambda: int(training.iterate()[0]["env_steps"]), training.env_steps, seconds)


def sb3_ppo(env_id: str, seconds: float, num_envs: int = 1) -> float:
    """PPO of Stable-Baselines3 with its defaults."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    model = PPO("MlpPolicy", make_vec_env(env_id, num_envs), device="cpu")
    rollout = model.n_steps * num_envs
    model.learn(rollout)

    def learn() -> int:
        model.learn(rollout, reset_num_timesteps=False)
        return int(model.num_timesteps)

    return _rate(learn, model.num_timesteps, seconds)


def sb3_ppo_8(env_id: str, seconds: float) -> float:
    """The same with 8 environments."""
    return sb3_ppo(env_id, seconds, num_envs=8)


def physical_limit(env_id: str, seconds: float) -> float:
    """`mujoco.rollout` with random controls on all cores: no observation, reward or network."""
    import gymnasium
    import mujoco
    import numpy as np
    from mujoco import rollout

    env = gymnasium.make(env_id).unwrapped
    model, skip = env.model, env.frame_skip  # type: ignore[attr-defined]
    threads = os.cpu_count() or 1
    data = [mujoco.MjData(model) for _ in range(threads)]
    state = np.zeros((64, mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)))
    mujoco.mj_getState(model, data[0], state[0], mujoco.mjtState.mjSTATE_FULLPHYSICS)
    state[:] = state[0]
    generator, steps = np.random.default_rng(0), 50
    low, high = model.actuator_ctrlrange.T

    def run() -> int:
        control = generator.uniform(low, high, size=(64, steps, model.nu)).repeat(skip, axis=1)
        states, _ = rollout.rollout(model, data, state, control)
        state[:] = states[:, -1]
        run.taken += 64 * steps  # type: ignore[attr-defined]
        return int(run.taken)  # type: ignore[attr-defined]

    run.taken = 0  # type: ignore[attr-defined]
    return _rate(run, run(), seconds)


def _rate(advance: Callable[[], int], start: int, seconds: float) -> float:
    """Steps per second of calls that return the total so far, over at least ``seconds``."""
    started, total = time.monotonic(), start
    while time.monotonic() - started < seconds:
        total = advance()
    return (total - start) / (time.monotonic() - started)


CONTENDERS: dict[str, Callable[[str, float], float]] = {
    "vmpo-tui preset": ours,
    "SB3 PPO defaults": sb3_ppo,
    "SB3 PPO 8 envs": sb3_ppo_8,
    "physical limit": physical_limit,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--env", default="HalfCheetah-v5")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--only", choices=CONTENDERS, help="measure one contender once and print its rate")
    options = parser.parse_args()
    if options.only:
        print(CONTENDERS[options.only](options.env, options.seconds))
        return
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(options.rounds):
        for name, figures in rates.items():
            command = [sys.executable, "-m", "tests.benchmarks.throughput", "--only", name]
            command += ["--env", options.env, "--seconds", str(options.seconds)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            figures.append(float(done.stdout.splitlines()[-1]))
    medians = {name: statistics.median(figures) for name, figures in rates.items()}
    base, limit = medians["SB3 PPO defaults"], medians["physical limit"]
    print(
        f"{options.env}, median of {options.rounds} rounds of {options.seconds:g} s, {os.cpu_count()} cores"
    )
    for name, rate in medians.items():
        print(
            f"  {name:<18} {rate:>9,.0f} steps/s  {rate / base:>6.2f}x SB3  {rate / limit:>6.1%} of the limit"
        )
    packages = ("torch", "mujoco", "gymnasium", "stable-baselines3", "numpy")
    versions = {package: importlib.metadata.version(package) for package in packages}
    print(json.dumps({"env": options.env, "rates": rates, "versions": versions}))


if __name__ == "__main__":
    main()

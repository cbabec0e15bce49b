"""Recordings of short episodes under a control that is a function of time, for tests of what shows them."""

from __future__ import annotations

import numpy as np

from engine.envs import make_vector_env
from engine.recording import Recording
from engine.tape import Tape


def record(env_id: str, *, steps: int = 40, env_steps: int = 0, seed: int = 1) -> Recording:
    """Record an episode of an environment, of ``steps`` at most."""
    backend = "gymnasium" if env_id.startswith("CartPole") else "mujoco"
    env = make_vector_env(env_id, backend=backend, num_envs=1, threads=1)
    try:
        env.reset(seed)
        tape = Tape(env, seed)
        for step in range(steps):
            wave = np.sin(0.4 * step + 1.7 * np.arange(env.spec.actions.size))
            actions = env.spec.actions.to_environment(0.8 * wave[None])
            if backend == "gymnasium":
                actions = np.array([step // 2 % 2])
            batch = env.step(actions)
            tape.add(actions[0], batch.reward[0])
            if batch.terminated[0] or batch.truncated[0]:
                break
        return tape.recording(env_steps, mean_return=float(env_steps))
    finally:
        env.close()

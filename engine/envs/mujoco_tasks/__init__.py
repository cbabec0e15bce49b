"""Gymnasium's MuJoCo v5 tasks, written once for N simulations in NumPy."""

from __future__ import annotations

from engine.envs.mujoco_tasks.arms import InvertedDoublePendulum, InvertedPendulum, Pusher, Reacher
from engine.envs.mujoco_tasks.base import Outcome, Task
from engine.envs.mujoco_tasks.crawlers import Ant, Humanoid, HumanoidStandup
from engine.envs.mujoco_tasks.runners import HalfCheetah, Hopper, Swimmer, Walker2d

TASKS: dict[str, type[Task]] = {
    "HalfCheetah-v5": HalfCheetah,
    "Hopper-v5": Hopper,
    "Walker2d-v5": Walker2d,
    "Ant-v5": Ant,
    "Humanoid-v5": Humanoid,
    "HumanoidStandup-v5": HumanoidStandup,
    "Swimmer-v5": Swimmer,
    "Reacher-v5": Reacher,
    "Pusher-v5": Pusher,
    "InvertedPendulum-v5": InvertedPendulum,
    "InvertedDoublePendulum-v5": InvertedDoublePendulum,
}

__all__ = ["TASKS", "Outcome", "Task"]

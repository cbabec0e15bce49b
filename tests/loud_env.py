"""An environment of the user's own that writes past Python to the terminal, as C libraries do."""

from __future__ import annotations

import os

import gymnasium
from gymnasium.envs.classic_control import CartPoleEnv


class LoudEnv(CartPoleEnv):
    """CartPole that says so."""

    def __init__(self) -> None:
        super().__init__()
        os.write(1, b"words of a library\n")
        os.write(2, b"and its errors\n")


gymnasium.register("Loud-v0", LoudEnv, max_episode_steps=50)

"""What one rollout holds: preallocated, time-major tensors [T, N, ...]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.state_tree import clone

_SAVED = (
    "position", "observations", "actions", "parameters", "raw_observations", "raw_rewards", "terminated",
    "truncated", "valid", "reward_scale", "reward_clip", "final_rows", "final_observations",
)  # fmt: skip


class Rollout:
    """T steps of N environments under one frozen policy and frozen observation statistics.

    Observations are stored normalised, as the policy saw them, and raw, for the running statistics.
    """

    def __init__(
        self,
        steps: int,
        num_envs: int,
        observation_size: int,
        action_shape: tuple[int, ...],
        parameter_sizes: Sequence[int],
        device: torch.device | str = "cpu",
    ) -> None:
        self.steps, self.num_envs = steps, num_envs
        self.position = 0
        """Steps filled so far."""
        shape = (steps, num_envs)
        self.observations = torch.zeros((steps + 1, num_envs, observation_size), device=device)
        """Normalised observations [T + 1, N, O]; the last row is where the rollout stopped."""
        action_dtype = torch.float32 if action_shape else torch.int64
        self.actions = torch.zeros((*shape, *action_shape), dtype=action_dtype, device=device)
        """Raw samples [T, N, A], before clipping, or action indices [T, N]."""
        self.parameters = tuple(torch.zeros((*shape, size), device=device) for size in parameter_sizes)
        """Parameters of the behaviour policy's distribution, each [T, N, A]."""
        self.raw_observations: NDArray[np.float64] = np.zeros((steps, num_envs, observation_size))
        """Observations as the environments gave them [T, N, O]."""
        self.raw_rewards: NDArray[np.float64] = np.zeros(shape)
        """Rewards as the environments gave them [T, N]."""
        self.terminated: NDArray[np.bool_] = np.zeros(shape, dtype=np.bool_)
        self.truncated: NDArray[np.bool_] = np.zeros(shape, dtype=np.bool_)
        self.valid: NDArray[np.bool_] = np.ones(shape, dtype=np.bool_)
        """Rows caused by a chosen action [T, N]."""
        self.reward_scale = 1.0
        """Factor from raw to learning rewards, frozen for the rollout."""
        self.reward_clip = 0.0
        """Limit of learning rewards; 0 for none."""
        self.final_rows: list[tuple[int, NDArray[np.int64]]] = []
        """(step, environments) of truncated episodes, in the order of `final_observations`."""
        self.final_observations: list[Tensor] = []
        """Normalised final observations of those, each [n, O]."""

    @property
    def full(self) -> bool:
        """Whether all T steps are filled."""
        return self.position == self.steps

    def clear(self) -> None:
        """Start again at step 0 and forget the truncated episodes; the rest is overwritten."""
        self.position = 0
        self.final_rows.clear()
        self.final_observations.clear()

    def state_dict(self) -> dict[str, Any]:
        """All that an update reads, as it is; not copied."""
        return {name: getattr(self, name) for name in _SAVED}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned for a rollout of the same shape, as copies.

        They lie in memory as a rollout's own do: how tensors are aligned decides the last bit of a product.
        """
        for name in _SAVED:
            setattr(self, name, clone(state[name]))

    def rewards(self) -> Tensor:
        """Learning rewards [T, N]: scaled, then clipped."""
        scaled = self.raw_rewards * self.reward_scale
        if self.reward_clip:
            scaled = np.clip(scaled, -self.reward_clip, self.reward_clip)
        return torch.as_tensor(scaled, dtype=torch.float32, device=self.actions.device)

    def next_values(self, values: Tensor, final_values: Tensor) -> Tensor:
        """V of the true successors [T, N].

        Args:
            values: V of `observations` [T + 1, N].
            final_values: V of the concatenated `final_observations` [n], empty if there are none.
        """
        successors = values[1:].clone()
        start = 0
        for step, environments in self.final_rows:
            stop = start + len(environments)
            successors[step, torch.as_tensor(environments, device=values.device)] = final_values[start:stop]
            start = stop
        return successors

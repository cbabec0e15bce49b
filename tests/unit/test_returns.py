from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.returns import ESTIMATORS, gae, n_step, one_step

GAMMA, LAMBDA = 0.9, 0.7


def rollout(seed: int, steps: int = 9, envs: int = 4) -> tuple[Tensor, ...]:
    """Random rewards, values, successor values, terminations and truncations, never both of a row."""
    generator = np.random.default_rng(seed)
    rewards, values, successors = generator.normal(size=(3, steps, envs))
    kind = generator.integers(0, 5, size=(steps, envs))
    arrays = (rewards, values, successors, kind == 0, kind == 1)
    return tuple(torch.as_tensor(array) for array in arrays)


def brute_force(
    rewards: Tensor, values: Tensor, successors: Tensor, terminated: Tensor, truncated: Tensor, lam: float
) -> np.ndarray:
    """A_t as the sum over the rest of the episode of (gamma lambda)^k delta_{t+k}, term by term."""
    steps, envs = rewards.shape
    advantages = np.zeros((steps, envs))
    for env in range(envs):
        for start in range(steps):
            for step in range(start, steps):
                bootstrap = 0.0 if terminated[step, env] else float(successors[step, env])
                delta = float(rewards[step, env]) + GAMMA * bootstrap - float(values[step, env])
                advantages[start, env] += (GAMMA * lam) ** (step - start) * delta
                if terminated[step, env] or truncated[step, env]:
                    break
    return advantages


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("estimator", "lam"), [(gae, LAMBDA), (n_step, 1.0), (one_step, 0.0)])
def test_estimators_equal_their_definition(estimator: object, lam: float, seed: int) -> None:
    rows = rollout(seed)
    targets = estimator(*rows, GAMMA, LAMBDA)  # type: ignore[operator]
    np.testing.assert_allclose(targets.advantages, brute_force(*rows, lam), atol=1e-12)
    torch.testing.assert_close(targets.returns, targets.advantages + rows[1])


def test_n_step_return_by_hand() -> None:
    # One environment, r = 1, 2, 3, gamma = 0.5, V of the state after the last = 8:
    # G_2 = 3 + 4 = 7, G_1 = 2 + 3.5 = 5.5, G_0 = 1 + 2.75 = 3.75.
    rewards = torch.tensor([[1.0], [2.0], [3.0]])
    zeros, no = torch.zeros(3, 1), torch.zeros(3, 1, dtype=torch.bool)
    successors = torch.tensor([[0.0], [0.0], [8.0]])
    targets = n_step(rewards, zeros, successors, no, no, 0.5)
    assert targets.returns.flatten().tolist() == [3.75, 5.5, 7.0]


def test_terminal_successors_are_worth_nothing_and_truncated_ones_their_value() -> None:
    rewards, values, successors = torch.ones(1, 2), torch.zeros(1, 2), torch.full((1, 2), 10.0)
    terminated, truncated = torch.tensor([[True, False]]), torch.tensor([[False, True]])
    targets = gae(rewards, values, successors, terminated, truncated, GAMMA, LAMBDA)
    assert targets.returns.flatten().tolist() == [1.0, 10.0]


def test_results_carry_no_gradient() -> None:
    rewards, values, successors, terminated, truncated = rollout(0)
    targets = gae(rewards, values.requires_grad_(), successors, terminated, truncated, GAMMA, LAMBDA)
    assert not targets.advantages.requires_grad
    assert not targets.returns.requires_grad


def test_shapes_are_checked() -> None:
    rows = rollout(0)
    with pytest.raises(ValueError, match=r"expected equal shapes \[T, N\]"):
        gae(rows[0], rows[1][:-1], *rows[2:], GAMMA, LAMBDA)


def test_every_estimator_has_its_name() -> None:
    assert {"returns": n_step, "dae": one_step, "gae": gae} == ESTIMATORS

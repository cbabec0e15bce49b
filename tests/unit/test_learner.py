from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch

from engine import vmpo
from engine.agent import Agent
from engine.collector import Collector
from engine.config import Config
from engine.errors import NonFiniteError
from engine.learner import Learner
from tests.unit.toy_envs import TargetEnv


def make(continuous: bool = True, num_envs: int = 16, **vmpo_settings: Any) -> tuple[Learner, Collector]:
    settings = {"rollout_steps": 8, "minibatch_size": 32, "epochs": 2, **vmpo_settings}
    config = Config().updated(
        {
            "vmpo": settings,
            "network": {"policy_layer_sizes": (16,), "value_layer_sizes": (16,)},
            "optimizer": {"policy_lr": 3e-3, "value_lr": 3e-3, "schedule": "constant"},
        }
    )
    env = TargetEnv(num_envs, continuous=continuous)
    torch.manual_seed(0)
    agent = Agent(env.spec.observation_size, env.spec.actions, config.network, popart=config.vmpo.popart)
    learner = Learner(agent, config, torch.Generator().manual_seed(1))
    collector = Collector(env, agent, config, torch.Generator().manual_seed(2))
    collector.reset(0)
    return learner, collector


def train(learner: Learner, collector: Collector, updates: int) -> tuple[list[float], dict[str, float]]:
    rewards, metrics = [], {}
    for _ in range(updates):
        collector.collect()
        rewards.append(float(collector.rollout.raw_rewards.mean()))
        metrics = learner.update(collector.rollout)
        collector.fold_statistics()
    return rewards, metrics


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature_mode": "gradient"},
        {"popart": True},
        {"importance_weights": True},
        {"advantage_estimator": "returns", "topk_fraction": 1.0},
        {"advantage_estimator": "dae", "updates_per_rollout": 2},
        {"minibatch_size": 0, "epochs": 8},
    ],
    ids=str,
)
@pytest.mark.parametrize("continuous", [True, False])
def test_every_setting_learns_the_best_action(settings: dict[str, Any], continuous: bool) -> None:
    learner, collector = make(continuous, **settings)
    rewards, metrics = train(learner, collector, 60)
    best = 1.0
    # At least half of the way from the fresh policy's reward to the best one.
    assert np.mean(rewards[-3:]) > (np.mean(rewards[:3]) + best) / 2
    assert all(math.isfinite(value) for value in metrics.values())


def test_the_first_gradient_step_sees_a_kl_of_exactly_zero() -> None:
    learner, collector = make(minibatch_size=0, epochs=1)
    train(learner, collector, 3)
    collector.collect()
    rollout = collector.rollout
    with torch.no_grad():
        fresh = learner.agent.policy(rollout.observations[0])
    assert torch.equal(fresh.mean, rollout.parameters[0][0])
    assert torch.equal(fresh.std, rollout.parameters[1][0])


def test_a_rollout_of_another_policy_is_refused() -> None:
    learner, collector = make()
    collector.collect()
    with torch.no_grad():
        learner.agent.policy.head.bias += 1.0
    with pytest.raises(AssertionError, match="differs from the policy"):
        learner.update(collector.rollout)


def test_target_policy_is_promoted_every_period() -> None:
    learner, collector = make(target_update_period=3)

    def in_step() -> bool:
        pairs = zip(learner.agent.policy.parameters(), learner.agent.target_policy.parameters(), strict=True)
        return all(torch.equal(online, target) for online, target in pairs)

    promoted = []
    for _ in range(6):
        train(learner, collector, 1)
        promoted.append(in_step())
    assert promoted == [False, False, True, False, False, True]


def test_gradient_steps_count_epochs_times_minibatches_times_repetitions() -> None:
    learner, collector = make(epochs=3, minibatch_size=32, updates_per_rollout=2)
    train(learner, collector, 2)
    rows = 8 * 16
    assert learner.gradient_steps == 2 * 2 * 3 * (rows // 32)
    assert learner.updates == 2


def test_minibatch_weights_are_an_unbiased_estimate_of_the_full_batch() -> None:
    learner, collector = make(minibatch_size=50)  # 128 rows: batches of unequal size
    collector.collect()
    batch = learner.prepare(collector.rollout).batch
    minibatches = list(learner._minibatches(batch))
    assert sum(len(rows.weights) for rows in minibatches) == 128
    # Sum over minibatches of B / D times the scaled weights gives each row's psi back: they sum to 1.
    total = sum(float(rows.weights.sum()) * len(rows.weights) / 128 for rows in minibatches)
    assert total == pytest.approx(1.0, abs=1e-5)


def test_tight_bounds_keep_the_policy_close_and_loose_ones_let_it_go() -> None:
    def final_kl(epsilon: float) -> float:
        learner, collector = make(epsilon_mu=epsilon, epsilon_sigma=epsilon, epochs=20, alpha_init=10.0)
        return train(learner, collector, 5)[1]["kl/mean"]

    assert final_kl(1e-3) < final_kl(1.0) / 2


def test_value_targets_tell_truncation_from_termination() -> None:
    learner, collector = make(num_envs=2, advantage_estimator="dae", normalize_advantages=False, gamma=0.9)
    collector.collect()
    rollout = collector.rollout
    prepared = learner.prepare(rollout)
    returns = prepared.batch.returns.reshape(8, 2)
    with torch.no_grad():
        final_value = learner.agent.value(rollout.final_observations[0])
    rewards = rollout.rewards()
    assert rollout.truncated[4, 0]
    assert rollout.terminated[4, 1]
    assert returns[4, 0] == pytest.approx(float(rewards[4, 0] + 0.9 * final_value[0]), abs=1e-6)
    assert returns[4, 1] == pytest.approx(float(rewards[4, 1]), abs=1e-6)


def test_invalid_rows_are_never_learned_from() -> None:
    learner, collector = make()
    collector.collect()
    rollout = collector.rollout
    rollout.valid[3] = False
    rollout.actions[3] = 1e6  # would dominate every loss
    prepared = learner.prepare(rollout)
    assert len(prepared.batch.weights) == 7 * 16
    assert float(prepared.batch.actions.abs().max()) < 1e3


@pytest.mark.parametrize("poison", ["rewards", "observations"])
def test_non_finite_numbers_stop_before_the_optimiser_step(poison: str) -> None:
    learner, collector = make()
    collector.collect()
    rollout = collector.rollout
    before = {name: value.clone() for name, value in learner.agent.state_dict().items()}
    if poison == "rewards":
        rollout.raw_rewards[2, 1] = np.nan
    else:
        rollout.observations[5, 3] = float("nan")
    with pytest.raises(NonFiniteError, match="update 1"):
        learner.update(rollout)
    for name, value in learner.agent.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_non_finite_gradient_names_update_step_and_terms() -> None:
    learner, collector = make(minibatch_size=0)
    collector.collect()
    collector.rollout.actions[1, 1] = float("inf")
    with pytest.raises(NonFiniteError, match=r"update 1, gradient step 1: not finite \(policy gradient nan"):
        learner.update(collector.rollout)


def test_linear_schedule_ends_at_zero() -> None:
    learner, collector = make()
    learner._optimizer_config = Config().updated({"optimizer": {"schedule": "linear"}}).optimizer
    collector.collect()
    assert learner.update(collector.rollout, progress=0.75)["optimizer/policy_lr"] == pytest.approx(7.5e-5)


def test_importance_weights_discount_rows_the_target_policy_would_not_choose() -> None:
    learner, collector = make(importance_weights=True, topk_fraction=1.0, normalize_advantages=False)
    collector.collect()
    on_policy = learner.prepare(collector.rollout).batch.weights
    learner._vmpo = Config().updated({"vmpo": {"topk_fraction": 1.0, "normalize_advantages": False}}).vmpo
    assert torch.allclose(on_policy, learner.prepare(collector.rollout).batch.weights)
    learner._vmpo = (
        Config()
        .updated({"vmpo": {"topk_fraction": 1.0, "normalize_advantages": False, "importance_weights": True}})
        .vmpo
    )
    with torch.no_grad():
        learner.agent.target_policy.head.bias += 0.5  # the data is now another policy's
    prepared = learner.prepare(collector.rollout)
    actions = prepared.batch.actions.sum(1)
    low, high = actions < actions.median(), actions >= actions.median()
    assert prepared.batch.weights[low].sum() / on_policy[low].sum() < 1.0
    assert prepared.batch.weights[high].sum() / on_policy[high].sum() > 1.0


def test_exact_temperature_is_reported_and_meets_its_bound() -> None:
    learner, collector = make(epsilon_eta=0.2)
    _, metrics = train(learner, collector, 2)
    assert metrics["estep/kl"] == pytest.approx(0.2, rel=1e-3)
    assert metrics["dual/temperature"] > 0


def test_shared_encoder_learns_from_both_losses() -> None:
    env = TargetEnv()
    config = Config().updated({"network": {"shared_encoder": True, "policy_layer_sizes": (8,)}})
    agent = Agent(2, env.spec.actions, config.network)
    loss = vmpo.value_loss(agent.value(torch.ones(3, 2)), torch.ones(3))
    loss.backward()  # type: ignore[no-untyped-call]
    assert agent.policy.encoder.layers[0].weight.grad is not None
    assert {id(p) for p in agent.policy_parameters()}.isdisjoint({id(p) for p in agent.value_parameters()})


def test_state_round_trip_continues_bit_for_bit() -> None:
    learner, collector = make(temperature_mode="gradient")
    train(learner, collector, 2)
    collector.collect()
    twin, _ = make(temperature_mode="gradient")
    twin.load_state_dict(copy.deepcopy(learner.state_dict()))
    twin._generator.set_state(learner._generator.get_state())
    assert learner.update(collector.rollout) == twin.update(collector.rollout)

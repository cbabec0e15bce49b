"""`VMPOTrainer`: the seed's interface on the engine."""

from __future__ import annotations

import inspect
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.commands import Pause, Stop
from engine.envs import check_env
from engine.envs.wrappers import collect_vector_obs_rms_stats, make_env
from engine.errors import ConfigError
from engine.evaluation import evaluate_vectorized
from engine.events import RunFailed, RunPaused, UpdateCompleted
from engine.trainer import SEED_CONFIG, Trainer, VMPOTrainer, evaluate_checkpoint, format_metrics
from engine.training import build_agent
from tests.unit import fault_envs
from tests.unit.run_script import ScriptedChannel, rows

REQUIRED = inspect.Parameter.empty
SEED_PARAMETERS = {
    "env_id": REQUIRED, "seed": REQUIRED, "device": REQUIRED,
    "policy_layer_sizes": REQUIRED, "value_layer_sizes": REQUIRED, "rollout_steps": REQUIRED,
    "normalize_advantages": True, "gamma": 0.99, "advantage_estimator": "returns", "gae_lambda": 0.95,
    "policy_lr": 0.0005, "value_lr": 0.001, "topk_fraction": 0.5,
    "temperature_init": 1.0, "temperature_lr": 0.0001,
    "epsilon_eta": 0.1, "epsilon_mu": 0.01, "epsilon_sigma": 0.01, "alpha_lr": 0.0001,
    "max_grad_norm": 10.0, "optimizer_type": "adam", "sgd_momentum": 0.9, "num_envs": 1,
}  # fmt: skip
SMALL = SEED_CONFIG.updated({"evaluation": {"interval": 0, "episodes": 2}, "run": {"threads": 1}})


def make(env_id: str = "CartPole-v1", **settings: Any) -> VMPOTrainer:
    """Return a trainer of 2 environments, 8 steps and 8 units."""
    arguments: dict[str, Any] = {
        "seed": 5, "device": torch.device("cpu"), "policy_layer_sizes": (8,), "value_layer_sizes": (8,),
        "rollout_steps": 8, "num_envs": 2, "config": SMALL,
    }  # fmt: skip
    return VMPOTrainer(env_id, **(arguments | settings))


def _parameters(function: Any) -> list[tuple[str, Any, Any]]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return [(parameter.name, parameter.default, parameter.kind) for parameter in parameters]


def test_the_signatures_are_the_seeds():
    by_name = inspect.Parameter.POSITIONAL_OR_KEYWORD
    only_by_name = inspect.Parameter.KEYWORD_ONLY
    assert _parameters(VMPOTrainer.__init__) == [
        *((name, default, by_name) for name, default in SEED_PARAMETERS.items()),
        ("config", None, only_by_name),  # ours, out of the way of the seed's
        ("channel", None, only_by_name),
    ]
    assert _parameters(VMPOTrainer.train) == [
        ("total_steps", REQUIRED, by_name), ("out_dir", REQUIRED, by_name), ("updates_per_step", 1, by_name),
    ]  # fmt: skip
    assert _parameters(VMPOTrainer._make_train_env) == [
        (name, REQUIRED, only_by_name) for name in ("env_id", "seed", "env_index", "gamma")
    ]
    assert _parameters(VMPOTrainer._reset_rollout) == _parameters(VMPOTrainer._rollout_full) == []


def test_every_argument_reaches_the_configuration():
    trainer = VMPOTrainer(
        "CartPole-v1", 7, torch.device("cpu"), (3, 4), (5,), 11, False, 0.9, "dae", 0.8, 0.1, 0.2, 0.3,
        0.4, 0.5, 0.6, 0.7, 0.15, 0.25, 0.35, "sgd", 0.45, 13,
    )  # fmt: skip
    run, env, network, vmpo, optimizer = (
        trainer.config.to_dict()[name] for name in ("run", "env", "network", "vmpo", "optimizer")
    )
    assert (run["seed"], run["device"], env["id"], env["num_envs"]) == (7, "cpu", "CartPole-v1", 13)
    assert (network["policy_layer_sizes"], network["value_layer_sizes"]) == ([3, 4], [5])
    names = ["rollout_steps", "normalize_advantages", "gamma", "advantage_estimator", "gae_lambda"]
    assert [vmpo[name] for name in names] == [11, False, 0.9, "dae", 0.8]
    names = ["topk_fraction", "temperature_init", "epsilon_eta", "epsilon_mu", "epsilon_sigma"]
    assert [vmpo[name] for name in names] == [0.3, 0.4, 0.6, 0.7, 0.15]
    names = ["policy_lr", "value_lr", "temperature_lr", "alpha_lr", "max_grad_norm", "type", "sgd_momentum"]
    assert [optimizer[name] for name in names] == [0.1, 0.2, 0.5, 0.25, 0.35, "sgd", 0.45]
    # What the seed's interface implies: a temperature that follows its gradient, one full-batch step.
    assert (vmpo["temperature_mode"], vmpo["epochs"], vmpo["minibatch_size"]) == ("gradient", 1, 0)
    assert optimizer["schedule"] == "constant"


def test_numpy_scalars_are_numbers(tmp_path):
    plain = make(gamma=0.5, policy_lr=0.25)
    trainer = make(
        seed=np.int64(5), gamma=np.float32(0.5), policy_lr=np.float64(0.25), num_envs=np.int32(2),
        normalize_advantages=np.True_, policy_layer_sizes=(np.int64(8),), value_layer_sizes=[np.uint8(8)],
    )  # fmt: skip
    assert trainer.config == plain.config
    summary = trainer.train(np.int64(32), str(tmp_path / "run"), updates_per_step=np.int16(2))
    assert (summary.env_steps, rows(tmp_path / "run")[-1]["gradient_steps"]) == (32, 4)
    with pytest.raises(ConfigError, match=r"^run\.seed must be a whole number, not 2\.5$"):
        make(seed=np.float64(2.5))


@pytest.mark.parametrize("device", ["cuda:1", torch.device("cuda:1")])
def test_another_device_than_the_first_is_refused(device):
    message = (
        "run.device must be cpu, cuda or auto, not cuda:1; to train on that one set "
        "CUDA_VISIBLE_DEVICES=1 and use cuda"
    )
    with pytest.raises(ConfigError, match=f"^{message}$"):
        make(device=device)
    assert [make(device=name).config.run.device for name in ("cpu", "cuda", "cuda:0")] == [
        "cpu",
        "cuda",
        "cuda",
    ]


def test_a_second_run_of_a_trainer_begins_like_the_first(tmp_path):
    channel = ScriptedChannel((UpdateCompleted, (Pause(),)), (RunPaused, (Stop(),)))
    trainer = make("InvertedPendulum-v5", channel=channel)
    assert trainer.train(48, str(tmp_path / "stopped")).reason == "stopped"
    trainer._best_return = 1e9  # which nothing that follows would beat
    summary = trainer.train(48, str(tmp_path / "again"))
    fresh = make("InvertedPendulum-v5").train(48, str(tmp_path / "fresh"))
    assert (summary.reason, summary.updates, summary.paused) == ("completed", 3, False)
    assert summary.best_return == fresh.best_return < 1e9
    states = [load_checkpoint(find_checkpoint(tmp_path / name, "best")) for name in ("again", "fresh")]
    for state in states:
        del state.state["training"]["seconds"]
    assert states[0].state == states[1].state


def test_a_second_run_that_cannot_start_says_nothing_of_the_first(tmp_path):
    channel = ScriptedChannel()
    trainer = make(channel=channel)
    trainer.train(16, str(tmp_path / "run"))
    trainer.config = trainer.config.updated({"env": {"id": "CartPol-v1"}})
    with pytest.raises(ConfigError):
        trainer.train(16, str(tmp_path / "again"))
    failed = channel.events[-1]
    assert isinstance(failed, RunFailed)
    assert (failed.env_steps, failed.updates, failed.checkpoint) == (0, 0, None)


def test_a_wrong_argument_is_named():
    with pytest.raises(ConfigError, match=r"vmpo\.advantage_estimator"):
        make(advantage_estimator="gea")
    with pytest.raises(ConfigError, match=r"optimizer\.type"):
        make(optimizer_type="rmsprop")


@pytest.mark.parametrize("env_id", ["CartPole-v1", "InvertedPendulum-v5", "Pendulum-v1"])
@pytest.mark.parametrize("estimator", ["returns", "dae", "gae"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_it_trains(env_id, estimator, optimizer, tmp_path):
    trainer = make(env_id, advantage_estimator=estimator, optimizer_type=optimizer, policy_lr=0.01)
    summary = trainer.train(48, str(tmp_path / "run"))
    assert (summary.reason, summary.env_steps, summary.updates) == ("completed", 48, 3)
    written = rows(tmp_path / "run")
    assert [row["gradient_steps"] for row in written] == [1, 2, 3]
    # The temperature follows its gradient: it has left its first value.
    assert written[-1]["dual/temperature"] != 1.0
    for which in ("last", "best"):
        checkpoint = load_checkpoint(find_checkpoint(tmp_path / "run", which))
        assert (checkpoint.env_steps, checkpoint.config) == (48, trainer.config)


def test_updates_per_step_repeat_the_update_on_each_rollout(tmp_path):
    make().train(48, str(tmp_path / "run"), updates_per_step=4)
    assert [row["gradient_steps"] for row in rows(tmp_path / "run")] == [4, 8, 12]


def test_a_run_of_the_seeds_interface_resumes_and_scores(tmp_path):
    make("InvertedPendulum-v5").train(64, str(tmp_path / "straight"))
    make("InvertedPendulum-v5").train(32, str(tmp_path / "run"))
    channel = ScriptedChannel()
    resumed = VMPOTrainer.resume(tmp_path / "run", total_steps=64, channel=channel)
    assert isinstance(resumed, Trainer)
    assert resumed.run(tmp_path / "run").updates == 4
    first, second = (load_checkpoint(find_checkpoint(tmp_path / name)) for name in ("straight", "run"))
    assert [
        name for name in first.tensors if not torch.equal(first.tensors[name], second.tensors[name])
    ] == []
    assert len(evaluate_checkpoint(tmp_path / "run", episodes=3, seed=0).returns) == 3


def test_training_environments_are_seeded_by_their_index():
    trainer = make()
    starts = []
    for index in (0, 1, 0):
        env = trainer._make_train_env(env_id="CartPole-v1", seed=5, env_index=index, gamma=0.9)
        starts.append(env.unwrapped.state)
        env.close()
    assert np.array_equal(starts[0], starts[2])
    assert not np.array_equal(starts[0], starts[1])


def test_the_rollout_can_be_asked_and_started_again(tmp_path):
    trainer = make()
    trainer._reset_rollout()
    assert not trainer._rollout_full()  # nothing is collected before training
    trainer.train(16, str(tmp_path / "run"))
    assert trainer._rollout_full()
    trainer._reset_rollout()
    assert not trainer._rollout_full()


def test_metrics_are_formatted_by_name():
    assert format_metrics({"loss/value": 0.25, "env_steps": 16.0}) == "env_steps=16.0000 loss/value=0.2500"
    assert format_metrics({}) == ""


@pytest.mark.parametrize("env_id", ["CartPole-v1", "InvertedPendulum-v5", "Pendulum-v1"])
def test_vectorized_evaluation_agrees_with_the_engines(env_id, tmp_path):
    trainer = make(env_id, config=SMALL.updated({"env": {"backend": "gymnasium"}}))
    trainer.train(64, str(tmp_path / "run"))
    moments = trainer._training.collector.moments
    statistics = moments.mean.copy(), moments.variance.copy(), moments.count
    envs = gym.vector.SyncVectorEnv([lambda: make_env(env_id) for _ in range(3)])
    seeds = [int(word) >> 1 for word in np.random.SeedSequence(11).generate_state(3)]  # as the backend does
    metrics = evaluate_vectorized(trainer._training.agent, envs, seeds, statistics)
    frozen = collect_vector_obs_rms_stats(envs)
    assert frozen is not None
    np.testing.assert_allclose(frozen[0], statistics[0])
    np.testing.assert_allclose(frozen[1], statistics[1], rtol=1e-6)
    envs.close()
    # Raw returns, although these environments scale and clip their rewards.
    result = evaluate_checkpoint(tmp_path / "run", episodes=3, seed=11)
    assert metrics == pytest.approx(result.metrics(), rel=1e-3)


@pytest.mark.parametrize("name", ["NestedEnv", "MatrixActionEnv", "EndlessEnv"])
def test_vectorized_evaluation_gives_every_environment_the_actions_of_its_space(name):
    with fault_envs.registered():
        env_id = f"Faulty/{name}-v0"
        agent = build_agent(check_env(env_id), SMALL)
        envs = gym.vector.SyncVectorEnv([lambda: CheckedActions(make_env(env_id)) for _ in range(2)])
        metrics = evaluate_vectorized(agent, envs, max_episode_steps=7)
        envs.close()
    # Two of these never end, and are cut off; they pay 2 and 1 a step.
    expected = {"NestedEnv": (14, 7), "MatrixActionEnv": (0, 1), "EndlessEnv": (7, 7)}[name]
    assert (metrics["eval/return_mean"], metrics["eval/length_mean"]) == expected


class CheckedActions(gym.Wrapper):
    """Refuses actions that are not of the space."""

    def step(self, action):
        assert self.action_space.contains(action)
        return super().step(action)


def test_vectorized_evaluation_without_statistics_keeps_those_of_the_environments(tmp_path):
    trainer = make()
    trainer.train(16, str(tmp_path / "run"))
    envs = gym.vector.SyncVectorEnv([lambda: make_env("CartPole-v1") for _ in range(2)])
    first = evaluate_vectorized(trainer._training.agent, envs)
    assert first.keys() == {f"eval/return_{name}" for name in ("mean", "std", "min", "max")} | {
        "eval/length_mean"
    }
    assert first["eval/return_mean"] == first["eval/length_mean"]  # CartPole pays 1 a step
    envs.close()

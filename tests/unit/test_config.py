from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import Config
from engine.errors import ConfigError, nearest
from engine.presets import PRESETS, config_for, preset_for

INVALID = [
    # assignment, what the one line must name
    ("vmpo.gamma=1.5", "vmpo.gamma must be at least 0 and at most 1"),
    ("vmpo.gamma=-0.1", "vmpo.gamma"),
    ("vmpo.gamma=nan", "vmpo.gamma"),
    ("vmpo.gamma=high", "vmpo.gamma must be a number, not 'high'"),
    ("vmpo.gae_lambda=2", "vmpo.gae_lambda"),
    ("vmpo.topk_fraction=0", "vmpo.topk_fraction must be above 0 and at most 1"),
    ("vmpo.topk_fraction=1.01", "vmpo.topk_fraction"),
    ("vmpo.epsilon_eta=0", "vmpo.epsilon_eta must be above 0"),
    ("vmpo.epsilon_mu=-1", "vmpo.epsilon_mu"),
    ("vmpo.epsilon_sigma=inf", "vmpo.epsilon_sigma"),
    ("vmpo.epochs=0", "vmpo.epochs must be at least 1"),
    ("vmpo.epochs=1.5", "vmpo.epochs must be a whole number, not 1.5"),
    ("vmpo.epochs=true", "vmpo.epochs must be a whole number, not True"),
    ("vmpo.minibatch_size=-1", "vmpo.minibatch_size"),
    ("vmpo.rollout_steps=0", "vmpo.rollout_steps"),
    ("vmpo.temperature_mode=exat", "one of exact, gradient, not 'exat'; did you mean 'exact'?"),
    ("vmpo.advantage_estimator=GAE", "one of returns, dae, gae"),
    ("vmpo.popart=1", "vmpo.popart must be true or false, not 1"),
    ("vmpo.popart=yes", "vmpo.popart must be true or false, not 'yes'"),
    ("vmpo.epsilon_mean=1", "unknown setting vmpo.epsilon_mean"),
    ("vmpo.epoch=1", "did you mean 'vmpo.epochs'"),
    ("vpmo.epochs=1", "unknown section [vpmo]; did you mean 'vmpo'?"),
    ("run.seed=-1", "run.seed"),
    ("run.seed=4294967296", "run.seed"),
    ("run.total_steps=0", "run.total_steps"),
    ("run.device=gpu", "run.device must be one of cpu, cuda, auto"),
    ("run.threads=-2", "run.threads"),
    ("run.torch_threads=0", "run.torch_threads"),
    ("env.num_envs=0", "env.num_envs"),
    ("env.backend=mujuco", "did you mean 'mujoco'?"),
    ("env.id=3", "env.id must be a text, not 3"),
    ("env.clip_reward=-1", "env.clip_reward"),
    ("network.policy_layer_sizes=64", "network.policy_layer_sizes must be a list of positive whole numbers"),
    ("network.policy_layer_sizes=[64,0]", "network.policy_layer_sizes"),
    ("network.activation=gelu", "network.activation must be one of"),
    ("network.std_init=0", "network.std_init"),
    ("optimizer.type=adamw", "did you mean 'adam'?"),
    ("optimizer.policy_lr=0", "optimizer.policy_lr must be above 0"),
    ("optimizer.sgd_momentum=1.1", "optimizer.sgd_momentum"),
    ("evaluation.episodes=0", "evaluation.episodes"),
    ("checkpoint.keep=0", "checkpoint.keep"),
    ("vmpo.epochs", "expected section.key=value"),
    ("=3", "expected section.key=value"),
    ("epochs=3", "expected section.key=value"),
    ("", "expected section.key=value"),
]


@pytest.mark.parametrize(("assignment", "message"), INVALID, ids=[repr(case[0]) for case in INVALID])
def test_what_is_invalid_is_named_in_one_line(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config().with_assignments([assignment])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_assignments_apply_with_toml_values() -> None:
    config = Config().with_assignments(
        ["vmpo.epochs=3", "vmpo.gamma=1", "env.id=CartPole-v1", "network.policy_layer_sizes=[8, 4]"]
    )
    assert (config.vmpo.epochs, config.vmpo.gamma, config.env.id) == (3, 1.0, "CartPole-v1")
    assert config.network.policy_layer_sizes == (8, 4)
    assert isinstance(config.vmpo.gamma, float)


def test_toml_round_trip(tmp_path: Path) -> None:
    config = Config().with_assignments(["vmpo.popart=true", "run.seed=7", "network.value_layer_sizes=[3]"])
    path = tmp_path / "run.toml"
    path.write_text(config.to_toml())
    assert Config.from_toml(path) == config


def test_a_file_changes_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[vmpo]\nepochs = 2\n")
    base = Config().with_assignments(["run.seed=5"])
    assert Config.from_toml(path, base) == base.with_assignments(["vmpo.epochs=2"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[vmpo", "this is not valid TOML"),
        ("[vmpo]\nepochs = 'x'", "vmpo.epochs must be a whole number"),
        ("vmpo = 3", "[vmpo] must be a table of settings, not 3"),
        ("epochs = 3", "unknown section [epochs]"),
        (b"\xff\xfe", "is not valid TOML"),
    ],
    ids=str,
)
def test_a_wrong_file_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*none\.toml: No such file"):
        Config.from_toml(tmp_path / "none.toml")


def test_nearest_names() -> None:
    assert nearest("halfcheetah-v5", ["HalfCheetah-v5", "Ant-v5"]) == "; did you mean 'HalfCheetah-v5'?"
    assert nearest("zzz", ["HalfCheetah-v5"]) == ""


def test_every_preset_is_valid_and_the_last_matches_everything() -> None:
    for preset in PRESETS:
        Config().updated(preset.settings)
    assert preset_for("Anything-v0") is PRESETS[-1]
    assert preset_for("HalfCheetah-v5").name == "cheetah"
    assert preset_for("CartPole-v1").name == "discrete"
    assert config_for("Ant-v5").env.id == "Ant-v5"


def test_presets_by_name() -> None:
    paper = config_for("Ant-v5", "paper")
    assert (paper.env.id, paper.vmpo.epochs, paper.vmpo.target_update_period) == ("Ant-v5", 1, 100)
    assert not paper.vmpo.control_variate
    assert not paper.vmpo.decoupled
    assert config_for("Hopper-v5", "locomotion") == config_for("Hopper-v5")
    with pytest.raises(ConfigError, match="no preset 'papr'; did you mean 'paper'"):
        config_for("Ant-v5", "papr")

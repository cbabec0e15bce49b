"""Settings that change while a run is under way."""

from __future__ import annotations

import pytest

from engine.commands import ChangeSetting
from engine.config import LIVE, Config
from engine.errors import ConfigError
from engine.events import RunStarted, SettingChanged, UpdateCompleted, Warned
from engine.run import Trainer
from engine.run_directory import RunDirectory
from tests.unit.run_script import CARTPOLE, ITERATION, PENDULUM, ScriptedChannel, rows, train
from vmpo_tui import run_view


def changed(*changes: tuple[str, float]) -> ScriptedChannel:
    """A channel on which settings are changed after the first update."""
    return ScriptedChannel((UpdateCompleted, tuple(ChangeSetting(*change) for change in changes)))


def test_every_live_setting_exists_and_takes_numbers():
    config = Config()
    for key in LIVE:
        section, _, name = key.partition(".")
        value = getattr(getattr(config, section), name)
        assert config.changed_live(key, value) == config
        assert type(value) in {int, float}


def test_a_change_is_an_event_and_holds_from_the_next_iteration_on(tmp_path):
    channel = changed(("optimizer.policy_lr", 0.0625))
    train(CARTPOLE, tmp_path / "run", channel)
    before = CARTPOLE.optimizer.policy_lr
    assert [event for event in channel.events if isinstance(event, SettingChanged)] == [
        SettingChanged("optimizer.policy_lr", before, 0.0625, ITERATION, 1)
    ]
    rates = [row["optimizer/policy_lr"] for row in rows(tmp_path / "run")]
    assert rates == [before, 0.0625, 0.0625, 0.0625]
    written = Config.from_toml(RunDirectory(tmp_path / "run").config)
    assert written.optimizer.policy_lr == 0.0625


@pytest.mark.parametrize(
    ("config", "key", "metric"),
    [
        (PENDULUM, "vmpo.epsilon_eta", "estep/kl"),
        (CARTPOLE, "vmpo.epsilon_mu", "loss/alpha"),
        (PENDULUM, "vmpo.epsilon_sigma", "loss/alpha"),
        (PENDULUM, "optimizer.alpha_lr", "dual/alpha_mean"),
        (PENDULUM, "optimizer.value_lr", "loss/value"),
        (PENDULUM, "optimizer.max_grad_norm", "loss/value"),
    ],
)
def test_each_change_reaches_the_learner(config, key, metric, tmp_path):
    train(config, tmp_path / "plain")
    train(config, tmp_path / "changed", changed((key, 0.03125)))
    plain, other = ([row[metric] for row in rows(tmp_path / name)] for name in ("plain", "changed"))
    assert plain[0] == other[0]
    assert plain[1] != other[1]


def test_the_target_and_the_evaluations_follow(tmp_path):
    channel = changed(("run.total_steps", 6 * ITERATION), ("evaluation.interval", 2 * ITERATION))
    summary = train(CARTPOLE, tmp_path / "run", channel)
    assert summary.env_steps == 6 * ITERATION
    assert [row["updates"] for row in rows(tmp_path / "run") if "eval/return_mean" in row] == [2, 4, 6]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("vmpo.epsilon_mu", -1.0), "vmpo.epsilon_mu must be above 0"),
        (("vmpo.gamma", 0.5), "vmpo.gamma is fixed for a run's whole life"),
        (("vmpo.epsilon_nu", 0.5), "did you mean 'vmpo.epsilon_mu'"),
        (("nonsense", 1.0), "unknown section"),
        (("run.total_steps", 10.5), "must be a whole number"),
    ],
)
def test_what_cannot_be_changed_is_said_and_training_goes_on(change, complaint, tmp_path):
    channel = changed(change)
    summary = train(CARTPOLE, tmp_path / "run", channel)
    (warning,) = [event for event in channel.events if isinstance(event, Warned)]
    assert warning.message.startswith("setting not changed: ")
    assert complaint in warning.message
    assert summary.reason == "completed"


def test_a_resumed_run_keeps_its_changed_settings(tmp_path):
    train(CARTPOLE, tmp_path / "run", changed(("optimizer.alpha_lr", 0.5)))
    channel = ScriptedChannel()
    Trainer.resume(tmp_path / "run", total_steps=6 * ITERATION, channel=channel).run(tmp_path / "run")
    (started,) = [event for event in channel.events if isinstance(event, RunStarted)]
    assert started.config["optimizer"]["alpha_lr"] == 0.5


def test_the_screen_follows_a_change(tmp_path):
    channel = changed(("vmpo.epsilon_mu", 0.5), ("run.total_steps", 5 * ITERATION))
    train(PENDULUM, tmp_path / "run", channel)
    view = run_view.RunView()
    for event in channel.events:
        view = run_view.apply(view, event)
    assert view.bounds["kl/mean"] == 0.5
    assert view.config["vmpo"]["epsilon_mu"] == 0.5
    assert view.total_steps == 5 * ITERATION
    assert [(marker.env_steps, marker.text) for marker in view.markers] == [
        (ITERATION, "vmpo.epsilon_mu 0.02 → 0.5"),
        (ITERATION, "run.total_steps 64 → 80"),
    ]


def test_a_changed_config_names_what_may_change():
    with pytest.raises(ConfigError, match=r"checkpoint.interval, evaluation.interval, .* may change"):
        Config().changed_live("env.num_envs", 3)

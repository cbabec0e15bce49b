"""Bad usage: one line that says what is wrong, exit code 2, nothing written."""

from __future__ import annotations

import dataclasses

import pytest

from engine.config import Config
from tests.unit.cli_runner import Runner
from vmpo_tui import __version__
from vmpo_tui.cli.terminal import app as vmpo_tui

BAD = {
    "unknown command": (["trian", "CartPole-v1"], "'train'"),
    "unknown option": (["train", "CartPole-v1", "--step", "5"], "--steps"),
    "no environment": (["train"], "ENV"),
    "two environments": (["train", "CartPole-v1", "Pendulum-v1"], "Pendulum-v1"),
    "misspelt environment": (["train", "CartPol-v1"], "CartPole-v1"),
    "misspelt mujoco environment": (["train", "HalfCheeta-v5"], "HalfCheetah-v5"),
    "empty environment": (["train", ""], "''"),
    "environment that imports code": (["train", "os:CartPole-v1"], "os:CartPole-v1"),
    "environment with control characters": (["train", "Cart\x1b[31mPole"], "Cart\\x1b[31mPole"),
    "environment with markup": (["train", "[red]CartPole[/red]"], "[red]CartPole[/red]"),
    "environment of several lines": (["train", "a\nb"], "a"),
    "steps no number": (["train", "CartPole-v1", "--steps", "many"], "'many'"),
    "steps a fraction": (["train", "CartPole-v1", "--steps", "1.5"], "'1.5'"),
    "steps not finite": (["train", "CartPole-v1", "--steps", "1e999"], "'1e999'"),
    "steps without value": (["train", "CartPole-v1", "--steps"], "--steps"),
    "no steps": (["train", "CartPole-v1", "--steps", "0"], "at least 1"),
    "negative seed": (["train", "CartPole-v1", "--seed", "-1"], "--seed"),
    "seed too large": (["train", "CartPole-v1", "--seed", "2147483648"], "at most"),
    "no environments": (["train", "CartPole-v1", "--num-envs", "0"], "--num-envs"),
    "negative threads": (["train", "CartPole-v1", "--threads", "-2"], "--threads"),
    "misspelt backend": (["train", "CartPole-v1", "--backend", "gymnasum"], "'gymnasium'"),
    "unsuitable backend": (["train", "CartPole-v1", "--backend", "mujoco"], "CartPole-v1"),
    "misspelt device": (["train", "CartPole-v1", "--device", "cud"], "'cuda'"),
    "negative interval": (["train", "CartPole-v1", "--eval-every", "-1"], "--eval-every"),
    "setting without value": (["train", "CartPole-v1", "--set", "vmpo.gamma"], "section.key=value"),
    "setting without section": (["train", "CartPole-v1", "--set", "gamma=0.9"], "section.key=value"),
    "unknown section": (["train", "CartPole-v1", "--set", "vmp.gamma=0.9"], "'vmpo'"),
    "unknown setting": (["train", "CartPole-v1", "--set", "vmpo.epsilon_my=1"], "'vmpo.epsilon_mu'"),
    "setting of another type": (["train", "CartPole-v1", "--set", "vmpo.gamma=high"], "'high'"),
    "setting out of range": (["train", "CartPole-v1", "--set", "vmpo.gamma=1.5"], "vmpo.gamma"),
    "setting of the environment": (["train", "CartPole-v1", "--set", "env.id=Pendulum-v1"], "Pendulum-v1"),
    "no such file": (["train", "CartPole-v1", "--config", "absent.toml"], "absent.toml"),
    "directory for a file": (["train", "CartPole-v1", "--config", "."], "configuration"),
    "bad run name": (["train", "CartPole-v1", "--run-dir", "a b"], "a b"),
    "no run to evaluate": (["eval", "absent"], "absent"),
    "no episodes": (["eval", "absent", "--episodes", "0"], "--episodes"),
    "no run to resume": (["resume", "absent"], "absent"),
    "empty run": (["resume", ""], "''"),
    "no environment found": (["envs", "zzzz"], "zzzz"),
    "setting nested too deep": (
        ["train", "CartPole-v1", "--set", "vmpo.gamma=" + "[" * 100_000],
        "vmpo.gamma",
    ),
    "setting of 400 digits": (["train", "CartPole-v1", "--set", "vmpo.gamma=" + "9" * 400], "vmpo.gamma"),
    "setting of 5000 digits": (["train", "CartPole-v1", "--set", "vmpo.gamma=" + "9" * 5000], "vmpo.gamma"),
    "count of 400 digits": (["train", "CartPole-v1", "--set", "vmpo.epochs=" + "9" * 400], "vmpo.epochs"),
    "setting of two lines": (["train", "CartPole-v1", "--set", "vmpo.gamma=0.5\nx=2"], "one line"),
    "setting of two lines, the old way": (
        ["train", "CartPole-v1", "--set", "vmpo.gamma=0.5\rx=2"],
        "one line",
    ),
    "temperature of no size": (
        ["train", "CartPole-v1", "--set", "vmpo.temperature_init=1e300"],
        "at most 1e+06",
    ),
    "time limit of no size": (
        ["train", "CartPole-v1", "--backend", "gymnasium-async", "--set", "env.timeout=1e30"],
        "env.timeout must be above 0 and at most 1e+06",
    ),
    "layers of no size": (
        ["train", "CartPole-v1", "--set", "network.policy_layer_sizes=[1000000000000]"],
        "network.policy_layer_sizes must be at most 64 layers of at most 65,536",
    ),
    "far too many environments": (
        ["train", "HalfCheetah-v5", "--num-envs", "100000000"],
        "--num-envs: env.num_envs must be at least 1 and at most 1e+06",
    ),
    "more than the memory holds": (
        ["train", "HalfCheetah-v5", "--num-envs", "1000000", "--set", "vmpo.rollout_steps=10000000"],
        "env.num_envs=1,000,000 with vmpo.rollout_steps=10,000,000 needs",
    ),
    "a part of the run's path too long": (
        ["train", "CartPole-v1", "--run-dir", "a" * 300 + "/b"],
        "too long",
    ),
    "name of a run too long": (["eval", "a" * 300], "aaa"),
    "momentum that never fades": (
        ["train", "CartPole-v1", "--set", "optimizer.sgd_momentum=1"],
        "optimizer.sgd_momentum must be at least 0 and below 1",
    ),
    "sigma of no size": (["train", "Pendulum-v1", "--set", "network.std_init=1e30"], "network.std_init"),
    "floor of sigma of no size": (
        ["train", "Pendulum-v1", "--set", "network.std_min=1e30"],
        "network.std_min",
    ),
    "sigma below its floor": (
        ["train", "Pendulum-v1", "--set", "network.std_init=1e-5"],
        "network.std_min must be at most network.std_init",
    ),
    "multiplier below its floor": (
        ["train", "CartPole-v1", "--set", "vmpo.alpha_min=100"],
        "vmpo.alpha_min must be at most vmpo.alpha_init",
    ),
    "misspelt preset": (["train", "CartPole-v1", "--preset", "papr"], "'paper'"),
    "misspelt sink": (["train", "CartPole-v1", "--sink", "tensorbord"], "'tensorboard'"),
    "checkpoint for an environment": (["train", "checkpoints/last"], "checkpoints/last"),
    "run name with a leading dot": (["train", "CartPole-v1", "--run-dir", ".x"], ".x"),
    "run name of control characters": (
        ["train", "CartPole-v1", "--run-dir", "a\x1b]0;x\x07"],
        "a\\x1b]0;x\\x07",
    ),
    "run name that is too long": (["train", "CartPole-v1", "--run-dir", "x" * 300], "xxx"),
    "no run to attach to": (["attach", "absent"], "absent"),
    "no run to serve": (["serve", "absent"], "absent"),
    "port out of range": (["serve", "absent", "--port", "99999"], "--port"),
    "no run to plot": (["plot", "absent"], "absent"),
    "nothing to plot": (["plot"], "RUN"),
    "no smoothing": (["plot", "absent", "--smooth", "0"], "--smooth"),
    "no run to export": (["export", "absent", "-o", "policy.onnx"], "absent"),
    "export without a file": (["export", "absent"], "--output"),
    "run with control characters": (["eval", "a\x1b[2Jb"], "a\\x1b[2Jb"),
    "run with markup": (["resume", "[bold]x[/bold]"], "[bold]x[/bold]"),
    "run of another directory": (["eval", "../../etc"], "../../etc"),
}


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VMPO_RUNS", raising=False)
    return Runner(capsys)


@pytest.mark.parametrize(("arguments", "named"), BAD.values(), ids=BAD)
def test_bad_usage_is_one_line(run, tmp_path, arguments, named):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "\x1b" not in err
    assert named in err
    assert len(err) < 1000
    assert list(tmp_path.iterdir()) == []


SETTINGS = [
    (f"{section.name}.{entry.name}", getattr(getattr(Config(), section.name), entry.name))
    for section in dataclasses.fields(Config)
    for entry in dataclasses.fields(getattr(Config(), section.name))
]


@pytest.mark.parametrize(("key", "default"), SETTINGS, ids=[key for key, _ in SETTINGS])
def test_every_setting_refuses_what_it_is_not(run, tmp_path, key, default):
    wrong = 7 if isinstance(default, str) else "[1, 'x']" if isinstance(default, tuple) else "'much'"
    code, out, err = run("train", "CartPole-v1", "--set", f"{key}={wrong}")
    assert (code, out) == (2, "")
    assert key in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", [key for key, _ in SETTINGS])
def test_every_setting_is_found_by_a_name_close_to_it(run, tmp_path, key):
    code, _, err = run("train", "CartPole-v1", "--set", f"{key}x=1")
    assert code == 2
    assert f"did you mean '{key}'" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "x = [",
        "x = " + "[" * 100_000,
        "[vmpo]\ngamma = " + "9" * 400,
        "[vmpo]\ngama = 0.9\n",
        "vmpo = 3\n",
        "\x00",
    ],
)
def test_a_bad_configuration_file_is_named(run, tmp_path, text):
    (tmp_path / "bad.toml").write_text(text)
    code, _, err = run("train", "CartPole-v1", "--config", "bad.toml")
    assert code == 2
    assert "bad.toml" in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


def test_a_directory_that_is_no_run_is_refused(run, tmp_path):
    (tmp_path / "empty").mkdir()
    for command in ("eval", "resume"):
        code, _, err = run(command, "empty")
        assert code == 2
        assert "empty" in err
        assert err.count("\n") == 1


def test_the_list_of_runs_wants_a_terminal(run):
    code, _, err = run(app=vmpo_tui, name="vmpo-tui")
    assert code == 2
    assert "vmpo-tui needs a terminal" in err
    assert "`vmpo runs`" in err


def test_the_application_wants_a_terminal(run):
    code, _, err = run("CartPole-v1", app=vmpo_tui, name="vmpo-tui")
    assert code == 2
    assert "vmpo train CartPole-v1" in err


def test_the_application_refuses_what_train_refuses(run):
    code, _, err = run("CartPole-v1", "--set", "vmpo.gama=1", app=vmpo_tui, name="vmpo-tui")
    assert code == 2
    assert "'vmpo.gamma'" in err


def test_the_version_is_the_package_version(run):
    assert run("--version") == (0, f"{__version__}\n", "")
    assert run("--version", app=vmpo_tui, name="vmpo-tui") == (0, f"{__version__}\n", "")


def test_no_command_shows_the_help(run):
    code, out, err = run()
    assert code == 0
    assert "train" in out
    assert err == ""

"""`vmpo train` and `vmpo resume` around a trainer that only pretends."""

from __future__ import annotations

import json
import os
import signal

import pytest

from engine.errors import CheckpointError, EnvironmentFault, NonFiniteError
from tests.unit.cli_runner import FakeTrainer, Runner
from vmpo_tui.cli.headless import display_path


@pytest.fixture
def run(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VMPO_RUNS", raising=False)
    return Runner(capfd)


@pytest.fixture
def trainer(monkeypatch):
    """Put a class of its own in the engine's place, so that a test may change how it behaves."""

    class Trainer(FakeTrainer):
        made = []

    monkeypatch.setattr("engine.trainer.Trainer", Trainer)
    return Trainer


def _config(trainer):
    [made] = trainer.made
    return made.config


def test_the_summary_says_what_came_of_it(run, trainer):
    code, out, err = run("train", "CartPole-v1", "--run-dir", "mine")
    assert code == 0
    assert out.splitlines() == [
        "completed: CartPole-v1",
        "  score  2.0 +- 1.0 over 2 episodes (best 2.0)",
        "  steps  2,048 in 2 updates",
        "  time   1:05",
        "  run    mine",
        "  next   vmpo eval mine   or   vmpo resume mine --steps 4096",
    ]
    assert "kl/policy=0.0125" in err
    assert "evaluated at 2,048 steps" in err


def test_json_is_one_document_and_nothing_else(run, trainer, tmp_path):
    code, out, _ = run("train", "CartPole-v1", "--run-dir", "mine", "--json")
    assert code == 0
    assert json.loads(out) == {
        "run_dir": "mine",
        "env_id": "CartPole-v1",
        "reason": "completed",
        "env_steps": 2048,
        "updates": 2,
        "seconds": 65.0,
        "score": {"mean": 2.0, "std": 1.0, "min": 1.0, "max": 3.0, "episodes": 2},
        "best_return": 2.0,
        "checkpoint": "mine/checkpoints/2048",
    }


def test_no_progress_hides_the_figures(run, trainer):
    _, _, err = run("train", "CartPole-v1", "--no-progress")
    assert "env_steps=" not in err
    assert "training CartPole-v1" in err


def test_a_run_is_named_after_its_environment_and_seed(run, trainer):
    run("train", "CartPole-v1", "--seed", "7")
    [made] = trainer.made
    assert made.run_dir.parent.name == "runs"
    assert made.run_dir.name.startswith("CartPole-v1-s7-")


def test_every_option_reaches_its_setting(run, trainer):
    options = (
        "--steps 2e5 --seed 3 --backend gymnasium --num-envs 6 --threads 2 --device auto --eval-every 1_000"
    )
    assert run("train", "CartPole-v1", *options.split()).code == 0
    config = _config(trainer)
    assert (config.run.total_steps, config.run.seed, config.run.threads, config.run.device) == (
        200_000,
        3,
        2,
        "auto",
    )
    assert (config.env.id, config.env.backend, config.env.num_envs) == ("CartPole-v1", "gymnasium", 6)
    assert config.evaluation.interval == 1000


def test_later_sources_win(run, trainer, monkeypatch, tmp_path):
    from engine import presets

    tuned = presets.Preset(
        "tuned", "CartPole*", {"vmpo": {"gamma": 0.1, "epochs": 1}, "env": {"num_envs": 1}}, "a test"
    )
    monkeypatch.setattr(presets, "PRESETS", (tuned, *presets.PRESETS))
    (tmp_path / "mine.toml").write_text(
        "[run]\nseed = 5\n[vmpo]\nepochs = 2\n[env]\nid = 'Pendulum-v1'\nnum_envs = 2\n"
    )
    arguments = ["--config", "mine.toml", "--num-envs", "3", "--seed", "6", "--set", "run.seed=7"]
    assert run("train", "CartPole-v1", *arguments).code == 0
    config = _config(trainer)
    assert config.vmpo.gamma == 0.1  # preset over default
    assert config.vmpo.epochs == 2  # file over preset
    assert config.env.num_envs == 3  # option over file
    assert config.run.seed == 7  # --set over option
    assert config.env.id == "CartPole-v1"  # the argument over the file


def test_a_preset_by_name_replaces_the_environments_own(run, trainer):
    assert run("train", "CartPole-v1", "--preset", "paper", "--set", "vmpo.epochs=3").code == 0
    config = _config(trainer)
    assert (config.vmpo.target_update_period, config.vmpo.epochs) == (100, 3)


def test_an_unknown_preset_is_one_line(run):
    result = run("train", "CartPole-v1", "--preset", "papers")
    assert result.code == 2
    assert result.err.startswith("error: --preset: no preset 'papers'; did you mean 'paper'?")


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_saves_and_stops(run, trainer, monkeypatch, signum, code):
    before = signal.getsignal(signum)
    monkeypatch.setattr(trainer, "between_iterations", lambda self: os.kill(os.getpid(), signum))
    result = run("train", "CartPole-v1", "--run-dir", "mine")
    assert result.code == code
    assert result.out.startswith("stopped: CartPole-v1")
    assert "vmpo resume mine" in result.out
    assert "finished and saved" in result.err
    assert signal.getsignal(signum) is before


def test_a_second_signal_stops_at_once(run, trainer, monkeypatch):
    def twice(self):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(trainer, "between_iterations", twice)
    before = signal.getsignal(signal.SIGINT)
    code, out, err = run("train", "CartPole-v1")
    assert code == 130
    assert out == ""
    assert "stopped without saving" in err
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("second", [signal.SIGHUP, signal.SIGTERM])
def test_a_terminal_that_closes_saves_however_often_that_is_said(run, trainer, monkeypatch, second):
    """The shell and the system each send HUP; the end of a login sends TERM after it."""

    def closes(self):
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), second)

    monkeypatch.setattr(trainer, "between_iterations", closes)
    result = run("train", "CartPole-v1")
    assert result.code == 128 + signal.SIGHUP
    assert result.out.startswith("stopped: CartPole-v1")
    assert "without saving" not in result.err.replace("once more stops without saving", "")


def test_an_ignored_signal_stays_ignored(run, trainer, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        monkeypatch.setattr(trainer, "between_iterations", lambda self: os.kill(os.getpid(), signal.SIGHUP))
        assert run("train", "CartPole-v1").out.startswith("completed")
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (NonFiniteError("update 3: the loss is nan"), 1),
        (EnvironmentFault("environment 2 raised\nat step 7"), 1),
        (CheckpointError("run is held by process 12"), 2),
        (RuntimeError("a [bug]"), 1),
        (OSError(28, "No space left on device"), 1),
    ],
)
def test_a_failed_run_is_one_line(run, trainer, monkeypatch, failure, code):
    monkeypatch.setattr(trainer, "failure", failure)
    result = run("train", "CartPole-v1", "--no-progress")
    assert result.code == code
    assert result.out == ""
    last = result.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert " ".join(str(failure).split()) in last
    assert "Traceback" not in result.err


def test_where_an_unexpected_error_came_from_can_be_asked_for(run, trainer, monkeypatch):
    monkeypatch.setattr(trainer, "failure", RuntimeError("a bug"))
    monkeypatch.setenv("VMPO_TRACEBACK", "1")
    with pytest.raises(RuntimeError, match="a bug"):
        run("train", "CartPole-v1")


def test_paths_can_be_typed_from_here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert display_path(tmp_path / "runs" / "x") == "runs/x"
    assert display_path(tmp_path / "a b") == "'a b'"

"""`vmpo-tui` up to the moment when the screen opens, and after it has closed."""

from __future__ import annotations

import itertools
import sys
from types import SimpleNamespace

import pytest

from engine.errors import NonFiniteError
from tests.unit.cli_runner import FakeTrainer, Runner
from vmpo_tui.cli.terminal import app
from vmpo_tui.session import Session
from vmpo_tui.settings import settings_path


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VMPO_RUNS", raising=False)
    monkeypatch.setattr("vmpo_tui.cli.opening.on_a_terminal", lambda: True)
    runner = Runner(capsys)
    return lambda *arguments: runner(*arguments, app=app, name="vmpo-tui")


@pytest.fixture
def trainer(monkeypatch):
    """A screen that only waits for the run to end, on a trainer that only pretends."""

    class Trainer(FakeTrainer):
        made = []

    def run_app(session: Session, **_: object) -> tuple[int, None]:
        session.start()
        assert session.join(30)
        return 0, None

    monkeypatch.setattr("engine.trainer.Trainer", Trainer)
    monkeypatch.setitem(sys.modules, "vmpo_tui.launch", SimpleNamespace(run_app=run_app))
    return Trainer


def test_options_reach_the_run_and_the_summary_follows_it(run, trainer):
    code, out, err = run("CartPole-v1", "--steps", "5000", "--run-dir", "mine", "--set", "vmpo.gamma=0.5")
    assert (code, err) == (0, "")
    assert out.startswith("completed: CartPole-v1")
    [made] = trainer.made
    assert (made.config.run.total_steps, made.config.vmpo.gamma) == (5000, 0.5)
    assert made.run_dir.name == "mine"


def test_a_failed_run_is_one_line_after_the_screen(run, trainer, monkeypatch):
    monkeypatch.setattr(trainer, "failure", NonFiniteError("update 3: the loss is nan"))
    assert run("CartPole-v1") == (1, "", "error: update 3: the loss is nan\n")


def test_nothing_opens_for_an_unknown_environment(run, trainer):
    code, _, err = run("CartPol-v1")
    assert code == 2
    assert "CartPole-v1" in err
    assert trainer.made == []


def test_resume_and_an_environment_exclude_each_other(run, trainer):
    code, _, err = run("CartPole-v1", "--resume", "mine")
    assert (code, err.count("\n")) == (2, 1)
    assert "--resume show a run that is there: name no environment" in err


def test_a_run_that_is_not_there_cannot_be_resumed(run, trainer):
    code, _, err = run("--resume", "mine")
    assert (code, err.count("\n")) == (2, 1)
    assert "no run or checkpoint 'mine'" in err
    assert trainer.made == []


@pytest.mark.parametrize(("words", "answer"), [((), "detach"), (("detach",), "detach"), (("stop",), "save")])
def test_what_a_closed_terminal_asks_for(run, trainer, monkeypatch, words, answer):
    sessions = []
    monkeypatch.setattr(
        "vmpo_tui.session.Session", lambda *given: sessions.append(Session(*given)) or sessions[0]
    )
    assert run("CartPole-v1", *itertools.chain(*(("--on-hangup", word) for word in words))).code == 0
    assert [session.on_hangup for session in sessions] == [answer]


def test_a_misspelt_wish_for_a_closed_terminal_is_told(run, trainer):
    code, _, err = run("CartPole-v1", "--on-hangup", "stpo")
    assert (code, err.count("\n")) == (2, 1)
    assert "--on-hangup" in err
    assert "'stpo' is neither detach nor stop; did you mean 'stop'?" in err
    assert trainer.made == []


def test_nothing_opens_with_settings_that_make_no_sense(run, trainer, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = settings_path()
    path.parent.mkdir()
    path.write_text("[keymap]\nrun.stop = 'e'")
    code, out, err = run("CartPole-v1")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}: line 2: keymap.run.stop: 'e' is taken")
    assert trainer.made == []

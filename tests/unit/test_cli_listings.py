"""`vmpo runs`, `envs`, `presets` and `doctor`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.config import Config
from engine.presets import PRESETS
from tests.unit.cli_runner import Runner
from vmpo_tui.cli import doctor
from vmpo_tui.robot import gl
from vmpo_tui.settings import settings_path


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMPO_RUNS", str(tmp_path / "runs"))
    return Runner(capsys)


@pytest.fixture
def no_gl(monkeypatch):
    """Let the process that tries OpenGL fail at once, as it does after seconds where there is none."""
    monkeypatch.setattr(gl, "_TRIAL", "raise SystemExit(1)")


def _make_run(path):
    from engine.run_directory import RunDirectory

    RunDirectory.create(path, Config().updated({"env": {"id": "CartPole-v1"}, "run": {"total_steps": 5000}}))


def test_no_runs_is_no_error(run):
    code, out, err = run("runs")
    assert (code, out) == (0, "")
    assert "no runs" in err
    assert run("runs", "--json") == (0, "[]\n", "")


def test_runs_are_listed(run, tmp_path):
    _make_run(tmp_path / "runs" / "first")
    code, out, _ = run("runs")
    assert code == 0
    assert "first" in out
    assert "CartPole-v1" in out
    assert "0 / 5k" in out
    [listed] = json.loads(run("runs", "--json").out)
    assert listed["path"] == str(tmp_path / "runs" / "first")
    assert (listed["env_id"], listed["total_steps"], listed["best_return"]) == ("CartPole-v1", 5000, None)


def test_a_misspelt_run_is_answered_with_the_nearest(run, tmp_path):
    _make_run(tmp_path / "runs" / "walker-first")
    code, _, err = run("resume", "walker-frist")
    assert code == 2
    assert "'walker-first'" in err


def test_environments_are_found_by_part_of_id_or_family(run):
    code, out, _ = run("envs", "CHEETAH")
    assert code == 0
    assert "HalfCheetah-v5" in out
    assert "CartPole-v1" not in out
    found = json.loads(run("envs", "classic_control", "--json").out)
    assert {"id": "CartPole-v1", "backend": "gymnasium", "family": "classic_control"}.items() <= next(
        env for env in found if env["id"] == "CartPole-v1"
    ).items()


def test_presets_are_listed(run):
    code, out, _ = run("presets")
    assert code == 0
    assert all(preset.name in out for preset in PRESETS)
    assert [preset["name"] for preset in json.loads(run("presets", "--json").out)] == [
        preset.name for preset in PRESETS
    ]


def test_the_doctor_reports_and_writes_nothing(run, no_gl, tmp_path):
    code, out, _ = run("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(out)}
    assert code == 0
    assert checks["torch"]["state"] == "ok"
    assert checks["opengl"]["state"] == "note"
    assert checks["runs"]["state"] == "ok"
    assert list(tmp_path.iterdir()) == []
    assert "opengl" in run("doctor").out


def test_the_doctor_fails_where_runs_cannot_be_written(run, no_gl, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VMPO_RUNS", str(tmp_path / "file" / "runs"))
    code, out, _ = run("doctor")
    assert code == 1
    assert "is not a directory" in out


def test_the_doctor_says_how_to_install_what_is_missing(run, no_gl, monkeypatch):
    monkeypatch.setattr(doctor, "REQUIRED", ("absent-package",))
    monkeypatch.setattr(doctor, "OPTIONAL", {"absent-suite": "suite"})
    code, out, _ = run("doctor")
    assert code == 1
    assert "pip install 'absent-package'" in out
    assert "pip install 'vmpo-tui[suite]'" in out


def test_a_reader_that_leaves_early_is_told_nothing():
    program = "from vmpo_tui.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "presets", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        process.stdout.close()  # before anything can be written
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 1  # Typer's answer to a closed pipe


def test_the_fields_of_the_list_of_runs_are_documented(run, tmp_path):
    _make_run(tmp_path / "runs" / "first")
    [listed] = json.loads(run("runs", "--json").out)
    told = " ".join(run("runs", "--help").out.split())
    assert [field for field in listed if field not in told] == []


def test_hostile_names_are_listed_but_steer_nothing(run, tmp_path):
    _make_run(tmp_path / "runs" / "good")
    names = [
        "\x1b[2Jgone",
        "two\nlines",
        "[bold]x",
        "\u202ereversed",
        b"\xff\xfe".decode("utf-8", "surrogateescape"),
    ]
    for name in names:
        shutil.copytree(tmp_path / "runs" / "good", tmp_path / "runs" / name)
    code, out, err = run("runs")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert r"\x1b[2Jgone" in out
    assert "[bold]x" in out
    assert len(out.splitlines()) == 2 + 1 + len(names)
    assert {entry["name"] for entry in json.loads(run("runs", "--json").out)} == {"good", *names}


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """A user's file of settings, not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = settings_path()
    path.parent.mkdir(parents=True)
    return path


def test_keys_are_listed_as_they_are_set(run, settings):
    settings.write_text('[keymap]\nrun.evaluate = ["f5", "?"]\nrun.help = "f1"')
    listed = {key["name"]: key for key in json.loads(run("keys", "--json").out)}
    assert listed["run.evaluate"] == {
        "where": "everywhere",
        "name": "run.evaluate",
        "key": "f5 ?",
        "does": "evaluate the policy now",
    }
    assert listed["robot.play"]["where"] == "robot screen"
    assert "charts.export" in run("keys").out


def test_the_doctor_says_where_settings_are_and_what_is_wrong_with_them(run, no_gl, settings):
    assert str(settings) in run("doctor", "--json").out
    settings.write_text("theme = 'lihgt'")
    code, out, _ = run("doctor", "--json")
    check = next(check for check in json.loads(out) if check["name"] == "settings")
    assert code == 1
    assert check["state"] == "fail"
    assert check["detail"].startswith(f"{settings}: line 1: theme: expected one of dark, light")

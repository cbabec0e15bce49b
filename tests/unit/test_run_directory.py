from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine import run_directory
from engine.config import Config
from engine.errors import CheckpointError, ConfigError
from engine.run_directory import NAME_PATTERN, RunDirectory, RunList, list_runs, new_run_name, runs_root


def make(path: Path, *events: dict[str, object], rows: int = 0) -> RunDirectory:
    directory = RunDirectory.create(path, Config())
    directory.events.write_text("".join(json.dumps(event) + "\n" for event in events))
    metrics = ({"updates": n + 1, "env_steps": 100.0 * (n + 1)} for n in range(rows))
    directory.metrics.write_text("".join(json.dumps(row) + "\n" for row in metrics))
    return directory


STARTED = {"event": "RunStarted", "env_steps": 0}


def test_the_runs_root_is_the_variable_or_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMPO_RUNS", "/somewhere")
    assert runs_root() == Path("/somewhere")
    monkeypatch.delenv("VMPO_RUNS")
    assert runs_root() == Path("runs")


@pytest.mark.parametrize("env_id", ["CartPole-v1", "dm_control/cheetah/run", "ALE/Pong-v5", "..x", "é" * 99])
def test_new_names_are_valid(env_id: str) -> None:
    assert NAME_PATTERN.fullmatch(new_run_name(env_id, 3))


@pytest.mark.parametrize("name", [".hidden", "a b", "a" * 81, "x\x1b[31m", "é", "a\n"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is no valid run name: expected 1 to 80 of"):
        RunDirectory.create(tmp_path / name, Config())
    assert not list(tmp_path.iterdir())


def test_links_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigError, match="is a link"):
        RunDirectory.open(tmp_path / "link")


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    make(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"holds a run already; continue it with: vmpo resume .*run"):
        RunDirectory.create(tmp_path / "run", Config())


def test_an_empty_directory_is_welcome_and_the_configuration_repeats_the_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    config = Config().with_assignments(["run.seed=9"])
    directory = RunDirectory.create(tmp_path / "run", config)
    assert Config.from_toml(directory.config) == config


def test_open_says_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a run directory"):
        RunDirectory.open(tmp_path / "none")


HOLDER = """
import sys
from pathlib import Path
from typing import Any
from engine.run_directory import RunDirectory
with RunDirectory.open(Path(sys.argv[1])).hold():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_trainer_a_run_and_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    directory = make(tmp_path / "run", STARTED)
    command = [sys.executable, "-c", HOLDER, str(directory.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(CheckpointError, match=f"is being trained by process {holder.pid}"):
            directory.hold().__enter__()
        assert directory.held()
        assert list_runs(tmp_path)[0].state == "running"
        holder.kill()
    assert not directory.held()
    with directory.hold():
        assert directory.lock.read_text() == str(os.getpid())


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], "interrupted"),
        ([STARTED], "interrupted"),
        ([STARTED, {"event": "RunFinished", "reason": "completed"}], "finished"),
        ([STARTED, {"event": "RunFinished", "reason": "stopped"}], "stopped"),
        ([STARTED, {"event": "RunFinished", "reason": "discarded"}], "discarded"),
        ([STARTED, {"event": "RunFailed"}], "failed"),
        ([STARTED, {"event": "RunFailed"}, STARTED], "interrupted"),
    ],
)
def test_states_are_read_from_the_events(tmp_path: Path, events: list[dict[str, object]], state: str) -> None:
    make(tmp_path / "run", *events)
    assert [run.state for run in list_runs(tmp_path)] == [state]


def test_the_list_knows_steps_and_best_score_and_survives_damage(tmp_path: Path) -> None:
    scores = ({"event": "EvaluationCompleted", "returns": [x, x + 2.0], "env_steps": 50} for x in (4.0, 9.0))
    make(tmp_path / "good", STARTED, *scores, rows=5000)
    damaged = make(tmp_path / "damaged", STARTED)
    damaged.config.write_text("[")
    torn = make(tmp_path / "torn", STARTED, rows=3)
    with torn.metrics.open("a") as file:
        file.write('{"updates": 4, "env_st')
    (tmp_path / "no-run").mkdir()
    runs = {run.name: run for run in list_runs(tmp_path)}
    assert runs.keys() == {"good", "damaged", "torn"}
    assert (runs["good"].env_steps, runs["good"].best_return) == (500_000, 10.0)
    assert runs["damaged"].state == "damaged"
    assert runs["torn"].env_steps == 300
    assert runs["good"].problem == ""
    assert "is not valid TOML" in runs["damaged"].problem
    assert "metrics.jsonl ends in a line that is no row" in runs["torn"].problem


def test_no_root_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []


def test_a_paused_run_is_told_from_a_running_one(tmp_path: Path) -> None:
    paused, resumed = {"event": "RunPaused", "env_steps": 50}, {"event": "RunResumed", "env_steps": 50}
    for name, events in (("paused", [STARTED, paused]), ("running", [STARTED, paused, resumed])):
        directory = make(tmp_path / name, *events)
        with directory.hold():
            assert [run.state for run in list_runs(tmp_path) if run.name == name] == [name]
        assert [run.state for run in list_runs(tmp_path) if run.name == name] == ["interrupted"]


def test_the_list_knows_updates_time_seed_and_the_newest_score(tmp_path: Path) -> None:
    scores = ({"event": "EvaluationCompleted", "returns": [x], "updates": 9} for x in (4.0, 9.0, 6.0))
    directory = make(tmp_path / "run", STARTED, *scores)
    directory.config.write_text(Config().with_assignments(["run.seed=7"]).to_toml())
    directory.metrics.write_text('{"updates": 12, "env_steps": 60.0, "seconds": 3.5}\n')
    [run] = list_runs(tmp_path)
    assert (run.seed, run.updates, run.seconds) == (7, 12, 3.5)
    assert (run.best_return, run.last_return) == (9.0, 6.0)


NESTED = b"[" * 100_000
HOSTILE_ROWS = [
    {"event": "RunPaused", "env_steps": "many", "updates": [1]},
    {"event": ["RunFinished"], "reason": {"a": 1}},
    {"event": "RunFinished", "reason": "\x1b[31mdone"},
    {"event": "EvaluationCompleted", "returns": "abc"},
    {"event": "EvaluationCompleted", "returns": [None, 1.0]},
    {"event": "EvaluationCompleted", "returns": {"0": 1}},
    {"event": "EvaluationCompleted", "returns": [10**400]},
    {"env_steps": 1e999, "seconds": -1e999},
]


def test_hostile_rows_are_passed_over(tmp_path: Path) -> None:
    directory = make(tmp_path / "run", *HOSTILE_ROWS)
    rows = b"".join(json.dumps(row).encode() + b"\n" for row in HOSTILE_ROWS)
    directory.metrics.write_bytes(NESTED + b"\n\xff\xfe\n[1]\n" + rows)
    [run] = list_runs(tmp_path)
    assert (run.state, run.env_steps, run.updates, run.best_return) == ("interrupted", 0, 0, None)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("obstacle", [_pipe, _device, _loop, Path.mkdir])
@pytest.mark.parametrize("name", ["config.toml", "metrics.jsonl", "events.jsonl", "lock"])
def test_files_that_are_none_never_hold_up_the_list(tmp_path: Path, name: str, obstacle: Any) -> None:
    make(tmp_path / "good", STARTED)
    directory = make(tmp_path / "bad", STARTED)
    (directory.path / name).unlink(missing_ok=True)
    obstacle(directory.path / name)
    states = {run.name: run.state for run in list_runs(tmp_path)}
    assert states == {"good": "interrupted", "bad": "damaged" if name == "config.toml" else "interrupted"}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + NESTED, b"#" * 2_000_000, b""])
def test_whatever_the_settings_hold_the_list_goes_on(tmp_path: Path, content: bytes) -> None:
    directory = make(tmp_path / "run", STARTED)
    directory.config.write_bytes(content)
    [run] = list_runs(tmp_path)
    assert run.state == ("damaged" if content else "interrupted")


def test_links_to_runs_are_not_listed(tmp_path: Path) -> None:
    make(tmp_path / "real", STARTED)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    assert [run.name for run in list_runs(tmp_path)] == ["real"]


def test_what_is_wrong_with_a_run_is_said(tmp_path: Path) -> None:
    lost = make(tmp_path / "lost", STARTED, rows=2)
    lost.config.unlink()
    named = make(tmp_path / "named", STARTED)
    named.path.rename(tmp_path / "two words\x1b[31m")
    odd = make(tmp_path / "odd", STARTED)
    odd.config.unlink()
    odd.config.mkdir()
    problems = {run.name: run.problem for run in list_runs(tmp_path)}
    assert problems["lost"] == "config.toml is missing: nobody knows its settings"
    assert problems["two words\x1b[31m"] == "its name is none that a run may have: rename it"
    assert problems["odd"] == "config.toml is not a file of settings"


def test_half_a_row_under_way_is_no_problem(tmp_path: Path) -> None:
    directory = make(tmp_path / "run", STARTED)
    directory.metrics.write_text('{"upda')
    with directory.hold():
        assert [run.problem for run in list_runs(tmp_path)] == [""]


def test_the_list_reads_again_only_what_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second", "third"):
        make(tmp_path / name, STARTED)
    described = []
    describe = run_directory._describe
    monkeypatch.setattr(
        run_directory, "_describe", lambda *given: described.append(given[0].path.name) or describe(*given)
    )
    runs = RunList(tmp_path)
    newest = runs.read(newest=1)
    assert [run.name for run in newest] == described
    assert len(runs.read()) == 3
    assert sorted(described) == ["first", "second", "third"]
    with RunDirectory(tmp_path / "second").events.open("a") as file:
        file.write('{"event": "RunFailed"}\n')
    states = {run.name: run.state for run in runs.read()}
    assert described[3:] == ["second"]
    assert states == {"first": "interrupted", "second": "failed", "third": "interrupted"}
    with RunDirectory(tmp_path / "third").hold():
        assert {run.name: run.state for run in runs.read()}["third"] == "running"


def test_a_run_that_lies_elsewhere_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "runs" / "inside", STARTED)
    make(tmp_path / "elsewhere", STARTED)
    runs = RunList(tmp_path / "runs")
    runs.guest = tmp_path / "elsewhere"
    assert sorted(run.name for run in runs.read()) == ["elsewhere", "inside"]
    monkeypatch.chdir(tmp_path)
    runs.guest = Path("runs/inside")
    assert [run.path for run in runs.read()] == [tmp_path / "runs" / "inside"]
    for nothing in ("gone", "a\0b", "\ud800", "x" * 10_000):
        runs.guest = Path(nothing)
        assert [run.name for run in runs.read()] == ["inside"]

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.config import Config
from engine.errors import CheckpointError, ConfigError
from engine.run_directory import NAME_PATTERN, RunDirectory, list_runs, new_run_name, runs_root


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


def test_no_root_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []

"""Optional sinks: chosen by settings, switched off where they fail, silent."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine import sinks
from engine.config import Config, RunConfig
from engine.errors import BackendUnavailableError, ConfigError
from engine.events import RunStarted, UpdateCompleted, Warned
from engine.run import Trainer
from engine.sinks.jsonl import read_rows
from tests.unit.run_script import CARTPOLE, ITERATION, TIMES, ScriptedChannel, rows, train, without

ROOT = Path(__file__).parents[2]


class Recording:
    """A sink that keeps what it is given and raises where it is told to."""

    def __init__(self, run_dir: Path, started: RunStarted, fails_at: str = "") -> None:
        self.run_dir, self.started, self.fails_at = run_dir, started, fails_at
        self.rows: list[Mapping[str, Any]] = []
        self.closed = 0

    def write(self, row: Mapping[str, Any]) -> None:
        self.rows.append(row)
        self.fail("write")

    def close(self) -> None:
        self.closed += 1
        self.fail("close")

    def fail(self, moment: str) -> None:
        if moment == self.fails_at:
            raise RuntimeError(f"the server burns at {moment}")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recording]:
    """Replace the sinks by recording ones; the one called wandb is kept as it opens."""
    made: dict[str, Recording] = {}

    def factory(name: str, fails_at: str = "") -> Any:
        def make(run_dir: Path, started: RunStarted) -> Recording:
            made[name] = sink = Recording(run_dir, started, fails_at)
            sink.fail("open")
            return sink

        return make

    monkeypatch.setitem(sinks.SINKS, "wandb", factory("wandb"))
    for moment in ("open", "write", "close"):
        monkeypatch.setitem(sinks.SINKS, moment, factory(moment, moment))
    return made


def test_the_settings_name_every_sink() -> None:
    [field] = [field for field in dataclasses.fields(RunConfig) if field.name == "sinks"]
    assert set(field.metadata["choices"]) == sinks.SINKS.keys()


def test_sinks_get_the_rows_of_the_metrics_file(tmp_path: Path, opened: dict[str, Recording]) -> None:
    train(CARTPOLE, tmp_path / "run", run={"sinks": ["wandb"]})
    sink = opened["wandb"]
    assert sink.run_dir == tmp_path / "run"
    assert sink.started.config["run"]["sinks"] == ["wandb"]
    assert [row["updates"] for row in sink.rows] == [1, 2, 3, 4]
    assert [dict(row) for row in sink.rows] == rows(tmp_path / "run")
    assert sink.closed == 1


@pytest.mark.parametrize(("moment", "written"), [("open", 0), ("write", 1), ("close", 4)])
def test_a_sink_that_raises_is_reported_once_and_training_goes_on(
    tmp_path: Path, opened: dict[str, Recording], monkeypatch: pytest.MonkeyPatch, moment: str, written: int
) -> None:
    monkeypatch.setitem(sinks.SINKS, "tensorboard", sinks.SINKS[moment])
    channel = ScriptedChannel()
    summary = train(CARTPOLE, tmp_path / "run", channel, run={"sinks": ["tensorboard", "wandb"]})
    train(CARTPOLE, tmp_path / "plain")
    assert summary.reason == "completed"
    assert without(rows(tmp_path / "run"), *TIMES) == without(rows(tmp_path / "plain"), *TIMES)
    assert [event.message for event in channel.events if isinstance(event, Warned)] == [
        f"tensorboard is switched off, training goes on: the server burns at {moment}"
    ]
    assert channel.kinds[-1] == "RunFinished"
    assert len(opened[moment].rows) == written
    assert opened[moment].closed == (moment != "open")
    assert len(opened["wandb"].rows) == 4
    assert opened["wandb"].closed == 1


def test_sinks_are_closed_when_a_run_fails(
    tmp_path: Path, opened: dict[str, Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    def iterate(self: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("engine.training.Training.iterate", iterate)
    with pytest.raises(RuntimeError, match="broken"):
        train(CARTPOLE, tmp_path / "run", run={"sinks": ["wandb"]})
    assert opened["wandb"].closed == 1


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            'run.sinks=["tensorbord"]',
            r"must be one of tensorboard, wandb.*did you mean 'tensorboard'",
        ),
        ('run.sinks=["wandb", "wandb"]', "run.sinks names one more than once: wandb, wandb"),
        ("run.sinks=wandb", r"run.sinks must be a list of names such as \[\"tensorboard\"\], not 'wandb'"),
        ("run.sinks=[1]", "run.sinks must be a list of names"),
    ],
)
def test_wrong_sinks_are_refused(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config().with_assignments([assignment])


def test_sinks_survive_toml(tmp_path: Path) -> None:
    config = Config().with_assignments(['run.sinks=["wandb", "tensorboard"]'])
    (tmp_path / "config.toml").write_text(config.to_toml())
    assert Config.from_toml(tmp_path / "config.toml").run.sinks == ("wandb", "tensorboard")


def test_a_missing_package_is_told_before_the_run_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendUnavailableError, match=r"pip install 'vmpo-tui\[wandb\]'"):
        sinks.check_sinks(["wandb"])


def test_tensorboard_reads_every_metric_also_of_a_resumed_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run_dir = tmp_path / "run"
    train(CARTPOLE, run_dir, run={"sinks": ["tensorboard"]})
    Trainer.resume(run_dir, total_steps=6 * ITERATION).run(run_dir)
    assert capfd.readouterr() == ("", "")
    recorded = EventAccumulator(str(run_dir / "tensorboard"))
    recorded.Reload()
    written = rows(run_dir)
    scalars = recorded.Scalars("loss/value")
    assert [scalar.step for scalar in scalars] == [ITERATION * update for update in range(1, 7)]
    assert [scalar.value for scalar in scalars] == pytest.approx([row["loss/value"] for row in written])
    assert set(recorded.Tags()["scalars"]) == set().union(*written)


def test_tensorboard_leaves_out_what_is_not_finite(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from engine.sinks.tensorboard import TensorBoardSink

    started = RunStarted("x", "E", "gymnasium", 1, 1, 1, False, 0, 10)
    sink = TensorBoardSink(tmp_path, started)
    sink.write(UpdateCompleted({"env_steps": 8.0, "bad": float("nan"), "good": 2.0}).metrics)
    sink.close()
    sink.close()
    recorded = EventAccumulator(str(tmp_path / "tensorboard"))
    recorded.Reload()
    assert sorted(recorded.Tags()["scalars"]) == ["env_steps", "good"]


WANDB_RUN = """
import sys, threading
from pathlib import Path
from engine.run import Trainer
from engine.sinks.jsonl import read_rows
from tests.unit.run_script import CARTPOLE, ITERATION, train
run_dir = Path(sys.argv[1])
def work():
    train(CARTPOLE, run_dir, run={"sinks": ["wandb"]})
    Trainer.resume(run_dir, total_steps=6 * ITERATION).run(run_dir)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def _run_with_wandb(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return subprocess.run(
        [sys.executable, "-c", WANDB_RUN, str(tmp_path / "run")],
        cwd=ROOT,
        env=environment | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        check=True,
    )


def _warnings_of_wandb(run_dir: Path) -> list[str]:
    events = read_rows(run_dir / "events.jsonl")
    return [row["message"] for row in events if row["event"] == "Warned" and "wandb" in row["message"]]


def test_wandb_works_offline_in_a_thread_and_prints_nothing(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    result = _run_with_wandb(tmp_path, WANDB_MODE="offline")
    assert (result.stdout, result.stderr) == ("", "")
    run_dir = tmp_path / "run"
    assert _warnings_of_wandb(run_dir) == []
    identity = (run_dir / "wandb-id").read_text()
    recorded = sorted((run_dir / "wandb").glob(f"offline-run-*-{identity}/run-{identity}.wandb"))
    assert recorded  # one of the run and one of the resumed run; begun in the same second, they share a name
    assert all(b"loss/value" in path.read_bytes() for path in recorded)


def test_wandb_without_an_account_asks_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    result = _run_with_wandb(tmp_path)
    assert (result.stdout, result.stderr) == ("", "")
    messages = _warnings_of_wandb(tmp_path / "run")
    assert len(messages) == 2  # of the run, and of the resumed run
    assert all("`wandb login`, or WANDB_MODE=offline" in message for message in messages)
    assert len(rows(tmp_path / "run")) == 6

"""What lies between runs: checkpoints by name, a past that is shown again, counts as people write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.config import Config
from engine.errors import CheckpointError, ConfigError
from engine.events import EvaluationCompleted, UpdateCompleted
from engine.fork import fork_run
from engine.generations import generations, steps_of
from engine.presets import config_for
from engine.run_directory import RunDirectory
from engine.trainer import Trainer
from vmpo_tui.following import Past
from vmpo_tui.session import Session
from vmpo_tui.text import parse_count


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    """A run of two checkpoints, with an evaluation before each."""
    config = config_for("CartPole-v1").with_assignments(
        [
            "run.total_steps=4096", "vmpo.epochs=1", "evaluation.episodes=2", "evaluation.interval=2048",
            "checkpoint.interval=2048", "network.policy_layer_sizes=[8]", "network.value_layer_sizes=[8]",
        ]
    )  # fmt: skip
    return Trainer(config).run(tmp_path_factory.mktemp("runs") / "trunk").run_dir


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_fork_has_the_past_up_to_its_checkpoint_and_leaves_the_trunk_alone(trunk, tmp_path):
    before = {path: path.read_bytes() for path in trunk.rglob("*") if path.is_file() and path.name != "lock"}
    start = generations(trunk / "checkpoints")[0]
    forked = RunDirectory(fork_run(start, tmp_path / "branch", {"optimizer.policy_lr": 1e-5}))
    steps = steps_of(start)
    assert steps < 4096
    assert rows(forked.metrics) == [row for row in rows(trunk / "metrics.jsonl") if row["env_steps"] <= steps]
    told = rows(forked.events)
    assert [row["event"] for row in told] == ["EvaluationCompleted", "RunForked", "SettingChanged"]
    assert (told[1]["parent"], told[1]["env_steps"]) == ("trunk", steps)
    assert (told[2]["key"], told[2]["before"], told[2]["after"]) == ("optimizer.policy_lr", 5e-4, 1e-5)
    loaded, original = load_checkpoint(find_checkpoint(forked.path)), load_checkpoint(start)
    assert loaded.state == original.state
    assert all(loaded.tensors[name].equal(tensor) for name, tensor in original.tensors.items())
    assert loaded.config.optimizer.policy_lr == Config.from_toml(forked.config).optimizer.policy_lr == 1e-5
    assert {path: path.read_bytes() for path in before} == before


def test_a_fork_without_a_change_goes_on_as_the_trunk_did(trunk, tmp_path):
    start = generations(trunk / "checkpoints")[0]
    path = fork_run(start, tmp_path / "branch")
    Trainer.resume(path).run(path)
    timed = ("seconds", "steps_per_second", "time/collect", "time/update")

    def learned(run: Path) -> list[dict]:
        return [{k: v for k, v in row.items() if k not in timed} for row in rows(run / "metrics.jsonl")]

    assert learned(path) == learned(trunk)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("two words", {}, "no valid run name"),
        ("trunk", {}, "holds a run already"),
        ("branch", {"vmpo.gamma": 0.5}, "fixed for a run's whole life"),
        ("branch", {"optimizer.policy_lr": -1.0}, "must be above 0"),
    ],
)
def test_what_cannot_be_forked_leaves_nothing(trunk, name, changes, words):
    there = set(trunk.parent.iterdir())
    with pytest.raises(ConfigError, match=words):
        fork_run(trunk, trunk.parent / name, changes)
    assert set(trunk.parent.iterdir()) == there


def test_a_run_without_a_checkpoint_cannot_be_forked(tmp_path):
    path = RunDirectory.create(tmp_path / "empty", Config()).path
    assert steps_of(path) is None
    with pytest.raises(CheckpointError, match="holds no checkpoint yet"):
        fork_run(path, tmp_path / "branch")


def test_a_pointer_that_is_missing_or_torn_is_done_without(trunk, tmp_path):
    assert steps_of(trunk) == 4096
    (tmp_path / "checkpoints").mkdir()
    assert steps_of(tmp_path) is None
    (tmp_path / "checkpoints" / "last").write_bytes(b"\xff\xfe")
    assert steps_of(tmp_path) is None


def test_a_session_tells_the_past_before_the_present(trunk):
    past = Past(trunk, 4096)
    session = Session(
        lambda channel: Trainer.resume(trunk, total_steps=6144, channel=channel).run(trunk), past=past
    )
    session.start()
    events = []
    while session.running or not past.over:
        events += session.drain()
    events += session.drain()
    updates = [event.metrics["env_steps"] for event in events if isinstance(event, UpdateCompleted)]
    assert updates == [1024.0, 2048.0, 3072.0, 4096.0, 5120.0, 6144.0]
    scores = [event.env_steps for event in events if isinstance(event, EvaluationCompleted)]
    assert scores == sorted(scores)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("7", 7),
        ("1e6", 10**6),
        ("1_000_000", 10**6),
        ("500k", 500_000),
        ("1.5M", 1_500_000),
        ("2G", 2 * 10**9),
    ],
)
def test_counts_as_people_write_them(text, count):
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "k", "half", "1.5", "0.0001k", "nan", "inf", "1e400000000", "--1"])
def test_texts_that_are_no_counts(text):
    with pytest.raises(ValueError, match="is not a whole number such as"):
        parse_count(text)

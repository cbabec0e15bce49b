"""Reading a run of another process as its files grow."""

from __future__ import annotations

import dataclasses

import pytest

from engine.config import Config
from engine.errors import CheckpointError
from engine.events import (
    AdvantageHistogram,
    EvaluationCompleted,
    Inspection,
    RunFinished,
    RunStarted,
    UpdateCompleted,
    Warned,
)
from engine.run_directory import RunDirectory
from engine.sinks.inspections import InspectionSink
from engine.sinks.jsonl import JsonlSink, event_from_row, event_row
from tests.tui.scripted_engine import STARTED, update
from vmpo_tui import following, run_view
from vmpo_tui.following import Follower, GrowingRows


class Written:
    """A run directory that a test writes into as a trainer would."""

    def __init__(self, path) -> None:
        self.directory = RunDirectory.create(path, Config())
        self.metrics, self.events = JsonlSink(self.directory.metrics), JsonlSink(self.directory.events)
        self.inspections = InspectionSink(self.directory.inspections)

    def start(self, env_steps: int = 0, updates: int = 0) -> None:
        self.events.write(event_row(dataclasses.replace(STARTED, env_steps=env_steps, updates=updates)))

    def update(self, *numbers: int) -> None:
        for number in numbers:
            self.metrics.write(update(number).metrics)

    def inspect(self, *numbers: int) -> None:
        for number in numbers:
            self.inspections.write(update(number).metrics, inspection(number))

    def evaluate(self, number: int) -> None:
        steps = int(update(number).metrics["env_steps"])
        self.events.write(event_row(EvaluationCompleted(steps, number, (1.0, 3.0), (5, 5), 0.1, True)))


def inspection(number: int) -> Inspection:
    """What an update looked like inside, another one for each."""
    histogram = AdvantageHistogram(-1.0, 1.0, (number, 1), (0.25, 0.75), 0.5, 1)
    return Inspection((0.5, 1.0 / number), histogram)


@pytest.fixture
def written(tmp_path):
    return Written(tmp_path / "run")


def seen(events) -> list[object]:
    """Number of each update, kind of every other event."""
    return [
        int(event.metrics["updates"]) if isinstance(event, UpdateCompleted) else type(event).__name__
        for event in events
    ]


def test_history_comes_in_the_order_of_its_steps(written):
    written.start()
    written.update(1, 2, 3)
    written.evaluate(2)
    with written.directory.hold():
        follower = Follower(written.directory.path)
        assert seen(follower.drain()) == ["RunStarted", 1, 2, "EvaluationCompleted", 3]
        assert follower.drain() == []
        written.update(4)
        assert seen(follower.drain()) == [4]
        assert follower.running


def test_what_updates_looked_like_inside_comes_with_them(written):
    written.start()
    written.inspect(1, 2, 4)
    written.update(1, 2, 3)
    with written.directory.hold():
        follower = Follower(written.directory.path)
        assert [one.inspection for one in follower.drain()[1:]] == [inspection(1), inspection(2), None]
        written.inspect(5)
        written.update(5)  # the rows of update 4 came too late to be read
        assert [one.inspection for one in follower.drain()] == [inspection(5)]


def test_a_run_that_is_resumed_shows_no_inside_that_it_has_trained_again(written):
    written.start()
    written.inspect(1, 2, 3, 4)
    written.update(1, 2, 3, 4)
    with written.directory.hold():
        follower = Follower(written.directory.path)
        assert follower.drain()[-1].inspection == inspection(4)
        written.metrics.truncate_after(2)
        written.inspections.truncate_after(2)
        written.start(int(update(2).metrics["env_steps"]), 2)
        written.update(3)
        assert [getattr(one, "inspection", None) for one in follower.drain()] == [None, inspection(2)]
        written.inspect(4)
        written.update(4)
        assert [one.inspection for one in follower.drain()] == [inspection(4)]


def test_a_run_that_was_moved_is_found_where_it_is_now(written):
    written.start()
    (started,) = (
        event for event in Follower(written.directory.path).drain() if isinstance(event, RunStarted)
    )
    assert started.run_dir == str(written.directory.path) != STARTED.run_dir


def test_events_come_back_as_they_were_said(written):
    event = EvaluationCompleted(10, 1, (1.0, 2.0), (3, 4), 0.5, True)
    assert event_from_row(event_row(event)) == event
    assert event_from_row({**event_row(event), "new in another version": 1}) == event
    assert event_from_row({"event": "NeverHeardOf"}) is None
    assert event_from_row({"event": "EvaluationCompleted"}) is None
    assert event_from_row({}) is None


def test_an_updates_mean_stands_for_its_episodes(written):
    written.start()
    written.metrics.write({**update(1).metrics, "train/episode_return_mean": 7.5})
    written.metrics.write({**update(2).metrics, "train/episode_return_mean": float("nan")})
    with written.directory.hold():
        _, first, second = Follower(written.directory.path).drain()
    assert first.episode_returns == (7.5,)
    assert second.episode_returns == ()


def test_a_run_that_nobody_trains_is_shown_as_it_stands(written):
    written.start()
    written.update(1)
    follower = Follower(written.directory.path)
    found = follower.drain()
    assert seen(found) == ["RunStarted", 1, "Warned"]
    assert not follower.running
    assert follower.drain() == []


def test_the_end_of_a_run_is_told_by_its_own_words(written):
    written.start()
    written.events.write(event_row(RunFinished("completed", 2048, 1, 1.0)))
    follower = Follower(written.directory.path)
    assert seen(follower.drain()) == ["RunStarted", "RunFinished"]
    assert not follower.running


def test_a_run_that_is_handed_over_is_not_over_until_nobody_takes_it(written, monkeypatch):
    written.start()
    written.update(1)
    written.events.write(event_row(RunFinished("handed over", 2048, 1, 1.0)))
    follower = Follower(written.directory.path)
    assert seen(follower.drain()) == ["RunStarted", 1]
    assert follower.running
    with written.directory.hold():
        written.start(2048, 1)
        written.update(2)
        assert seen(follower.drain()) == ["RunStarted", 2]
    written.events.write(event_row(RunFinished("handed over", 4096, 2, 1.0)))
    assert seen(follower.drain()) == []
    late = following.time.monotonic() + following.HAND_OVER_SECONDS + 1.0
    monkeypatch.setattr(following.time, "monotonic", lambda: late)
    assert seen(follower.drain()) == ["Warned"]
    assert not follower.running


def test_a_resumed_run_is_trained_again_from_its_checkpoint(written):
    written.start()
    written.update(1, 2, 3, 4)
    with written.directory.hold():
        follower = Follower(written.directory.path)
        view = run_view.RunView()
        for event in follower.drain():
            view = run_view.apply(view, event)
        written.metrics.truncate_after(2)
        written.start(env_steps=2 * 2048, updates=2)
        written.update(3)
        found = follower.drain()
        assert seen(found) == ["RunStarted", 3]
        for event in found:
            view = run_view.apply(view, event)
    assert view.history.metrics["updates"].y.tolist() == [1.0, 2.0, 3.0]
    assert view.updates == 3


def test_torn_and_foreign_lines_are_passed_over(written):
    written.start()
    written.update(1)
    with written.directory.metrics.open("ab") as file:
        file.write(b'not json\n[1]\n{"env_steps": 40')
    with written.directory.hold():
        follower = Follower(written.directory.path)
        assert seen(follower.drain()) == ["RunStarted", 1]
        with written.directory.metrics.open("ab") as file:
            file.write(b'96.0, "updates": 2.0, "loss": null}\n')
        (event,) = follower.drain()
    assert event.metrics["env_steps"] == 4096.0
    assert event.metrics["loss"] != event.metrics["loss"]  # not finite


def test_a_long_history_comes_in_slices(written, monkeypatch):
    written.start()
    written.update(*range(1, 2001))
    clock = iter(range(10**9))
    monkeypatch.setattr(following.time, "monotonic", lambda: next(clock) * 1e-4)
    monkeypatch.setattr(following, "SLICE_SECONDS", 0.05)
    with written.directory.hold():
        follower = Follower(written.directory.path)
        slices = []
        while sum(map(len, slices)) < 2001:
            slices.append(seen(follower.drain()))
            assert slices[-1]
    assert len(slices) > 2
    assert [number for part in slices for number in part] == ["RunStarted", *range(1, 2001)]


def test_commands_to_a_run_that_nobody_trains(written):
    written.start()
    from engine.commands import Pause

    follower = Follower(written.directory.path)
    follower.send(Pause())
    (answer,) = [event for event in follower.drain() if isinstance(event, Warned)][:1]
    assert "cannot be steered: no process trains it" in answer.message


def test_where_there_is_no_run(tmp_path):
    with pytest.raises(CheckpointError, match="is not a run directory"):
        Follower(tmp_path)


def test_a_file_that_is_not_there_yet(tmp_path):
    rows = GrowingRows(tmp_path / "later.jsonl")
    assert rows.take() is None
    JsonlSink(tmp_path / "later.jsonl").write({"a": 1})
    assert rows.take() == {"a": 1}


def test_no_event_is_lost_between_the_two_files(written):
    """A row newer than an event that is written already comes after it."""
    with written.directory.hold():
        follower = Follower(written.directory.path)
        written.start()
        for number in range(1, 20):
            written.update(number)
            if number % 5 == 0:
                written.evaluate(number)
            found = seen(follower.drain())
            expected = [number, "EvaluationCompleted"] if number % 5 == 0 else [number]
            assert found == (["RunStarted", *expected] if number == 1 else expected)

"""Histories of long runs: bounded room in memory, and a bounded part of a long file."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sinks.jsonl import JsonlSink
from tests.tui.scripted_engine import update
from tests.unit.test_following import Written
from vmpo_tui import following, history, run_view
from vmpo_tui.following import Follower, GrowingRows
from vmpo_tui.gallery import RunCurves
from vmpo_tui.history import CAPACITY, RECENT, History, Series
from vmpo_tui.overlays import OtherRun
from vmpo_tui.run_view import RunView
from vmpo_tui.thinned import extremes

ordinates = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=60)


@given(ordinates, st.integers(2, 9))
def test_extremes_are_points_of_their_blocks_in_their_order(values, block):
    points = np.stack([np.arange(len(values), dtype=np.float64), np.array(values)])
    kept = extremes(points, block)
    for number, pair in enumerate(np.split(kept, kept.shape[1] // 2, axis=1)):
        part = points[:, number * block : (number + 1) * block]
        finite = part[1][np.isfinite(part[1])]
        assert pair[0, 0] <= pair[0, 1]
        assert {*pair[0]} <= {*part[0]}
        assert np.array_equal(pair[1], points[1, pair[0].astype(int)], equal_nan=True)
        if len(finite):
            assert (np.nanmin(pair[1]), np.nanmax(pair[1])) == (finite.min(), finite.max())
        else:
            assert np.isnan(pair[1]).all()


@pytest.fixture
def small(monkeypatch):
    """Room for few points, so that little fills it many times over."""
    monkeypatch.setattr(history, "CAPACITY", 256)
    monkeypatch.setattr(history, "RECENT", 32)
    return 256


def test_a_series_never_outgrows_its_room_and_loses_no_spike(small):
    series = Series()
    spikes = {137: 50.0, 4_444: -70.0, 9_999: 60.0}
    for index in range(20_000):
        series.append(index, spikes.get(index, np.sin(index)))
        assert len(series) <= small
        assert series.y[-1] == spikes.get(index, np.sin(index))
    assert {index: series.y[series.x == index][0] for index in spikes} == spikes
    assert np.array_equal(series.x[-32:], np.arange(19_968.0, 20_000.0))
    assert (np.diff(series.x) >= 0).all()
    assert np.diff(series.x).max() <= 2 * series.stride
    low, high = series.pyramid.extremes(series.y, np.array([0]), np.array([len(series)]))
    assert (low[0], high[0]) == (-70.0, 60.0)


def test_a_series_cut_where_it_was_thinned_goes_on(small):
    series = Series()
    for index in range(5_000):
        series.append(index, float(index))
    series.truncate_after(700.0)
    assert series.x[-1] <= 700.0
    for index in range(701, 5_000):
        series.append(index, float(index))
    assert len(series) <= small
    assert np.array_equal(series.x, series.y)


def test_curves_over_time_stay_right_when_they_are_thinned(small):
    history = History()
    for number in range(1, 3_000):
        history.record({"env_steps": 8.0 * number, "seconds": 0.5 * number, "loss": np.cos(number)})
    loss = history.metrics["loss"]
    assert loss.stride > 1
    places = RunCurves("run", "own", history).places("loss", loss, "seconds")
    assert np.allclose(places, loss.x / 16.0)


def test_of_all_smoothings_and_axes_that_were_looked_at_one_is_kept():
    history = History()
    for number in range(1, 100):
        history.record({"env_steps": 8.0 * number, "seconds": 0.5 * number, "loss": np.cos(number)})
    history.episodes.append(8.0, 1.0)
    curves = RunCurves("run", "own", history)
    loss = history.metrics["loss"]
    first = curves.smoothed("loss", loss, 10)[0].copy()
    for span in (20, 50, 10):
        assert (curves.smoothed("loss", loss, span)[0] == first).all() == (span == 10)
        assert len(curves._smoothed) == 1
    for axis, place in (("seconds", 0.5), ("env_steps", 8.0), ("seconds", 0.5)):
        assert curves.places("return", history.episodes, axis).tolist() == [place]
        assert len(curves._places) == 1


def test_the_room_of_a_series_keeps_what_a_diagnosis_looks_at():
    assert 0 < RECENT < CAPACITY // 4
    assert CAPACITY % 4 == 0


@pytest.fixture
def skimming(monkeypatch):
    """Takes files to be long that are not, and few rows of them."""
    for name, value in {"LONG_BYTES": 50_000, "NEWEST_BYTES": 10_000, "SAMPLES": 20}.items():
        monkeypatch.setattr(following, name, value)
    monkeypatch.setattr(following, "SAMPLES_AT_ONCE", 3)


@pytest.fixture
def read(monkeypatch):
    """Rows that were parsed, one entry each."""
    parsed = []
    parse = following.parse_row
    monkeypatch.setattr(following, "parse_row", lambda line: parsed.append(len(line)) or parse(line))
    return parsed


def test_a_long_file_is_skimmed_up_to_its_newest_rows(tmp_path, skimming, read):
    sink = JsonlSink(tmp_path / "metrics.jsonl")
    for number in range(1, 1001):
        sink.write(update(number).metrics)
    rows = GrowingRows(sink.path, skim=True)
    numbers = [int(row["updates"]) for row in iter(rows.take, None)]
    assert sum(read) < 10_000 + 21 * max(read)  # of half a megabyte
    newest = 10_000 // max(read)
    assert numbers[-newest:] == list(range(1001 - newest, 1001))
    older = np.diff(numbers[:20])
    assert numbers[0] == 1
    assert older.max() <= older.min() + 3  # evenly spread
    sink.write(update(1001).metrics)
    assert rows.take()["updates"] == 1001.0


def test_of_a_million_rows_a_few_thousand_are_read(tmp_path, read):
    rows = Written(tmp_path / "run")
    rows.start()
    with rows.directory.metrics.open("wb") as file:
        file.writelines(
            b'{"env_steps":%d,"updates":%d,"seconds":%d,"steps_per_second":8}\n'
            % (8 * number, number, number)
            for number in range(1, 1_000_001)
        )
    view = RunView()
    with rows.directory.hold():
        follower = Follower(rows.directory.path)
        for _ in range(1000):
            for event in follower.drain():
                view = run_view.apply(view, event)
            if view.updates == 1_000_000:
                break
    assert view.updates == 1_000_000
    newest = following.NEWEST_BYTES // min(read)
    assert len(read) <= following.SAMPLES + newest + 2
    assert len(view.history.metrics["seconds"]) == len(read) - 1  # the event; every row is shown


def test_an_application_that_skims_says_so_once(tmp_path, skimming):
    written = Written(tmp_path / "run")
    written.start()
    written.update(*range(1, 1001))
    written.evaluate(1000)
    view = RunView()
    with written.directory.hold():
        follower = Follower(written.directory.path)
        for _ in range(3):
            for event in follower.drain():
                view = run_view.apply(view, event)
    assert (view.updates, len(view.history.evaluations)) == (1000, 1)
    assert 30 < len(view.history.metrics["loss/value"]) < 50
    assert [line.text for line in view.log if line.kind == "warning"] == [
        "metrics.jsonl is long: of its older rows some are shown"
    ]


def test_an_overlaid_run_is_skimmed_too(tmp_path, skimming):
    written = Written(tmp_path / "run")
    written.update(*range(1, 1001))
    other = OtherRun(written.directory.path)
    assert other.read(deadline=float("inf"))
    assert 30 < other.rows < 50
    assert other.history.metrics["updates"].y[-1] == 1000.0


@pytest.mark.parametrize("again", [1, 2, 3, 30])
def test_rows_cut_off_and_trained_again_between_two_looks_leave_no_gap(tmp_path, again):
    """The file may be longer than before by the time somebody looks: its length says nothing."""
    written = Written(tmp_path / "run")
    written.start()
    written.update(1, 2, 3, 4, 5)
    view = RunView()
    with written.directory.hold():
        follower = Follower(written.directory.path)
        for event in follower.drain():
            view = run_view.apply(view, event)
        written.metrics.truncate_after(3)
        written.start(env_steps=3 * 2048, updates=3)
        for number in range(4, 4 + again):
            written.metrics.write(update(number).metrics | {"seconds": 1000.0 + number})
        for event in follower.drain():
            view = run_view.apply(view, event)
    numbers = list(range(1, 4 + again))
    assert view.history.metrics["updates"].y.tolist() == numbers
    assert view.history.metrics["seconds"].y[3:].tolist() == [1000.0 + number for number in numbers[3:]]


def test_a_file_that_another_one_replaces_is_read_from_its_beginning(tmp_path):
    first, second = JsonlSink(tmp_path / "metrics.jsonl"), JsonlSink(tmp_path / "other.jsonl")
    for number in range(1, 50):
        first.write({"updates": number})
        second.write({"updates": 100 + number})
    rows = GrowingRows(first.path)
    assert [row["updates"] for row in iter(rows.take, None)] == list(range(1, 50))
    os.replace(second.path, first.path)
    assert [row["updates"] for row in iter(rows.take, None)] == list(range(101, 150))
    assert rows.replaced

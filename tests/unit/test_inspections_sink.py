"""inspections.jsonl: what is kept of the updates' insides, and what is made of foreign rows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import AdvantageHistogram, Inspection, UpdateCompleted
from engine.sinks.inspections import GROWTH, InspectionSink, inspection_from_row
from engine.sinks.jsonl import read_rows
from tests.unit.run_script import CARTPOLE, ScriptedChannel, train

HISTOGRAM = AdvantageHistogram(-2.0, 3.0, (3, 0, 5), (0.123456, 0.0, 0.876544), 0.25, 4)
INSPECTION = Inspection((0.123456, 0.5), HISTOGRAM)


def metrics(update: int, steps: int = 2048) -> dict[str, float]:
    return {"updates": float(update), "env_steps": float(update * steps)}


def test_a_row_comes_back_to_four_digits(tmp_path):
    sink = InspectionSink(tmp_path / "i.jsonl")
    sink.write(metrics(1), INSPECTION)
    (row,) = read_rows(tmp_path / "i.jsonl")
    found = inspection_from_row(row)
    assert found is not None
    assert (row["updates"], row["env_steps"]) == (1.0, 2048.0)
    assert found.std == pytest.approx(INSPECTION.std, rel=1e-3)
    assert found.advantages.weights == pytest.approx(HISTOGRAM.weights, rel=1e-3)
    assert found.advantages.counts == HISTOGRAM.counts
    assert (found.advantages.low, found.advantages.high) == (-2.0, 3.0)
    assert (found.advantages.threshold, found.advantages.selected) == (0.25, 4)


def test_a_week_keeps_thousands_of_rows_and_the_newest_is_as_good_as_new(tmp_path):
    sink = InspectionSink(tmp_path / "i.jsonl")
    updates = 20_000
    for number in range(1, updates + 1):
        sink.write(metrics(number), INSPECTION)
    kept = [int(row["updates"]) for row in read_rows(tmp_path / "i.jsonl")]
    assert kept[:1000] == list(range(1, 1001))  # while an update is more than a thousandth
    assert len(kept) < 1002 + math.log(updates / 1000) / math.log(GROWTH)
    assert kept[-1] >= updates / GROWTH - 1


def test_a_run_that_goes_on_from_a_checkpoint_keeps_what_is_before_it(tmp_path):
    sink = InspectionSink(tmp_path / "i.jsonl")
    for number in range(1, 6):
        sink.write(metrics(number), INSPECTION)
    sink.truncate_after(3)
    sink.write(metrics(4), INSPECTION)
    assert [row["updates"] for row in read_rows(tmp_path / "i.jsonl")] == [1, 2, 3, 4]


def test_a_run_writes_what_it_shows(tmp_path):
    channel = ScriptedChannel()
    train(CARTPOLE, tmp_path / "run", channel)
    shown = [one.inspection for one in channel.events if isinstance(one, UpdateCompleted)]
    written = [inspection_from_row(row) for row in read_rows(tmp_path / "run" / "inspections.jsonl")]
    assert len(written) == len(shown) > 1
    assert [one.advantages.counts for one in written] == [one.advantages.counts for one in shown]


plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3))
foreign = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["low", "high", "counts", "weights", "threshold", "selected", "std"]), inner, max_size=6
), max_leaves=8)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["std", "advantages", "updates"]), foreign))
def test_a_foreign_row_is_none_or_sound(row):
    found = inspection_from_row(row)
    if found is not None:
        histogram = found.advantages
        assert len(histogram.counts) == len(histogram.weights) > 0
        assert all(map(math.isfinite, (histogram.low, histogram.high, histogram.threshold)))
        assert histogram.low < histogram.high


@pytest.mark.parametrize(
    "change",
    [
        {"counts": [1, 2]},
        {"counts": [1, -2, 3]},
        {"low": 4.0},
        {"high": float("inf")},
        {"weights": [0.1, None, 0.9]},
        {"threshold": float("nan")},
        {"selected": "many"},
    ],
    ids=str,
)
def test_a_row_of_another_shape_is_none(tmp_path, change):
    sink = InspectionSink(tmp_path / "i.jsonl")
    sink.write(metrics(1), INSPECTION)
    (row,) = read_rows(tmp_path / "i.jsonl")
    assert inspection_from_row(row) is not None
    assert inspection_from_row(row | {"advantages": row["advantages"] | change}) is None

"""The screen's pace: cheap drawings come often, dear ones seldom."""

from __future__ import annotations

import pytest

from vmpo_tui.pace import LONGEST, SHORTEST, Pace


def drawings(cost: float, *, share: float = 0.02, seconds: float = 100.0, tick: float = 0.05) -> int:
    """Count the drawings of a thread that spends ``cost`` seconds on each."""
    pace, spent, count = Pace(share), 0.0, 0
    for step in range(round(seconds / tick)):
        if pace.due(step * tick, spent):
            count, spent = count + 1, spent + cost
    return count


@pytest.mark.parametrize("cost", [0.006, 0.01, 0.02, 0.03])
def test_drawing_takes_no_more_than_its_share(cost):
    assert 0.8 * 0.02 <= drawings(cost) * cost / 100.0 <= 0.02 * 1.01


def test_cheap_drawings_are_not_hurried():
    assert drawings(0.0) == pytest.approx(100.0 / SHORTEST, abs=1)


def test_dear_drawings_still_happen():
    assert drawings(1.0) == pytest.approx(100.0 / LONGEST, abs=1)


def test_the_first_drawing_is_at_once():
    assert Pace().due(0.0, 5.0)


def test_something_that_moves_may_be_drawn_more_often():
    pace = Pace(share=0.15, shortest=0.1)
    assert [pace.due(0.05 * tick, spent=0.001 * tick) for tick in range(5)] == [
        True,
        False,
        True,
        False,
        True,
    ]
    slow = Pace(share=0.1, shortest=0.1)
    assert [slow.due(0.11 * tick, spent=0.03 * (tick > 0)) for tick in range(5)] == [
        True,
        False,
        False,
        True,
        True,
    ]


def test_the_cost_is_what_was_spent_lately():
    pace = Pace()
    assert pace.cost is None
    for step in range(200):
        assert pace.due(LONGEST * step, 0.25 * LONGEST * step)
    assert pace.cost == pytest.approx(0.25)
    for step in range(200):
        assert pace.due(LONGEST * (200 + step), LONGEST * (50 + 0.01 * step))
    assert pace.cost == pytest.approx(0.01, rel=0.01)

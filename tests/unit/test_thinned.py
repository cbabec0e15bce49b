"""A history in bounded room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpo_tui.thinned import Thinned


@given(updates=st.integers(1, 300), capacity=st.sampled_from([2, 4, 16, 64]))
def test_columns_are_the_means_of_equally_many_updates(updates: int, capacity: int) -> None:
    history = Thinned(capacity)
    values = np.random.default_rng(updates).normal(size=(updates, 2))
    for number, row in enumerate(values):
        history.append(100.0 * number, 100.0 * (number + 1), tuple(row))
    assert 1 <= len(history) <= capacity
    groups = [values[start : start + history.stride] for start in range(0, updates, history.stride)]
    np.testing.assert_allclose(history.means, np.stack([group.mean(0) for group in groups], axis=1))
    ends = [100.0 * min(updates, start + history.stride) for start in range(0, updates, history.stride)]
    assert history.ends.tolist() == ends
    assert history.start == 0.0


def test_what_is_not_finite_marks_its_column() -> None:
    history = Thinned(4)
    for number, value in enumerate((1.0, float("nan"), 3.0)):
        history.append(number, number + 1, (value,))
    assert np.isnan(history.means).tolist() == [[False, True, False]]


def test_an_empty_history_has_no_columns() -> None:
    assert len(Thinned()) == 0
    assert Thinned().means.shape == (0, 0)


@pytest.mark.parametrize("capacity", [0, 3])
def test_room_that_cannot_be_halved_is_refused(capacity: int) -> None:
    with pytest.raises(AssertionError):
        Thinned(capacity)

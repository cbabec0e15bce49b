"""The pure parts of the duals' widgets: histogram and heat strip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpo_tui.thinned import Thinned
from vmpo_tui.widgets import heat
from vmpo_tui.widgets.histogram import resampled


class TestHistogram:
    @given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 200))
    def test_the_area_stays(self, shares: list[float], columns: int) -> None:
        found = resampled(np.array(shares), columns)
        assert found.sum() * len(shares) / columns == pytest.approx(sum(shares), abs=1e-9)

    def test_a_bin_a_column_is_the_bins(self) -> None:
        np.testing.assert_allclose(resampled(np.array([0.2, 0.5, 0.3]), 3), [0.2, 0.5, 0.3])


class TestHeat:
    def history(self, rows: list[tuple[float, ...]]) -> Thinned:
        history = Thinned(64)
        for number, row in enumerate(rows):
            history.append(10.0 * number, 10.0 * (number + 1), row)
        return history

    def test_neighbours_share_a_band_where_there_is_little_room(self) -> None:
        bands, labels = heat.banded(np.array([[1.0], [3.0], [10.0]]), 2)
        assert labels == ["0-1", "2"]
        np.testing.assert_allclose(bands, [[2.0], [10.0]])

    def test_cells_average_what_falls_into_them(self) -> None:
        history = self.history([(1.0,), (3.0,), (5.0,), (7.0,)])
        np.testing.assert_allclose(heat.over_time(history.means, history, 2), [[2.0, 6.0]])
        np.testing.assert_allclose(heat.over_time(history.means, history, 8)[0, ::2], [1.0, 3.0, 5.0, 7.0])

    def test_small_changes_do_not_look_large(self) -> None:
        low, high = heat.colour_range(np.array([[0.300, 0.301]]))
        assert high / low == pytest.approx(heat.SMALLEST_RATIO)

    def test_levels_span_the_scale_and_mark_gaps(self) -> None:
        levels = heat.quantized(np.array([0.1, 1.0, np.nan, 0.0]), 0.1, 1.0)
        assert levels.tolist() == [0, heat.LEVELS - 1, -1, -1]

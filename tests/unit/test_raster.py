"""The raster against a brute-force envelope: nothing that a curve does may be missing from its picture."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vmpo_tui.widgets import raster
from vmpo_tui.widgets.raster import DOTS_X, DOTS_Y, Window


def brute_force(x, y, left, right, columns):
    """Clip every segment and every point to every slice, one after the other."""
    low, high = np.full(columns, np.inf), np.full(columns, -np.inf)

    def include(column, value):
        low[column], high[column] = min(low[column], value), max(high[column], value)

    position = (np.asarray(x) - left) * (columns / (right - left))
    for place, value in zip(position, y, strict=True):
        if 0 <= place <= columns and np.isfinite(value):
            include(min(int(place), columns - 1), value)
    for index in range(len(position) - 1):
        (a, b), (u, v) = position[index : index + 2], y[index : index + 2]
        if not (np.isfinite(u) and np.isfinite(v)) or a == b:
            continue
        for border in range(columns + 1):
            if a <= border < b:
                value = u + (v - u) * (border - a) / (b - a)
                for column in (border - 1, border):
                    if 0 <= column < columns:
                        include(column, value)
    return low, high


heights = st.one_of(
    st.floats(-1e6, 1e6), st.just(float("nan")), st.just(float("inf")), st.sampled_from([0.0, 1e9, -1e9])
)
curves = st.lists(st.tuples(st.integers(-50, 250), heights), min_size=0, max_size=40).map(
    lambda points: sorted(points, key=lambda point: point[0])
)


@settings(max_examples=300, deadline=None)
@given(curves, st.integers(1, 30), st.integers(-20, 100), st.integers(1, 150))
def test_the_envelope_is_exact(points, columns, left, span):
    x = np.array([point[0] for point in points], dtype=np.float64)
    y = np.array([point[1] for point in points], dtype=np.float64)
    low, high = raster.envelope(x, y, left, left + span, columns)
    expected_low, expected_high = brute_force(x, y, left, left + span, columns)
    assert np.allclose(low, expected_low, rtol=1e-9, atol=1e-6)
    assert np.allclose(high, expected_high, rtol=1e-9, atol=1e-6)


def test_no_spike_is_lost_among_a_million_points():
    y = np.zeros(1_000_000)
    y[[123_456, 777_777]] = 50.0, -50.0
    low, high = raster.envelope(np.arange(1e6), y, 0.0, 1e6, 100)
    assert high[12] == 50.0
    assert low[77] == -50.0
    assert np.count_nonzero(high) == np.count_nonzero(low) == 1


def test_a_line_has_no_holes_when_points_are_far_apart():
    low, high = raster.envelope(np.array([0.0, 10.0]), np.array([0.0, 10.0]), 0.0, 10.0, 10)
    assert np.array_equal(low, np.arange(10.0))
    assert np.array_equal(high, np.arange(1.0, 11.0))


def test_a_gap_stays_empty():
    x, y = np.arange(10.0) + 0.5, np.arange(10.0)
    y[3:7] = np.nan
    low, _ = raster.envelope(x, y, 0.0, 10.0, 10)
    assert np.isinf(low[3:7]).all()
    assert np.isfinite(low[[0, 1, 2, 7, 8, 9]]).all()


def test_neighbouring_columns_of_a_line_touch():
    generator = np.random.default_rng(0)
    mask = raster.curve(
        np.arange(400.0), generator.normal(size=400).cumsum(), Window(0, 399, -60, 60), 100, 20
    )
    rows = [np.flatnonzero(mask[:, column]) for column in range(mask.shape[1])]
    assert all(len(found) for found in rows)
    for before, following in itertools.pairwise(rows):
        assert before.max() + 1 >= following.min()
        assert following.max() + 1 >= before.min()


@pytest.mark.parametrize(
    ("low", "high", "rows"),
    [
        (0.0, 0.0, [7]),
        (1.0, 1.0, [0]),
        (0.5, 0.5, [4]),
        (0.0, 1.0, list(range(8))),
        (-5.0, 5.0, list(range(8))),
        (2.0, 3.0, []),
        (-3.0, -2.0, []),
        (np.inf, -np.inf, []),
    ],
)
def test_ranges_become_dots(low, high, rows):
    mask = raster.fill(np.array([low]), np.array([high]), 0.0, 1.0, 8)
    assert list(np.flatnonzero(mask[:, 0])) == rows


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.randoms(use_true_random=False))
def test_braille_holds_every_dot(height, width, random):
    dots = np.array([[random.random() < 0.5 for _ in range(width * DOTS_X)] for _ in range(height * DOTS_Y)])
    codes = raster.braille(dots)
    assert codes.shape == (height, width)
    # Unicode names a braille pattern by its dots, numbered 1 2 3 7 down the left and 4 5 6 8 down the right.
    numbers = [[1, 4], [2, 5], [3, 6], [7, 8]]
    for row in range(height):
        for column in range(width):
            cell = dots[row * DOTS_Y : (row + 1) * DOTS_Y, column * DOTS_X : (column + 1) * DOTS_X]
            expected = sum(1 << (numbers[i][j] - 1) for i in range(4) for j in range(2) if cell[i, j])
            assert codes[row, column] == 0x2800 + expected
            assert raster.occupied(dots)[row, column] == bool(expected)


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(1, 20))
def test_ticks_are_inside_even_and_not_too_many(low, span, count):
    assume(span > 1e-9 * abs(low))
    high = low + span
    found = raster.ticks(low, high, count)
    assert len(found) <= count + 1
    slack = 1e-6 * span
    assert all(low - slack <= tick <= high + slack for tick in found)


def test_ticks_are_round():
    assert raster.ticks(0.0, 1.0, 5) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert raster.ticks(-120.0, 480.0, 6) == [-100.0, 0.0, 100.0, 200.0, 300.0, 400.0]
    assert raster.ticks(1.0, 1.0, 5) == []
    assert raster.ticks(0.0, float("nan"), 5) == []


@pytest.mark.parametrize("value", [0.0, 3.0, -1e-300, 1e300, -7.5])
def test_a_constant_has_room_above_and_below(value):
    low, high = raster.padded_range(value, value)
    assert low < value < high


def test_a_range_that_is_not_finite_is_replaced():
    assert raster.padded_range(float("inf"), float("-inf")) == (0.0, 1.0)

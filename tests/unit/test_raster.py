"""The raster against a brute-force envelope: nothing that a curve does may be missing from its picture."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vmpo_tui.history import Series
from vmpo_tui.plotting import raster
from vmpo_tui.plotting.composition import value_axis
from vmpo_tui.plotting.markers import ASCII, BRAILLE, MARKERS, overlaid, texts
from vmpo_tui.plotting.pyramid import Pyramid
from vmpo_tui.plotting.raster import Window
from vmpo_tui.plotting.scales import LINEAR, LOG, Symlog, scale_named
from vmpo_tui.plotting.smoothing import Smoothed
from vmpo_tui.plotting.ticks import spaced, ticks, time_ticks

DOTS_X, DOTS_Y = BRAILLE.dots_x, BRAILLE.dots_y


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


@pytest.mark.parametrize("short", [raster.SHORT, 0], ids=["gone through", "looked up"])
@settings(max_examples=300, deadline=None)
@given(curves, st.integers(1, 30), st.integers(-20, 100), st.integers(1, 150))
def test_the_envelope_is_exact(short, points, columns, left, span):
    x = np.array([point[0] for point in points], dtype=np.float64)
    y = np.array([point[1] for point in points], dtype=np.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raster, "SHORT", short)
        low, high = raster.envelope(x, y, left, left + span, columns, pyramid=Pyramid())
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
    codes = BRAILLE.encode(dots)
    assert codes.shape == (height, width)
    # Unicode names a braille pattern by its dots, numbered 1 2 3 7 down the left and 4 5 6 8 down the right.
    numbers = [[1, 4], [2, 5], [3, 6], [7, 8]]
    for row in range(height):
        for column in range(width):
            cell = dots[row * DOTS_Y : (row + 1) * DOTS_Y, column * DOTS_X : (column + 1) * DOTS_X]
            expected = sum(1 << (numbers[i][j] - 1) for i in range(4) for j in range(2) if cell[i, j])
            assert codes[row, column] == 0x2800 + expected
            assert (BRAILLE.patterns(dots)[row, column] > 0) == bool(expected)


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(1, 20))
def test_ticks_are_inside_even_and_not_too_many(low, span, count):
    assume(span > 1e-9 * abs(low))
    high = low + span
    found = ticks(low, high, count)
    assert len(found) <= count + 1
    slack = 1e-6 * span
    assert all(low - slack <= tick <= high + slack for tick in found)


def test_ticks_are_round():
    assert ticks(0.0, 1.0, 5) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(-120.0, 480.0, 6) == [-100.0, 0.0, 100.0, 200.0, 300.0, 400.0]
    assert ticks(1.0, 1.0, 5) == []
    assert ticks(0.0, float("nan"), 5) == []


@pytest.mark.parametrize("value", [0.0, 3.0, -1e-300, 1e300, -7.5])
def test_a_constant_has_room_above_and_below(value):
    low, high = raster.padded_range(value, value)
    assert low < value < high


def test_what_is_as_good_as_constant_is_drawn_flat():
    assert raster.padded_range(0.099999, 0.100001) == pytest.approx((0.09, 0.11), rel=0.01)
    assert raster.padded_range(0.099, 0.101) == pytest.approx((0.09892, 0.10108))


def test_labels_that_an_axis_has_no_room_for_say_how_far_values_are_above_the_lowest():
    axis = value_axis(Window(0.0, 1.0, 0.0999985, 0.1000005), 9)
    assert [line[:-1].strip() for line in axis if line.strip("│ ")] == ["+1e-06", "0.09999"]


def test_a_range_that_is_not_finite_is_replaced():
    assert raster.padded_range(float("inf"), float("-inf")) == (0.0, 1.0)


@settings(max_examples=200)
@given(
    curves, st.integers(1, 30), st.integers(-20, 100), st.integers(1, 150), st.sampled_from([LOG, Symlog()])
)
def test_the_envelope_is_exact_on_every_scale(points, columns, left, span, scale):
    x = np.array([point[0] for point in points], dtype=np.float64)
    y = np.array([point[1] for point in points], dtype=np.float64)
    low, high = raster.envelope(x, y, left, left + span, columns, scale=scale)
    expected = brute_force(x, scale.forward(y), left, left + span, columns)
    assert np.allclose(low, expected[0], rtol=1e-9, atol=1e-6)
    assert np.allclose(high, expected[1], rtol=1e-9, atol=1e-6)


@settings(max_examples=100)
@given(
    st.lists(heights, max_size=1200),
    st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 1200)), min_size=1, max_size=8),
    st.booleans(),
    st.integers(1, 3),
)
def test_a_pyramid_finds_what_a_search_finds(values, stretches, positive, steps):
    y, pyramid = np.array(values, dtype=np.float64), Pyramid()
    for step in range(1, steps + 1):  # as a curve grows
        part = y[: len(y) * step // steps]
        first = np.array([min(a, b, len(part)) for a, b in stretches])
        stop = np.array([min(max(a, b), len(part)) for a, b in stretches])
        low, high = pyramid.extremes(part, first, stop, positive=positive)
        for index in range(len(stretches)):
            stretch = part[first[index] : stop[index]]
            stretch = stretch[np.isfinite(stretch)]
            stretch = stretch[stretch > 0] if positive else stretch
            assert low[index] == (stretch.min() if len(stretch) else np.inf)
            assert high[index] == (stretch.max() if len(stretch) else -np.inf)


def test_a_pyramid_loses_no_spike_among_a_million_points():
    y, pyramid = np.zeros(1_000_000), Pyramid()
    y[[123_456, 700_001]] = 9.0, -7.0
    low, high = raster.envelope(np.arange(1e6), y, 0.0, 1e6, 100, pyramid=pyramid)
    assert (high.argmax(), high.max(), low.argmin(), low.min()) == (12, 9.0, 70, -7.0)


@pytest.mark.parametrize("marker", MARKERS, ids=lambda marker: marker.name)
def test_every_marker_draws_every_pattern(marker):
    assert len(set(marker.glyphs)) >= (2 if marker is ASCII else 2 ** (marker.dots_x * marker.dots_y))
    dots = np.zeros((marker.dots_y, marker.dots_x), dtype=np.bool_)
    assert marker.patterns(dots).tolist() == [[0]]
    dots[0, 0] = True
    assert marker.patterns(dots).tolist() == [[1]]
    assert texts(marker.encode(dots))[0] == marker.glyphs[1]
    assert texts(marker.encode(np.ones_like(dots)))[0] == marker.glyphs[-1]


def test_a_clear_curve_hides_what_is_under_it_and_a_faint_one_joins_it():
    below, above = np.array([[1, 2, 0, 4]]), np.array([[2, 0, 3, 4]])
    assert overlaid(below, above, faint=False).tolist() == [[2, 2, 3, 4]]
    assert overlaid(below, above, faint=True).tolist() == [[3, 2, 3, 4]]


def test_ascii_is_ascii():
    words = "".join((ASCII.glyphs, ASCII.point, *ASCII.axis, *ASCII.rules, *ASCII.beyond))
    assert words.isascii()


@pytest.mark.parametrize("name", ["linear", "log", "symlog"])
@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12))
def test_scales_rise_and_come_back(name, value, largest):
    scale = scale_named(name, lambda: largest)
    value = abs(value) + 1e-9 if scale.positive else value
    values = np.array([value, value + abs(value) * 0.5 + 1.0])
    low, high = scale.forward(values)
    assert low < high
    assert scale.inverse(np.array([low]))[0] == pytest.approx(value, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("scale", [LINEAR, LOG, Symlog(0.01)], ids=lambda scale: scale.name)
@given(st.floats(-12, 12), st.floats(0.01, 15), st.integers(2, 12))
def test_ticks_of_a_scale_lie_inside_in_order(scale, bottom, span, count):
    places = [place for place, _ in scale.ticks(bottom, bottom + span, count)]
    assert places == sorted(places)
    assert all(bottom - 1e-6 <= place <= bottom + span + 1e-6 for place in places)


def test_decades_get_round_numbers():
    assert [label for _, label in LOG.ticks(-2.0, 1.0, 4)] == ["0.01", "0.1", "1", "10"]


def test_times_are_round():
    assert [label for _, label in time_ticks(0.0, 3600.0, 4)] == [
        "0:00",
        "15:00",
        "30:00",
        "45:00",
        "1:00:00",
    ]
    assert [label for _, label in time_ticks(0.0, 10 * 86400.0, 5)] == ["0d", "2d", "4d", "6d", "8d", "10d"]


def test_labels_never_touch():
    line = spaced([(place, f"{place:.0f}") for place in range(0, 100, 3)], 0.0, 99.0, 40)
    ends = [start + len(label) for _, start, label in line]
    assert all(start >= end + 2 for (_, start, _), end in zip(line[1:], ends, strict=False))
    assert len(line) > 5


@given(st.lists(heights, max_size=300), st.floats(1.5, 50), st.integers(1, 4))
def test_smoothing_is_a_weighted_mean_whenever_it_is_asked(values, span, steps):
    y, smoothed, decay = np.array(values, dtype=np.float64), Smoothed(span), 1.0 - 1.0 / span
    series = Series()
    for step in range(1, steps + 1):
        for index in range(len(series), len(y) * step // steps):
            series.append(index, y[index])
        found = smoothed.follow(series)
    total = weight = 0.0
    for value, mean in zip(y, found, strict=True):
        total, weight = decay * total, decay * weight
        if np.isfinite(value):
            total, weight = total + value, weight + 1.0
            assert mean == pytest.approx(total / weight, rel=1e-6, abs=1e-3)
        else:
            assert np.isnan(mean)


def test_smoothing_begins_anew_with_a_curve_that_was_cut():
    smoothed, series = Smoothed(10.0), Series()
    for index in range(100):
        series.append(index, 5.0)
    smoothed.follow(series)
    series.truncate_after(-1.0)
    for index in range(200):  # longer than before by the time somebody looks
        series.append(index, 1.0)
    assert smoothed.follow(series).tolist() == [1.0] * 200

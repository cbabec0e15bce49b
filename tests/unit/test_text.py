"""Words and numbers on the screen."""

from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpo_tui.text import duration, number, printable, si, tick_labels


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (1.0, "1.000"), (0.0213, "0.02130"), (12.345, "12.35"), (3812.4, "3,812"),
        (-0.5, "-0.5000"), (1.2e-8, "1.2e-08"), (1.5e7, "1.5e+07"), (None, "-"),
        (math.nan, "-"), (math.inf, "-"),
    ],
)  # fmt: skip
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (950, "950"), (8200, "8.2k"), (999_600, "1M"), (1_250_000, "1.25M"), (-4000, "-4k")],
)  # fmt: skip
def test_si(value, text):
    assert si(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (42, "0:42"), (725.4, "12:05"), (11045, "3:04:05"), (183_600, "2d 03h"), (math.inf, "-")],
)  # fmt: skip
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([], []),
        ([5.0], ["5"]),
        ([0.0, 250.0, 500.0], ["0", "250", "500"]),
        ([-0.5, 0.0, 0.5], ["-0.5", "0", "0.5"]),
        ([0.0, 0.001, 0.002], ["0", "0.001", "0.002"]),
        ([0.0, 12_500.0, 25_000.0], ["0", "12.5k", "25.0k"]),
        ([1e6, 1.25e6, 1.5e6], ["1.00M", "1.25M", "1.50M"]),
        ([0.0, 5000.0], ["0", "5000"]),
        ([0.0, 1e-5], ["0", "1e-05"]),
        ([123456.00001, 123456.00002], ["123456.00001", "123456.00002"]),
    ],
)
def test_tick_labels(ticks, labels):
    assert tick_labels(ticks) == labels


@given(st.integers(-1000, 1000), st.sampled_from([1, 2, 5]), st.integers(-3, 9), st.integers(2, 12))
def test_tick_labels_tell_the_ticks_apart(first, digit, power, count):
    step = digit * 10.0**power
    labels = tick_labels([(first + index) * step for index in range(count)])
    assert len(set(labels)) == count


@given(st.text())
def test_printable_text_steers_no_terminal(text):
    shown = printable(text)
    categories = {unicodedata.category(character) for character in shown}
    assert categories.isdisjoint({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
    shown.encode()  # nothing that a terminal cannot be sent


def test_printable_keeps_what_is_harmless():
    assert printable("α_mean: 0.5 µs, naïve 漢字") == "α_mean: 0.5 µs, naïve 漢字"
    assert printable("two\nlines") == "two lines"
    assert printable("\x1b[31m") == "\\x1b[31m"

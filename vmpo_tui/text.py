"""Words and numbers for people: short, aligned, and safe to show whatever they came from."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from decimal import Decimal

SI_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def printable(text: object) -> str:
    r"""Return a text with control and direction-changing characters escaped; newlines become spaces.

    A terminal must never be steered by an environment's name or an exception's message.
    """
    line = " ".join(str(text).splitlines())
    return "".join(_escaped(character) if _unsafe(character) else character for character in line)


def number(value: float | None) -> str:
    """Return a figure with about four significant digits: 3,812  0.0213  1.2e-08."""
    if value is None or not math.isfinite(value):
        return "-"
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-4:
        return f"{value:.1e}"
    decimals = 0 if size >= 1000 else max(0, 3 - math.floor(math.log10(size))) if size else 0
    return f"{value:,.{min(decimals, 5)}f}"


def si(value: float) -> str:
    """Return a count with an SI prefix and at most three digits: 950, 8.2k, 1.25M."""
    for factor, prefix in SI_PREFIXES:
        if abs(value) >= factor * 0.9995:
            return f"{value / factor:.3g}{prefix}"
    return f"{value:.3g}"


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Return labels of evenly spaced ticks: one SI prefix for all, no more decimals than their step needs.

    0, 250, 500   -0.5, 0, 0.5   0, 12.5k, 25k   1e-05, 2e-05
    """
    if len(ticks) < 2:
        return [si(tick) for tick in ticks]
    step, largest = abs(ticks[1] - ticks[0]), max(abs(tick) for tick in ticks)
    if step < 1e-4 or largest >= 1e15:
        digits = min(17, max(6, 2 + math.floor(math.log10(largest)) - math.floor(math.log10(step))))
        return [f"{tick:.{digits}g}" if tick else "0" for tick in ticks]
    prefixes = ((factor, prefix) for factor, prefix in SI_PREFIXES if largest >= max(factor, 1e4))
    factor, prefix = next(prefixes, (1.0, ""))
    decimals = next((count for count in range(9) if _is_whole(step / factor * 10**count)), 9)
    return [f"{tick / factor:.{decimals}f}{prefix}" if tick else "0" for tick in ticks]


def duration(seconds: float) -> str:
    """Return a time span: 0:42, 12:05, 3:04:05, 2d 03h."""
    if not math.isfinite(seconds):
        return "-"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d {hours % 24:02}h"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit: 42 s, 12 min, 3 h, 2 d."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:,.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


COUNT_SUFFIXES = {"k": 10**3, "m": 10**6, "g": 10**9}
MOST_DIGITS = 18
"""Of a count: what is larger is a slip of the finger."""


def parse_count(text: str) -> int:
    """Read a whole number, also in the notations 1e6, 1_000_000, 500k and 1.5M.

    Raises:
        ValueError: the text is no whole number; says so to the user.
    """
    plain = text.strip()
    factor = COUNT_SUFFIXES.get(plain[-1:].lower(), 1)
    try:
        number = Decimal(plain if factor == 1 else plain[:-1]) * factor
        if number.adjusted() < MOST_DIGITS and number == number.to_integral_value():
            return int(number)
    except ArithmeticError:  # no number, or none that is finite
        pass
    raise ValueError(f"{text!r} is not a whole number such as 1000000, 1e6 or 1M")


def _is_whole(value: float) -> bool:
    return round(value) >= 1 and abs(value - round(value)) < 1e-6 * value


def _unsafe(character: str) -> bool:
    # Cc control, Cf format (bidi, zero width), Co private, Cs surrogate, Zl and Zp separators
    return unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")

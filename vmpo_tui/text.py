"""Words and numbers for people: short, aligned, and safe to show whatever they came from."""

from __future__ import annotations

import math
import unicodedata

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


def duration(seconds: float) -> str:
    """Return a time span: 0:42, 12:05, 3:04:05, 2d 03h."""
    if not math.isfinite(seconds):
        return "-"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d {hours % 24:02}h"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _unsafe(character: str) -> bool:
    # Cc control, Cf format (bidi, zero width), Co private, Cs surrogate, Zl and Zp separators
    return unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")

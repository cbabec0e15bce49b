"""Dots as characters: the styles in which a terminal may draw them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vmpo_tui.plotting.arrays import Mask

Codes = NDArray[np.int32]
"""Code points of characters."""
Patterns = NDArray[np.int32]
"""Which dots of a cell are set, as indices into a marker's `glyphs`; 0 for none."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A style: how many dots share a character cell, and the character of every pattern of them."""

    name: str
    dots_x: int
    dots_y: int
    glyphs: str
    """The character of each pattern; bit ``dots_x row + column`` of its index is a dot."""
    point: str = "●"
    """Of a single value."""
    axis: tuple[str, str, str] = ("│", "┤", "└")
    """The axis's line, a tick on it, its corner."""
    rules: tuple[str, str] = ("│", "┊")
    """The cursor's line, a bookmark's."""
    beyond: tuple[str, str] = ("▲", "▼")
    """Something is cut off above, below."""
    heads: tuple[str, str] = ("─", "━")
    """The line over a chart, and over the one that is chosen."""
    _table: Codes = field(init=False, repr=False, compare=False)
    _weights: NDArray[np.int32] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        dots = self.dots_x * self.dots_y
        assert len(self.glyphs) == 2**dots
        object.__setattr__(self, "_table", np.array([ord(glyph) for glyph in self.glyphs], dtype=np.int32))
        weights = (1 << np.arange(dots)).reshape(self.dots_y, 1, self.dots_x)
        object.__setattr__(self, "_weights", weights.astype(np.int32))

    def encode(self, dots: Mask) -> Codes:
        """Return the code points [height, width] of dots [height dots_y, width dots_x]."""
        return self.characters(self.patterns(dots))

    def patterns(self, dots: Mask) -> Patterns:
        """Return the pattern in each cell [height, width] of dots [height dots_y, width dots_x]."""
        rows, columns = dots.shape
        cells = dots.reshape(rows // self.dots_y, self.dots_y, columns // self.dots_x, self.dots_x)
        return np.asarray(np.einsum("hywx,yox->hw", cells, self._weights, dtype=np.int32))

    def characters(self, patterns: Patterns) -> Codes:
        """Return the code points of patterns."""
        return np.asarray(self._table[patterns])


def overlaid(below: Patterns, above: Patterns, *, faint: bool) -> Patterns:
    """Return the patterns of a curve over those of others; a clear curve hides what is under it."""
    return below | above if faint else np.where(above > 0, above, below)


def texts(codes: Codes) -> list[str]:
    """Return rows of code points [height, width] as texts."""
    width = codes.shape[1]
    characters = codes.astype("<u4").tobytes().decode("utf-32-le")
    return [characters[start : start + width] for start in range(0, codes.size, width)]


def _braille_glyphs() -> str:
    # Unicode numbers the dots 1 2 3 7 down the left column and 4 5 6 8 down the right one.
    bits = (0, 3, 1, 4, 2, 5, 6, 7)
    patterns = (sum(1 << bits[dot] for dot in range(8) if index >> dot & 1) for index in range(256))
    return "".join(chr(0x2800 + pattern) for pattern in patterns)


BRAILLE = Marker("braille", 2, 4, _braille_glyphs())
QUADRANT = Marker("quadrant", 2, 2, " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")
HALF_BLOCK = Marker("half-block", 1, 2, " ▀▄█")
ASCII = Marker(
    "ascii",
    1,
    3,
    " '-'.:.|",
    point="o",
    axis=("|", "+", "+"),
    rules=("|", ":"),
    beyond=("^", "v"),
    heads=("-", "="),
)
MARKERS = (BRAILLE, QUADRANT, HALF_BLOCK, ASCII)

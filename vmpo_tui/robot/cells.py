"""A picture as characters: four samples a cell, drawn as a quadrant character in two colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vmpo_tui.robot.render import Picture

ROWS, COLUMNS = 2, 2
"""Samples of a cell."""
SAMPLE_ASPECT = 0.5
"""Width of a sample over its height, in cells twice as high as wide."""
QUADRANTS = np.array([ord(character) for character in " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"], "<u4")
"""Characters by their filled quadrants: 1 upper left, 2 upper right, 4 lower left, 8 lower right."""
_BITS = np.array((1, 2, 4, 8))
_LUMINANCE = np.array((0.299, 0.587, 0.114), np.float32)
_STEP = 4
"""Colours are rounded to multiples of this: neighbouring cells share them, and a terminal is sent less."""


def encode(picture: Picture) -> tuple[NDArray[np.uint32], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return character codes [h, w], foregrounds and backgrounds [h, w, 3] of a picture [2h, 2w, 3].

    The brighter samples of a cell are its foreground, the others its background, each in their mean colour.
    """
    # Samples along the first axis, which NumPy reduces fastest.
    samples = np.stack(
        [picture[row::ROWS, column::COLUMNS] for row in range(ROWS) for column in range(COLUMNS)]
    )
    samples = samples.astype(np.float32)
    light = samples @ _LUMINANCE
    bright = light > (light.max(0) + light.min(0)) / 2
    total, above = samples.sum(0), (samples * bright[..., None]).sum(0)
    count = bright.sum(0)[..., None]
    front = above / np.maximum(count, 1)
    back = (total - above) / (4 - count)
    flat = (np.abs(front - back).max(2) < _STEP) | (count[..., 0] == 0)
    back[flat] = total[flat] / 4
    front[flat] = back[flat]
    codes = QUADRANTS[np.einsum("shw,s->hw", bright & ~flat, _BITS)]
    return codes, _rounded(front), _rounded(back)


def _rounded(colours: NDArray[np.floating]) -> NDArray[np.uint8]:
    return ((colours / _STEP).round() * _STEP).clip(0, 255).astype(np.uint8)

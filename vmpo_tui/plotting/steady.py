"""Ends of curves and axes that stay where they are while a run grows a little.

Most drawings then leave most of a picture as it is: it is not drawn, styled or sent again.
"""

from __future__ import annotations

import math


def settled(points: int) -> int:
    """Return how many points of a series to draw: all but the newest ones, at most a sixteenth."""
    return points - points % _grain(points)


def ahead(steps: float) -> float:
    """Return a right end for an axis: at some steps or above them, by at most a sixteenth."""
    grain = _grain(math.ceil(steps))
    return float(-(-math.ceil(steps) // grain) * grain)


def _grain(count: int) -> int:
    """Return the largest power of two that is at most a sixteenth of a count, or 1."""
    return 1 << max(0, count.bit_length() - 5)

"""Lowest and highest values of any stretch of a growing curve, in logarithmic time.

Level k holds the extremes of blocks of 16^k values, complete blocks only. A stretch is made of whole blocks
of the highest level that fit, and of ragged ends from the levels below: exact, and a million points cost
hardly more than a thousand.
"""

from __future__ import annotations

import numpy as np

from vmpo_tui.plotting.arrays import Buffer, Floats, Indices

FAN = 16
_LOW, _NEGATED_HIGH, _FLOOR = range(3)
"""Three tracks that are all minima: y, -y, and those y that are above 0; inf where there is none."""


class Pyramid:
    """Follows one curve; earlier values must not change."""

    def __init__(self) -> None:
        self._levels: list[Buffer] = []

    def extremes(
        self, y: Floats, first: Indices, stop: Indices, *, positive: bool = False
    ) -> tuple[Floats, Floats]:
        """Return the lowest and the highest of y[first:stop] for each of m stretches.

        Args:
            y: the curve so far [n]; a value that is not finite is passed over.
            first: where each stretch begins [m].
            stop: the index behind its last value [m].
            positive: pass over values that are not above 0, too.

        Returns:
            Low and high [m]; inf and -inf for a stretch without values.
        """
        self._follow(y)
        best = np.full((2, len(first)), np.inf)
        steps = np.arange(FAN)[:, None]  # blocks lie along the first axis, which NumPy reduces fastest
        for level in range(len(self._levels) + 1):
            wanted = np.flatnonzero(first < stop)
            if not len(wanted):
                break
            begin, end = first[wanted], stop[wanted]
            head_end = np.minimum(-(-begin // FAN) * FAN, end)
            tail_begin = np.maximum(end // FAN * FAN, head_end)
            places = np.concatenate([begin, tail_begin]) + steps
            outside = places >= np.concatenate([head_end, end])
            places[outside] = 0
            for found, track in zip(best, self._at(level, y, places, positive), strict=True):
                track[outside] = np.inf
                found[wanted] = np.minimum(found[wanted], track.min(axis=0).reshape(2, -1).min(axis=0))
            first, stop = -(-first // FAN), stop // FAN
        low, high = best[0], -best[1]
        if positive:
            high = np.where(np.isinf(low), -np.inf, high)
        return low, high

    def _at(self, level: int, y: Floats, places: Indices, positive: bool) -> tuple[Floats, Floats]:
        """Return the two tracks of minima at some places of a level; level 0 is the curve itself."""
        if level == 0:
            low, negated_high = _tracks(y[places], positive)
            return low, negated_high
        tracks = self._levels[level - 1].values
        return tracks[_FLOOR if positive else _LOW][places], tracks[_NEGATED_HIGH][places]

    def _follow(self, y: Floats) -> None:
        """Take in the blocks of every level that are complete by now."""
        size, level = len(y) // FAN, 0
        while size:
            if level == len(self._levels):
                self._levels.append(Buffer(tracks=3))
            done = len(self._levels[level])
            if done < size:
                span = slice(done * FAN, size * FAN)
                below = _all_tracks(y[span]) if level == 0 else self._levels[level - 1].values[:, span]
                self._levels[level].extend(below.reshape(3, -1, FAN).min(axis=2))
            size, level = size // FAN, level + 1


def _all_tracks(y: Floats) -> Floats:
    return np.stack([*_tracks(y, positive=False), _tracks(y, positive=True)[0]])


def _tracks(y: Floats, positive: bool) -> Floats:
    """Return y and -y [2, ...], inf for what is passed over."""
    missing = ~np.isfinite(y)
    if positive:
        missing |= ~(y > 0)
    tracks = np.stack([y, -y])
    tracks[:, missing] = np.inf
    return tracks

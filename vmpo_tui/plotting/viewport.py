"""Which part of an axis is shown: zoom, pan, and the lock on the newest data. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

FINEST = 1e-9
"""Narrowest stretch, as a share of its distance from 0 or of the whole axis."""


@dataclass(frozen=True, slots=True)
class Viewport:
    """A stretch of an axis whose data may grow; the whole of it to begin with.

    Each method takes the axis's extent, from the first to the last of its data, as it is now.
    """

    stretch: tuple[float, float] | None = None
    """What was zoomed or panned to; None for the whole axis."""
    locked: bool = True
    """Whether the right end of a stretch keeps to the end of the data."""

    def resolve(self, extent: tuple[float, float]) -> tuple[float, float]:
        """Return both ends of what is shown."""
        if self.stretch is None:
            return extent
        left, right = self.stretch
        return (extent[1] - (right - left), extent[1]) if self.locked else self.stretch

    def zoom(self, extent: tuple[float, float], factor: float, share: float | None = None) -> Viewport:
        """Show ``factor`` times as long a stretch.

        Args:
            extent: of the axis.
            factor: below 1 to see more detail.
            share: what keeps its place, 0 for the left end and 1 for the right one; None for the end of
                the data where the view is locked on it, else for the middle.
        """
        left, right = self.resolve(extent)
        if share is None:
            share = 1.0 if self.locked else 0.5
        kept = left + share * (right - left)
        finest = FINEST * max(abs(left), abs(right), extent[1] - extent[0])
        length = max(factor * (right - left), finest)
        if length >= extent[1] - extent[0]:
            return replace(self, stretch=None)
        start = min(max(kept - share * length, extent[0]), extent[1] - length)
        # Whoever zooms at a place wants to stay there.
        locked = self.locked and start + length >= extent[1] - 0.01 * length
        return Viewport((start, start + length), locked)

    def pan(self, extent: tuple[float, float], share: float) -> Viewport:
        """Move right by a share of what is shown, or left by one below 0, as far as there is data."""
        if self.stretch is None:
            return self
        left, right = self.resolve(extent)
        length = right - left
        start = min(max(left + share * length, extent[0]), extent[1] - length)
        at_end = start + length >= extent[1] - 1e-9 * length
        return Viewport((start, start + length), locked=at_end and share > 0)

    def toggle_lock(self, extent: tuple[float, float]) -> Viewport:
        """Hold on to the newest data from now on, or let it move on."""
        return Viewport(None if self.stretch is None else self.resolve(extent), not self.locked)


def zoomed(stretch: tuple[float, float], factor: float, share: float = 0.5) -> tuple[float, float]:
    """Return ``factor`` times as long a stretch; the place at ``share`` of it stays where it is."""
    low, high = stretch
    kept = low + share * (high - low)
    length = max(factor * (high - low), FINEST * max(abs(low), abs(high), 1e-300))
    return kept - share * length, kept + (1.0 - share) * length


def panned(stretch: tuple[float, float], share: float) -> tuple[float, float]:
    """Return a stretch moved by a share of its length."""
    low, high = stretch
    return low + share * (high - low), high + share * (high - low)

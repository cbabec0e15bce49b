"""How often to draw: the screen shares its processors, and Python's interpreter, with the trainer."""

from __future__ import annotations

SHARE = 0.008
"""Processor time that drawing may take from training."""
SHORTEST, LONGEST = 0.25, 4.0
"""Seconds between two drawings of a run's figures, whatever they cost."""


class Pace:
    """Spaces drawings so that they cost at most a share of the time, as measured while they go on."""

    def __init__(self, share: float = SHARE, shortest: float = SHORTEST) -> None:
        """Set the pace.

        Args:
            share: of a processor that drawing may take.
            shortest: seconds between two drawings, however little they cost.
        """
        self._share, self._shortest = share, shortest
        self._drawn: tuple[float, float] | None = None
        self.cost: float | None = None
        """Share of a core that the thread has taken lately; None before the second drawing."""

    def due(self, now: float, spent: float) -> bool:
        """Return whether to draw now; a yes counts as done.

        Args:
            now: monotonic seconds.
            spent: processor seconds of the thread that draws, so far. What it spent since the last drawing
                is what that drawing cost.
        """
        if self._drawn is not None:
            drawn_at, spent_before = self._drawn
            wait = min(LONGEST, max(self._shortest, (spent - spent_before) / self._share))
            if now - drawn_at < wait:
                return False
            share = (spent - spent_before) / (now - drawn_at)
            self.cost = share if self.cost is None else 0.8 * self.cost + 0.2 * share
        self._drawn = now, spent
        return True

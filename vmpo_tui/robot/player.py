"""Which moment of an episode to show: it plays, pauses, begins again and is scrubbed."""

from __future__ import annotations

from dataclasses import dataclass

HOLD_SECONDS = 1.0
"""How long the last moment stays before the episode begins again."""
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Simulated seconds a second, to choose from."""


@dataclass(slots=True)
class Player:
    """A moment of an episode of ``length`` steps."""

    length: int = 1
    step_seconds: float = 1.0
    position: float = 0.0
    """Seconds since the beginning; past the last step's while that one is held."""
    playing: bool = True
    speed: float = 1.0

    @property
    def step(self) -> int:
        """The step to show."""
        return min(int(self.position / self.step_seconds + 1e-9), self.length - 1)

    @property
    def seconds(self) -> float:
        """Duration of the episode."""
        return self.length * self.step_seconds

    def load(self, length: int, step_seconds: float) -> None:
        """Begin another episode."""
        self.length, self.step_seconds, self.position = length, step_seconds, 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass; after its end and a moment's rest the episode begins again."""
        if self.playing:
            self.position += seconds * self.speed
            if self.position > self.seconds + HOLD_SECONDS * self.speed:
                self.position = 0.0

    def seek(self, step: int) -> None:
        """Show a step, or the nearest one that there is."""
        self.position = min(max(step, 0), self.length - 1) * self.step_seconds

    def scrub(self, seconds: float) -> None:
        """Move by some seconds, at least a step, and stop playing."""
        self.playing = False
        steps = round(seconds / self.step_seconds)
        self.seek(self.step + (steps or (1 if seconds > 0 else -1)))

    def change_speed(self) -> None:
        """Take the next of `SPEEDS`."""
        self.speed = SPEEDS[(SPEEDS.index(self.speed) + 1) % len(SPEEDS)]

"""What an onlooker chooses: where to look from, and what is marked."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Look:
    """What an onlooker chooses."""

    turn: float = 0.0
    """Degrees that the camera is turned around the robot."""
    tilt: float = 0.0
    """Degrees that the camera is raised by."""
    zoom: float = 1.0
    contacts: bool = False
    """Whether points of contact are marked."""
    effort: bool = False
    """Whether limbs redden with the effort of their motors."""

    def turned(self, turn: float = 0.0, tilt: float = 0.0) -> Look:
        """Return the look with the camera moved by some degrees."""
        return replace(self, turn=(self.turn + turn) % 360.0, tilt=self.tilt + tilt)

    def zoomed(self, factor: float) -> Look:
        """Return the look from nearer by a factor."""
        return replace(self, zoom=min(8.0, max(0.25, self.zoom * factor)))

    def reset(self) -> Look:
        """Return the look with the camera where it was at first."""
        return replace(self, turn=0.0, tilt=0.0, zoom=1.0)

    def toggled(self, option: str) -> Look:
        """Return the look with an option (contacts or effort) shown or hidden."""
        return replace(self, **{option: not getattr(self, option)})

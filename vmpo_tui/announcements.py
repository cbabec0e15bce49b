"""What deserves a word beside the figures: evaluations, checkpoints, warnings, ends. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine import events
from vmpo_tui.run_view import ENDS, RunView
from vmpo_tui.text import number, printable, si

MOST_AT_ONCE = 2
SHOWN_SECONDS = 5.0
KIND_SECONDS = {"evaluation": 60.0, "checkpoint": 60.0}
"""Between two announcements of a kind, `SHOWN_SECONDS` for others; those in between are in the log. Each one
lays the screen out anew, twice."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A line for the user."""

    kind: str
    """evaluation, checkpoint, warning, end or failure."""
    text: str
    severity: Literal["information", "warning", "error"] = "information"
    calls: bool = False
    """Whether a user who looks elsewhere would want to know."""


def announce(view: RunView, event: events.Event) -> Announcement | None:
    """Return what to say about an event.

    Args:
        view: the run as it stood before.
        event: what has happened.
    """
    say = _WORDS.get(type(event))
    return say(view, event) if say else None


def _evaluated(view: RunView, event: events.EvaluationCompleted) -> Announcement:
    mean = math.fsum(event.returns) / max(1, len(event.returns))
    if view.best is None:
        return Announcement("evaluation", f"first score: {number(mean)}")
    gain = mean - view.best
    if gain > 0:
        return Announcement("evaluation", f"score {number(mean)}: best so far, +{number(gain)}", calls=True)
    under = f"{number(-gain)} under the best" if gain < 0 else "as good as the best"
    return Announcement("evaluation", f"score {number(mean)}: {under}")


def _saved(view: RunView, event: events.CheckpointSaved) -> Announcement:
    kind = "best checkpoint" if event.best else "checkpoint"
    return Announcement("checkpoint", f"{kind} saved at {si(event.env_steps)} steps")


def _finished(view: RunView, event: events.RunFinished) -> Announcement:
    reason = ENDS.get(event.reason, printable(event.reason))
    score = f", best score {number(view.best)}" if view.best is not None else ""
    return Announcement("end", f"{reason} at {si(event.env_steps)} steps{score}", calls=True)


def _failed(view: RunView, event: events.RunFailed) -> Announcement:
    text = printable(f"the run failed: {event.kind}: {event.error}")
    return Announcement("failure", text, "error", calls=True)


_WORDS: Mapping[type[events.Event], Callable[[RunView, Any], Announcement]] = {
    events.EvaluationCompleted: _evaluated,
    events.CheckpointSaved: _saved,
    events.Warned: lambda view, event: Announcement("warning", printable(event.message), "warning"),
    events.RunFinished: _finished,
    events.RunFailed: _failed,
}


class Limiter:
    """Lets so many announcements through that they never cover the screen."""

    def __init__(self) -> None:
        self._said: list[tuple[float, str]] = []

    def admits(self, announcement: Announcement, now: float) -> bool:
        """Return whether to show an announcement; a yes counts as shown.

        Args:
            announcement: what to say; an end is always said.
            now: monotonic seconds.
        """
        self._said = [(when, kind) for when, kind in self._said if now - when < _interval(kind)]
        repeated = any(kind == announcement.kind for _, kind in self._said)
        crowded = sum(now - when < SHOWN_SECONDS for when, _ in self._said) >= MOST_AT_ONCE
        if (repeated or crowded) and announcement.kind != "end":
            return False
        self._said.append((now, announcement.kind))
        return True


def _interval(kind: str) -> float:
    return KIND_SECONDS.get(kind, SHOWN_SECONDS)

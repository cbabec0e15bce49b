"""One quiet line that teaches the next useful key, until that key has been used or the hint dismissed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from vmpo_tui.run_view import RunView

QUIET_SECONDS = 20.0
"""Between the end of one hint and the beginning of the next."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What a key is good for."""

    binding: str
    """Id of the binding that it teaches; the hint's own name, too."""
    text: str
    """What the key does, to be read after its name."""
    due: Callable[[RunView], bool]
    """Whether it is of any use yet."""
    steers: bool = True
    """Whether it is for those only who may steer the run."""


HINTS: tuple[Hint, ...] = (
    Hint("run.toggle_pause", "pauses training, and goes on", lambda view: view.updates >= 3),
    Hint("run.evaluate", "evaluates the policy now", lambda view: view.updates >= 3),
    Hint("screen.duals", "what V-MPO balances, and what to change", lambda view: view.updates >= 20, False),
    Hint(
        "screen.robot",
        "watch the policy that was evaluated last",
        lambda view: len(view.history.evaluations) > 0,
        False,
    ),
    Hint(
        "screen.runs",
        "all runs: watch, compare, go on, branch off",
        lambda view: view.updates >= 20,
    ),
    Hint("run.parameters", "change parameters while the run trains", lambda view: view.updates >= 20),
    Hint("run.stop", "leave: the run can go on in the background", lambda view: view.updates >= 20),
    Hint("run.help", "every key there is", lambda view: view.updates >= 3, False),
)


class Lessons:
    """Which hint to show; there is one at a time, and a pause after each."""

    def __init__(self, learned: Collection[str], known: Collection[str], *, steers: bool) -> None:
        """Begin.

        Args:
            learned: hints that are not needed any more.
            known: ids of the bindings that there are.
            steers: whether the user may steer the run.
        """
        self.learned = set(learned)
        self._hints = [hint for hint in HINTS if hint.binding in known and (steers or not hint.steers)]
        self._quiet_until = 0.0
        self.current: Hint | None = None

    def look(self, view: RunView, now: float) -> Hint | None:
        """Return the hint to show.

        Args:
            view: how the run stands.
            now: monotonic seconds.
        """
        if self.current is None and now >= self._quiet_until and not view.over:
            open_hints = (hint for hint in self._hints if hint.binding not in self.learned)
            self.current = next((hint for hint in open_hints if hint.due(view)), None)
        return self.current

    def learn(self, binding: str, now: float) -> bool:
        """Take note that a key was used; return whether that was news."""
        if binding in self.learned or not any(hint.binding == binding for hint in self._hints):
            return False
        self.learned.add(binding)
        if self.current is not None and self.current.binding == binding:
            self.current, self._quiet_until = None, now + QUIET_SECONDS
        return True

    def dismiss(self, now: float) -> bool:
        """Do without the hint that is shown; return whether there was one."""
        return self.current is not None and self.learn(self.current.binding, now)

    def end(self) -> None:
        """Do without all of them."""
        self.learned |= {hint.binding for hint in self._hints}
        self.current = None

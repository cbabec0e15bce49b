"""The line that says how the run stands: state, environment, progress, speed."""

from __future__ import annotations

from pathlib import PurePath

from rich.cells import cell_len, set_cell_size

from vmpo_tui.run_view import RunView
from vmpo_tui.text import duration, number, printable, si
from vmpo_tui.widgets.lines import Lines, Span

SYMBOLS = {
    "idle": "○",
    "starting": "◌",
    "training": "●",
    "evaluating": "◆",
    "pausing": "◍",
    "paused": "⏸",
    "stopping": "◍",
    "finished": "✔",
    "stopped": "■",
    "failed": "✖",
}
LOOKS = {
    "training": "going",
    "evaluating": "going",
    "finished": "done",
    "stopped": "done",
    "failed": "failed",
}
"""Colour of each state; of the others, training stands still."""
IDLE = (
    "no run is shown yet   {new} trains a new one   {open} opens one",
    "no run yet   {new} trains one   {open} opens one",
    "no run yet   {new} trains one",
    "no run yet",
)
"""What to say where there is no run, in less and less room."""


class StatusBar(Lines):
    """Two lines: what runs and how it scores; how far it is and how fast."""

    COMPONENT_CLASSES = {
        "status--going",
        "status--held",
        "status--done",
        "status--failed",
        "status--strong",
        "status--muted",
        "status--bar",
        "status--track",
    }
    DEFAULT_CSS = """
    StatusBar { height: 2; padding: 0 1; background: $panel; }
    StatusBar .status--going { color: $success; text-style: bold; }
    StatusBar .status--held { color: $warning; text-style: bold; }
    StatusBar .status--done { color: $primary; text-style: bold; }
    StatusBar .status--failed { color: $error; text-style: bold; }
    StatusBar .status--strong { color: $text; text-style: bold; }
    StatusBar .status--muted { color: $text-muted; }
    StatusBar .status--bar { color: $primary; }
    StatusBar .status--track { color: $frame; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = RunView()
        self._frozen = False

    def show(self, view: RunView, *, frozen: bool) -> None:
        """Show how a run stands."""
        self._view, self._frozen = view, frozen
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return both lines, each filling the width."""
        if self._view.state == "idle":
            keys = {"new": self.key("runs.new", "t"), "open": self.key("table.choose", "enter")}
            forms = [f"  {form.format(**keys)}" for form in IDLE]
            idle = next((form for form in forms if 8 + cell_len(form) <= width), "")
            return [[("vmpo-tui"[:width], "status--strong"), (idle, "status--muted")]]
        return [self._what_and_score(width), self._how_far(width)]

    def _what_and_score(self, width: int) -> list[Span]:
        """Both ends of a line; what does not fit is cut from the left one."""
        left = self._what()
        name = next(place for place, (_, style) in enumerate(left) if style == "status--strong")
        right = self._score(width - _length(left[: name + 1]) - 1)
        room = max(0, width - _length(right) - 1)
        kept: list[Span] = []
        for text, component in left:
            free = room - _length(kept)
            if cell_len(text) <= free:
                kept.append((text, component))
            elif component != "status--muted" and free > 0:  # details are left out rather than cut
                kept.append((set_cell_size(text, free - 1) + "…", component))
        return [*kept, (" " * (width - _length(kept) - _length(right)), ""), *right]

    def _what(self) -> list[Span]:
        view = self._view
        look = LOOKS.get(view.state, "held")
        state = view.phase if view.state == "starting" else view.state
        state += "..." if view.state in {"starting", "pausing", "stopping"} else ""
        spans = [(f"{SYMBOLS[view.state]} {state}", f"status--{look}")]
        if self._frozen:
            spans.append(("  display frozen", "status--held"))
        spans.append((f"  {view.env_id}", "status--strong"))
        if view.run_dir:
            spans.append((f"  {printable(PurePath(view.run_dir).name)}", "status--muted"))
        if restarts := int(view.latest.get("env/restarts", 0)):
            spans.append((f"  {restarts:,} env {'restart' if restarts == 1 else 'restarts'}", "status--held"))
        if view.backend:
            spans.append((f"  {view.backend}, {view.num_envs} envs, seed {view.seed}", "status--muted"))
        return spans

    def _score(self, room: int) -> list[Span]:
        """Return as much about the score as fits."""
        view = self._view
        if view.score is None:
            text = "not evaluated yet"
            return [(text if len(text) <= room else "", "status--muted")]
        mean, std = view.score
        score: list[Span] = [("score ", "status--muted"), (number(mean), "status--strong")]
        best = f"  best {number(view.best)}"
        for rest in (f" ± {number(std)}{best}", best, ""):
            if _length([*score, (rest, "")]) <= room:
                return [*score, (rest, "status--muted")]
        return []

    def _how_far(self, width: int) -> list[Span]:
        view = self._view
        left = f"{si(view.env_steps)} / {si(view.total_steps)} steps "
        share, speed = f" {view.progress:4.0%}", f"  {si(view.steps_per_second)} steps/s"
        spent, eta = f"  {duration(view.seconds)}", "" if view.over else f"  {duration(view.eta)} left"
        forms = (share + speed + spent + eta, share + speed + eta, share + eta, share, "")
        right = next(form for form in forms if not form or len(left) + len(form) <= width)
        room = max(0, width - len(left) - len(right))
        filled = round(view.progress * room)
        return [
            (left, "status--muted"),
            ("━" * filled, "status--bar"),
            ("─" * (room - filled), "status--track"),
            (right, "status--muted"),
        ]


def _length(spans: list[Span]) -> int:
    return sum(cell_len(text) for text, _ in spans)

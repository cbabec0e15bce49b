"""The line that says how the run stands: state, environment, progress, speed."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget

from vmpo_tui.run_view import RunView
from vmpo_tui.text import duration, number, si

SYMBOLS = {
    "starting": "◌",
    "training": "●",
    "evaluating": "◆",
    "pausing": "◍",
    "paused": "⏸",
    "stopping": "◍",
    "finished": "✔",
    "failed": "✖",
}


class StatusBar(Widget):
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
    StatusBar .status--track { color: $foreground 20%; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = RunView()
        self._frozen = False

    def show(self, view: RunView, *, frozen: bool) -> None:
        """Show how a run stands."""
        self._view, self._frozen = view, frozen
        self.refresh()

    def render(self) -> Text:
        """Return both lines, each filling the width."""
        width = self.content_size.width
        text = _justified(self._what(), self._score(), width)
        text.append("\n")
        return text.append_text(self._how_far(width))

    def _part(self, content: str, component: str) -> Text:
        return Text(content, self.get_component_rich_style(f"status--{component}", partial=True), end="")

    def _what(self) -> Text:
        view = self._view
        look = {"training": "going", "evaluating": "going", "finished": "done", "failed": "failed"}
        state = view.phase if view.state == "starting" else view.state
        state += "..." if view.state in {"starting", "pausing", "stopping"} else ""
        text = self._part(f"{SYMBOLS[view.state]} {state}", look.get(view.state, "held"))
        if self._frozen:
            text.append_text(self._part("  display frozen", "held"))
        text.append_text(self._part(f"  {view.env_id}", "strong"))
        if view.backend:
            text.append_text(self._part(f"  {view.backend}, {view.num_envs} envs, seed {view.seed}", "muted"))
        return text

    def _score(self) -> Text:
        view = self._view
        if view.score is None:
            return self._part("not evaluated yet", "muted")
        mean, std = view.score
        text = self._part("score ", "muted")
        text.append_text(self._part(number(mean), "strong"))
        return text.append_text(self._part(f" ± {number(std)}  best {number(view.best)}", "muted"))

    def _how_far(self, width: int) -> Text:
        view = self._view
        left = f"{si(view.env_steps)} / {si(view.total_steps)} steps "
        eta = "" if view.over else f"  {duration(view.eta)} left"
        right = f" {view.progress:4.0%}  {si(view.steps_per_second)} steps/s  {duration(view.seconds)}{eta}"
        room = max(0, width - len(left) - len(right))
        filled = round(view.progress * room)
        return Text.assemble(
            self._part(left, "muted"),
            self._part("━" * filled, "bar"),
            self._part("─" * (room - filled), "track"),
            self._part(right, "muted"),
        )


def _justified(left: Text, right: Text, width: int) -> Text:
    """Both ends of a line; what does not fit is cut from the left one."""
    room = max(0, width - right.cell_len - 1)
    left.truncate(room, overflow="ellipsis", pad=True)
    left.no_wrap = True
    return left.append(" ").append_text(right)

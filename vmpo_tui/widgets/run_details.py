"""What is known about one run, in a few lines."""

from __future__ import annotations

from pathlib import Path

from engine.run_directory import RunInfo
from vmpo_tui.text import duration, number, printable
from vmpo_tui.widgets.lines import Lines, Span

MEANINGS = {
    "running": "a process trains it: {open} watches it and steers it",
    "paused": "a process holds it: {open} shows it, {pause} there goes on",
    "finished": "it has reached its target: {resume} goes on to a higher one",
    "stopped": "it was stopped and saved: {resume} goes on exactly there",
    "discarded": "it was stopped without saving: {resume} goes on from its last checkpoint",
    "handed over": "a process without a screen is about to take it over; if none does, {resume} goes on",
    "failed": "it failed, {open} shows why: {resume} goes on from its last checkpoint",
    "interrupted": "its process died without a word: {resume} goes on from its last checkpoint",
    "damaged": "it cannot be shown or go on",
}
"""What each state means, and what to do with which key."""


class RunDetails(Lines):
    """Path, figures and state of a run, or nothing."""

    COMPONENT_CLASSES = {"details--strong", "details--muted", "details--problem"}
    DEFAULT_CSS = """
    RunDetails { padding: 0 2; border-top: solid $track; }
    RunDetails .details--strong { color: $text; text-style: bold; }
    RunDetails .details--muted { color: $text-muted; }
    RunDetails .details--problem { color: $error; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._run: RunInfo | None = None

    def show(self, run: RunInfo | None) -> None:
        """Describe a run."""
        self._run = run
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return three lines."""
        run = self._run
        if run is None:
            return []
        figures = (
            f"seed {run.seed}   {run.env_steps:,} of {run.total_steps:,} steps   "
            f"{duration(run.seconds)} trained   "
            f"newest {number(run.last_return)}   best {number(run.best_return)}"
        )
        state = [(f"{run.state}: ", "details--strong"), (self._meaning(run.state), "details--muted")]
        problem = [(printable(run.problem), "details--problem")] if run.problem else state
        return [
            [
                (printable(run.env_id), "details--strong"),
                (f"   {printable(_short(run.path))}", "details--muted"),
            ],
            [(figures, "details--muted")],
            problem,
        ]

    def _meaning(self, state: str) -> str:
        return MEANINGS.get(state, "").format(
            open=self.key("table.choose", "enter"),
            pause=self.key("run.toggle_pause", "space"),
            resume=self.key("runs.resume", "r"),
        )


def _short(path: Path) -> Path:
    """Return a path as it can be typed from here."""
    here, whole = Path.cwd(), path.absolute()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole

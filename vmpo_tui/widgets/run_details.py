"""What is known about one run, in a few lines."""

from __future__ import annotations

from pathlib import Path

from engine.run_directory import RunInfo
from vmpo_tui.text import duration, number, printable
from vmpo_tui.widgets.lines import Lines, Span

MEANINGS = {
    "running": "a process trains it: enter watches it and steers it",
    "paused": "a process holds it: enter shows it, space there goes on",
    "finished": "it has reached its target: r goes on to a higher one",
    "stopped": "it was stopped and saved: r goes on exactly there",
    "discarded": "it was stopped without saving: r goes on from its last checkpoint",
    "failed": "it failed, enter shows why: r goes on from its last checkpoint",
    "interrupted": "its process died without a word: r goes on from its last checkpoint",
    "damaged": "it cannot be shown or go on",
}
"""What each state means, and what to do."""


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
        state = [(f"{run.state}: ", "details--strong"), (MEANINGS.get(run.state, ""), "details--muted")]
        problem = [(printable(run.problem), "details--problem")] if run.problem else state
        return [
            [
                (printable(run.env_id), "details--strong"),
                (f"   {printable(_short(run.path))}", "details--muted"),
            ],
            [(figures, "details--muted")],
            problem,
        ]


def _short(path: Path) -> Path:
    """Return a path as it can be typed from here."""
    here, whole = Path.cwd(), path.absolute()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole

"""The keys that steer a run: one table for the footer, the help, the palette and remapping by id."""

from __future__ import annotations

from textual.binding import Binding


def _key(
    key: str,
    action: str,
    label: str,
    help_text: str,
    *,
    show: bool = True,
    display: str = "",
    priority: bool = False,
) -> Binding:
    return Binding(
        key,
        action,
        label,
        show=show,
        key_display=display or None,
        priority=priority,
        tooltip=help_text,
        id=f"run.{action}",
    )


STEERING = {"toggle_pause", "evaluate", "checkpoint", "step_once", "freeze", "parameters", "bookmark"}
"""Actions that need a run."""
RUN_BINDINGS: list[Binding] = [
    _key("space", "toggle_pause", "pause", "pause or resume training", display="space"),
    _key("e", "evaluate", "eval", "evaluate the policy now"),
    _key("c", "checkpoint", "save", "save a checkpoint now"),
    _key("n", "step_once", "one step", "run one iteration while paused"),
    _key("p", "parameters", "settings", "change settings of the run under way"),
    _key("f", "freeze", "freeze", "freeze the display; training goes on"),
    _key("b", "bookmark", "bookmark", "bookmark this step on every chart; again: take it back", show=False),
    _key("question_mark,f1", "help", "help", "show this list", display="?"),
    _key("q", "stop", "stop", "choose how to stop, or leave when the run is over"),
    _key(
        "ctrl+c", "interrupt", "stop", "ask how to stop; twice: save and stop; thrice: leave",
        show=False, priority=True,
    ),
    _key(
        "ctrl+p", "command_palette", "palette", "search everything that can be done",
        show=False, priority=True,
    ),
    _key("h", "dismiss_hint", "hide hint", "hide the hint over the footer", show=False),
]  # fmt: skip


def screen_bindings(tabs: tuple[tuple[str, str], ...]) -> list[Binding]:
    """Return the digits that lead to the screens, from their keys and labels."""
    return [
        Binding(
            key,
            f"show_screen('{label}')",
            label,
            show=False,
            tooltip=f"the {label} screen",
            id=f"screen.{label}",
        )
        for key, label in tabs
    ]

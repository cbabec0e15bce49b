"""The keys of the runs screen, and which of them are of use for a run."""

from __future__ import annotations

from textual.binding import Binding

from engine.run_directory import RunInfo
from vmpo_tui.widgets.look_line import Entry

UNDER_WAY = {"running", "paused"}
"""States of a run that a process trains."""


def _key(key: str, action: str, text: str, *, display: str = "") -> Binding:
    return Binding(
        key, action, action, tooltip=text, show=False, key_display=display or None, id=f"runs.{action}"
    )


KEYS = [
    _key("t", "new", "train a new run"),
    _key("r", "resume", "go on with the run"),
    _key("b", "fork", "branch a new run off from one of its checkpoints"),
    _key("m", "mark", "mark the run, to compare it with others; as many as you like"),
    _key("d", "differences", "the settings in which the marked runs and this one differ"),
    _key("v", "curves", "the curves of the marked runs and this one, on the charts"),
    _key("f2", "rename", "give the run another name"),
    _key("delete,backspace", "trash", "move the run to the trash", display="del"),
    _key("u", "restore", "undo the last deletion"),
    _key("o", "order", "sort by last change, score, steps, name, state"),
    _key("slash", "filter", "filter by text or regular expression", display="/"),
    _key("escape", "back", "leave the filter"),
]
OPEN = Binding(
    "enter",
    "open",
    tooltip="watch and steer the run where it is trained, or look at it",
    key_display="↵",
    id="table.choose",
)
"""For the help; the table itself has the key."""


def run_entries(run: RunInfo | None, *, marked: bool, others: bool) -> tuple[Entry, ...]:
    """Return the ids of the bindings for the run under the cursor, with what they do.

    Args:
        run: none where there is none.
        marked: whether it is marked.
        others: whether other runs are.
    """
    if run is None:
        return ()
    entries = [("table.choose", "open", False)]
    if run.state not in UNDER_WAY:
        entries.append(("runs.resume", "resume", False))
    entries += [("runs.fork", "fork", False), ("runs.mark", "mark", marked)]
    entries += [("runs.differences", "compare", others), ("runs.curves", "curves", others)]
    return (*entries, ("runs.rename", "rename", False), ("runs.trash", "delete", False))


def list_entries(order: str, *, trashed: bool) -> tuple[Entry, ...]:
    """Return the ids of the bindings for the list, with what they do.

    Args:
        order: what it is sorted by.
        trashed: whether a deletion can be undone.
    """
    undo = (("runs.restore", "undo the deletion", True),) if trashed else ()
    sort = ("runs.order", f"sorted by {'last change' if order == 'changed' else order}", False)
    return ("runs.new", "train a new run", False), *undo, sort, ("runs.filter", "filter", False)

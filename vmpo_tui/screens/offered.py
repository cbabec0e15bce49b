"""What the footer offers: keys that do something now, in the words that they have now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.binding import ActiveBinding

WITHOUT_A_RUN = {"run.help", "run.stop"}
"""Of the bindings that steer a run, those that work when there is none to steer."""
TYPING = {"submit": "keeps", "clear_filter": "leaves", "back": "leaves"}
"""What keys do while a filter is typed, by their action; all others are text then."""


def offered(
    found: Mapping[str, ActiveBinding], *, idle: bool, over: bool, typing: bool, runs: bool
) -> dict[str, ActiveBinding]:
    """Return the bindings of a footer.

    Args:
        found: those that there are, by their keys.
        idle: whether no run is shown.
        over: whether the run that is shown has ended.
        typing: whether a filter is typed.
        runs: whether a run that is over can be resumed on another screen.
    """
    if typing:
        return {
            key: _shown(one, TYPING[one.binding.action])
            for key, one in found.items()
            if one.binding.action in TYPING
        }
    if not (idle or over):
        return dict(found)
    kept = {key: one for key, one in found.items() if not _in_vain(str(one.binding.id))}
    for key, one in kept.items():
        if one.binding.id == "run.stop":
            kept[key] = _shown(one, "leave")
        elif one.binding.id == "screen.runs" and over and runs:
            kept[key] = _shown(one, "runs: resume")
    return kept


def _in_vain(binding: str) -> bool:
    return binding.startswith("run.") and binding not in WITHOUT_A_RUN


def _shown(one: ActiveBinding, words: str) -> ActiveBinding:
    return one._replace(binding=replace(one.binding, show=True, description=words))

"""The keys as a user has them: the screens' tables, changed by the settings, with nothing on a key twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from textual.binding import Binding
from textual.keys import Keys, format_key, key_to_character

from engine.errors import ConfigError, nearest
from vmpo_tui.keys import RUN_BINDINGS, screen_bindings
from vmpo_tui.screens import DIALOGS, SCREENS, TABS
from vmpo_tui.screens.dialogs import ChoiceDialog, ExportDialog, LeaveDialog, StopDialog
from vmpo_tui.settings import where

Keymap = Mapping[str, tuple[str, ...]]
YIELDING = {"run.bookmark", "runs.fork"}
"""Bindings that may share a key: a screen's own wins, and on the list of runs no chart shows a bookmark."""
MODIFIERS = ("ctrl", "shift", "alt", "meta", "super", "hyper")


@dataclass(frozen=True, slots=True)
class Group:
    """Bindings that belong together, under a title."""

    title: str
    bindings: tuple[Binding, ...]


def everywhere() -> Group:
    """Return the bindings that work on every numbered screen."""
    return Group("everywhere", (*RUN_BINDINGS, *screen_bindings(TABS)))


def groups() -> tuple[Group, ...]:
    """Return all bindings of the application by where they work."""
    screens = (Group(f"{kind.LABEL} screen", tuple(kind.KEYS)) for kind in SCREENS if kind.KEYS)
    dialogs = (Group(title, tuple(_bindings(kind.BINDINGS))) for title, kind in DIALOGS.items())
    return everywhere(), *screens, *dialogs


def check(keymap: Keymap, source: str = "", text: str = "") -> None:
    """Check a user's keys.

    Args:
        keymap: keys by the id of a binding.
        source: the file that they are from.
        text: its content, to find lines in.

    Raises:
        ConfigError: an id or a key does not exist, or a key would do two things at a time.
    """
    known = {str(binding.id): binding for group in groups() for binding in group.bindings}
    for name, keys in keymap.items():
        place = where(source, text, f"keymap.{name}")
        if name not in known:
            hint = nearest(name, known) or "; `vmpo keys` lists them"
            raise ConfigError(f"{place}: no such binding{hint}")
        for key in keys:
            if not _exists(key):
                hint = nearest(key, [one.value for one in Keys])
                raise ConfigError(
                    f"{place}: no such key {key!r}{hint or '; expected such as e, f5 or ctrl+e'}"
                )
    for first, second, key, title in clashes(keymap):
        ours, theirs = (first, second) if first.id in keymap else (second, first)
        place = where(source, text, f"keymap.{ours.id}")
        raise ConfigError(
            f"{place}: {key!r} is taken ({title}) by {theirs.id}: {theirs.tooltip or theirs.description};"
            " choose another key, or give that one another too"
        )


def clashes(keymap: Keymap) -> Iterator[tuple[Binding, Binding, str, str]]:
    """Yield pairs of bindings that a key would mean at the same time, with the key and where that is."""
    common, *others = groups()
    for group in others:
        if group.title in DIALOGS:
            together = [*(one for one in common.bindings if one.priority), *group.bindings]
            together += _answers() if DIALOGS[group.title] is ChoiceDialog else []
        else:
            together = [*common.bindings, *group.bindings]
        taken: dict[str, Binding] = {}
        for binding in remapped(together, keymap):
            for key in _normal(binding.key):
                pair = {str(taken[key].id), str(binding.id)} if key in taken else set()
                if len(pair) == 2 and pair != YIELDING:
                    shared = {taken[key].id, binding.id} <= {one.id for one in common.bindings}
                    yield taken[key], binding, key, common.title if shared else group.title
                taken[key] = binding


def remapped(bindings: Iterable[Binding], keymap: Keymap) -> list[Binding]:
    """Return bindings with the keys that the user has given them."""
    return [
        replace(binding, key=",".join(_normal(keymap[binding.id])), key_display=None)
        if binding.id in keymap
        else binding
        for binding in bindings
        if binding.id is not None
    ]


def textual_keymap(keymap: Keymap) -> dict[str, str]:
    """Return a keymap in the words of Textual."""
    return {name: ",".join(_normal(keys)) for name, keys in keymap.items()}


def shown(binding: Binding) -> str:
    """Return the keys of a binding as people read them."""
    return binding.key_display or " ".join(format_key(key) for key in _normal(binding.key))


def key_names(keymap: Keymap) -> dict[str, str]:
    """Return the keys of every binding as people read them, by its id."""
    return {
        str(binding.id): shown(binding) for group in groups() for binding in remapped(group.bindings, keymap)
    }


def _answers() -> list[Binding]:
    """Return the keys that answer questions, which are fixed."""
    return [
        Binding(key, "", tooltip=text, id="an answer")
        for kind in (StopDialog, LeaveDialog, ExportDialog)
        for key, answer, text in kind.CHOICES
        if answer
    ]


def _bindings(declared: Iterable[object]) -> Iterator[Binding]:
    return (binding for binding in declared if isinstance(binding, Binding) and binding.id)


def _normal(keys: str | Sequence[str]) -> list[str]:
    """Return keys by the names that Textual has for them: "?" is question_mark."""
    names = ["comma" if key == "," else key for key in (keys.split(",") if isinstance(keys, str) else keys)]
    return [binding.key for name in names for binding in Binding.make_bindings([Binding(name, "")])]


def _exists(key: str) -> bool:
    """Whether there is such a key, as far as a terminal can say."""
    *modifiers, name = key.split("+") if len(key) > 1 and not key.endswith("+") else [key]
    if not all(modifier in MODIFIERS for modifier in modifiers) or not name.isprintable():
        return False
    named = re.fullmatch(r"[a-z0-9_]+", name) is not None
    return len(name) == 1 or (named and (name in set(Keys) or key_to_character(name) is not None))

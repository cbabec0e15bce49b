"""What a user has set for every run: a TOML file that is read at the start and never written.

    theme = "light"             # dark, light, high-contrast or monochrome
    notify = "desktop"          # off, bell or desktop: an end or a best score while one looks elsewhere
    toasts = true               # short messages for evaluations and checkpoints
    hints = true                # a line that teaches the keys, one at a time
    frame_rate = 4.0            # drawings of a run's figures a second, at most

    [keymap]                    # `vmpo keys` lists the names
    run.evaluate = ["e", "f5"]
    charts.export = "ctrl+s"

Every error names the file, the key and its line, what was expected, and the nearest name that there is.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from engine.errors import ConfigError, nearest

THEMES = ("dark", "light", "high-contrast", "monochrome")
NOTIFY = ("off", "bell", "desktop")
SLOWEST, FASTEST = 0.5, 10.0
"""Drawings a second."""
LARGEST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """A user's wishes."""

    theme: str = ""
    """One of `THEMES`; empty for the one that was chosen last."""
    notify: str = "off"
    """One of `NOTIFY`: how to call a user who looks elsewhere."""
    toasts: bool = True
    """Whether evaluations, checkpoints and warnings are announced on the screen."""
    hints: bool = True
    """Whether the keys are taught."""
    frame_rate: float = 4.0
    """Drawings of a run's figures a second, at most."""
    keymap: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys of each binding that has others than its own, by the binding's id."""


def settings_path() -> Path:
    """Return where the file is looked for: $XDG_CONFIG_HOME/vmpo-tui/settings.toml, or the system's place."""
    return user_config_path("vmpo-tui", appauthor=False) / "settings.toml"


def load(path: Path) -> tuple[Settings, str]:
    """Return the settings in a file and its text; those of nobody where there is none.

    Raises:
        ConfigError: it cannot be read, or says something without a meaning.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES)
        text = content.decode("utf-8")
    except FileNotFoundError:
        return Settings(), ""
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}: line {line}: not UTF-8 text") from error
    return parse(text, str(path)), text


def parse(text: str, source: str) -> Settings:
    """Return the settings that a text in TOML says.

    Args:
        text: content of a settings file.
        source: what to call it in errors.

    Raises:
        ConfigError: it says something without a meaning.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not TOML: {error}") from error
    names = [one.name for one in fields(Settings)]
    for key in document:
        if key not in names:
            raise ConfigError(f"{where(source, text, key)}: no such setting{nearest(key, names)}")
    values = {
        key: _PARSERS[key](value, where(source, text, key))
        for key, value in document.items()
        if key != "keymap"
    }
    return Settings(**values, keymap=_keymap(document.get("keymap", {}), text, source))


def where(source: str, text: str, key: str) -> str:
    """Return a key's place in words: file, line where it can be found, dotted name."""
    last = re.escape(key.rpartition(".")[2])
    found = re.search(rf"^[ \t\[]*(?:[\w.\"'-]+\.)?[\"']?{last}[\"']?[ \t]*[=\]]", text, re.MULTILINE)
    line = f" line {text.count(chr(10), 0, found.start()) + 1}:" if found else ""
    return f"{source}:{line} {key}"


def _said(value: object) -> str:
    """Return a value as the file says it, more or less."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _choice(*choices: str) -> Any:
    def parse_choice(value: object, place: str) -> str:
        if not isinstance(value, str) or value not in choices:
            hint = nearest(value, choices) if isinstance(value, str) else ""
            raise ConfigError(f"{place}: expected one of {', '.join(choices)}, not {_said(value)}{hint}")
        return value

    return parse_choice


def _switch(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{place}: expected true or false, not {_said(value)}")
    return value


def _rate(value: object, place: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not SLOWEST <= value <= FASTEST:  # type: ignore[operator]
        raise ConfigError(
            f"{place}: expected drawings a second, {SLOWEST:g} to {FASTEST:g}, not {_said(value)}"
        )
    return float(value)  # type: ignore[arg-type]


_PARSERS: Mapping[str, Any] = {
    "theme": _choice(*THEMES),
    "notify": _choice(*NOTIFY),
    "toasts": _switch,
    "hints": _switch,
    "frame_rate": _rate,
}


def _keymap(value: object, text: str, source: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where(source, text, 'keymap')}: expected a table of names and keys")
    return {name: _keys(keys, where(source, text, f"keymap.{name}")) for name, keys in _flat(value)}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted names and values: `run.stop = "q"` is a table in a table to TOML."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _keys(value: object, place: str) -> tuple[str, ...]:
    """Return the keys of a binding: one, or a list of them."""
    keys = [value] if isinstance(value, str) else value
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) and key for key in keys):
        raise ConfigError(f'{place}: expected a key such as "f5", or a list of them, not {_said(value)}')
    return tuple(keys)

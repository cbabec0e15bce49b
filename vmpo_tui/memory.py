"""What the application remembers from one start to the next: a file of its own that nothing depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from engine.files import replace_atomically

LARGEST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Memory:
    """How the application was left."""

    theme: str = ""
    """The theme that was chosen on the screen; empty where none was."""
    screen: str = ""
    """Label of the screen that was in front."""
    learned: tuple[str, ...] = ()
    """Hints that are not needed any more."""
    screens: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What each screen keeps of how it is looked at, by its label."""


def memory_path() -> Path:
    """Return where it is kept: $XDG_STATE_HOME/vmpo-tui/state.json, or the system's place."""
    return user_state_path("vmpo-tui", appauthor=False) / "state.json"


def load(path: Path) -> tuple[Memory, str]:
    """Return what a file remembers, and what was wrong with it; an empty memory where it cannot be used."""
    try:
        with path.open("rb") as file:
            memory = _read(json.loads(file.read(LARGEST_BYTES).decode("utf-8")))
    except FileNotFoundError:
        return Memory(), ""
    except OSError as error:
        return Memory(), f"{path} cannot be read ({error.strerror or error}): beginning afresh"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Memory(), f"{path} is damaged: beginning afresh"
    return memory, ""


def save(path: Path, memory: Memory) -> str:
    """Remember; return why that is not possible, or an empty text."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_atomically(path, json.dumps(asdict(memory), indent=1).encode())
    except (OSError, TypeError, ValueError) as error:
        return (
            f"{path} cannot be written ({getattr(error, 'strerror', None) or error}): nothing is remembered"
        )
    return ""


def _read(document: dict[str, Any]) -> Memory:
    """Return a memory.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: the document is none.
    """
    memory = Memory(
        theme=document["theme"],
        screen=document["screen"],
        learned=tuple(document["learned"]),
        screens={label: dict(kept) for label, kept in document["screens"].items()},
    )
    if not all(isinstance(text, str) for text in (memory.theme, memory.screen, *memory.learned)):
        raise ValueError("not texts")
    return memory

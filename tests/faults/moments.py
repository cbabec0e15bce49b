"""Programs that stand still in the middle of what they do, until they are told to go on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

APPLICATION = "from vmpo_tui.cli import main_tui; main_tui()"
HEADLESS = "import sys; sys.argv.insert(1, 'train'); from vmpo_tui.cli import main; main()"
MOMENTS = {
    "rollout": ("engine.collector", "Collector", "_act", 2 * 32 + 16),
    "update": ("engine.learner", "Learner", "_gradient_step", 3),
    "evaluation": ("engine.agent", "Agent", "act", 5),
    "saving": ("engine.checkpoint", "", "_write_parts", 3),
}
"""Module, class, function, and after how many of its calls the program stands still.

An update is a rollout of 32 steps and at least one gradient step, after which the run is saved.
"""
PATIENCE = 60.0


def program(front: str, moment: str, folder: Path) -> str:
    """Return a program that trains and stands still once: it makes ``reached`` and waits for ``go``."""
    return f"from tests.faults.moments import stand_still\nstand_still({moment!r}, {str(folder)!r})\n{front}"


def stand_still(moment: str, folder: str) -> None:
    """Let this process stand still once, right after a certain call of a certain function."""
    import importlib

    module, owner_name, name, calls = MOMENTS[moment]
    owner: Any = importlib.import_module(module)
    owner = getattr(owner, owner_name) if owner_name else owner
    original: Callable[..., Any] = getattr(owner, name)
    process, count = os.getpid(), 0

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal count
        result = original(*args, **options)
        count += 1
        if count == calls and os.getpid() == process:
            (Path(folder) / "reached").touch()
            deadline = time.monotonic() + PATIENCE
            while not (Path(folder) / "go").exists() and time.monotonic() < deadline:
                time.sleep(0.005)
        return result

    setattr(owner, name, counted)

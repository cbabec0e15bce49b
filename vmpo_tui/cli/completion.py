"""What the shell completes: environments, runs, presets, settings, sinks and metrics.

A key press waits for this, so that nothing here imports torch, gymnasium or mujoco: environment ids come
from a list in this package (a test holds it against Gymnasium's registry), runs and metrics from the disk.
Only names of plain characters are offered, since zsh evaluates what it is told.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from engine.config import RunConfig
from engine.presets import PRESETS
from vmpo_tui import known
from vmpo_tui.known import matching

METRIC_PATTERN = re.compile(r"[A-Za-z0-9._/-]{1,80}")
PATH_PATTERN = re.compile(r"[A-Za-z0-9._/~-]+")


def environments(incomplete: str) -> list[str]:
    """Return environment ids."""
    return matching(known.environments(), incomplete)


def presets(incomplete: str) -> list[str]:
    """Return names of presets."""
    return matching((preset.name for preset in PRESETS), incomplete)


def sinks(incomplete: str) -> list[str]:
    """Return names of optional sinks."""
    choices = next(field for field in dataclasses.fields(RunConfig) if field.name == "sinks").metadata
    return matching(choices["choices"], incomplete)


def settings(incomplete: str) -> list[tuple[str, str]]:
    """Return the keys of --set with their defaults; once a key is named, the values that it may have."""
    return known.settings(incomplete)


def runs(incomplete: str) -> list[str]:
    """Return names of runs; once a path is begun, the directories that it may lead to."""
    from engine.run_directory import NAME_PATTERN, runs_root

    if "/" in incomplete:
        stem = incomplete.rpartition("/")[0] + "/"
        paths = (f"{stem}{path.name}" for path in _directories(Path(stem).expanduser()))
        return matching((path for path in paths if PATH_PATTERN.fullmatch(path)), incomplete)
    found = (path for path in _directories(runs_root()) if (path / "config.toml").is_file())
    return matching((path.name for path in found if NAME_PATTERN.fullmatch(path.name)), incomplete)


def metrics(incomplete: str) -> list[str]:
    """Return the metrics that runs have; the shell does not yet tell which runs are meant."""
    from engine.run_directory import runs_root
    from engine.tails import tail_rows

    rows = (tail_rows(path / "metrics.jsonl")[-1:] for path in _directories(runs_root()))
    names = {name for row in rows for name in (row[0] if row else ())}
    return matching((name for name in names if METRIC_PATTERN.fullmatch(name)), incomplete)


def _directories(parent: Path) -> list[Path]:
    try:
        return [path for path in parent.iterdir() if path.is_dir()]
    except OSError:
        return []

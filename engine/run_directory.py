"""Run directories: names, files, the lock, and the list of runs."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config import Config
from engine.errors import CheckpointError, ConfigError
from engine.files import replace_atomically

RUNS_ROOT_VARIABLE = "VMPO_RUNS"
NAME_PATTERN = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,80}")
TAIL_BYTES = 65_536


def runs_root() -> Path:
    """Return where runs live: $VMPO_RUNS, or ``runs`` in the current directory."""
    return Path(os.environ.get(RUNS_ROOT_VARIABLE) or "runs")


def new_run_name(env_id: str, seed: int) -> str:
    """Return a name such as HalfCheetah-v5-s0-20261123-035629 for a run that starts now."""
    stem = re.sub(r"[^A-Za-z0-9._-]", "-", env_id).lstrip(".")[:48]
    return f"{stem}-s{seed}-{time.strftime('%Y%m%d-%H%M%S')}"


class RunDirectory:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.config = self.path / "config.toml"
        self.metrics = self.path / "metrics.jsonl"
        self.events = self.path / "events.jsonl"
        self.log = self.path / "engine.log"
        self.checkpoints = self.path / "checkpoints"
        self.evaluations = self.path / "evaluations"
        self.videos = self.path / "videos"
        self.lock = self.path / "lock"

    @classmethod
    def create(cls, path: Path, config: Config) -> RunDirectory:
        """Make a new run directory with its configuration.

        Raises:
            ConfigError: the name is not allowed, or there is a run already.
            CheckpointError: the disk refuses.
        """
        _check_name(path)
        directory = cls(path)
        if directory.config.exists() or directory.checkpoints.exists():
            raise ConfigError(f"{path} holds a run already; continue it with: vmpo resume {path}")
        try:
            directory.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"cannot create the run directory {path}: {error.strerror}") from error
        directory.write_config(config)
        return directory

    def write_config(self, config: Config) -> None:
        """Write config.toml.

        Raises:
            CheckpointError: the disk refuses.
        """
        try:
            replace_atomically(self.config, config.to_toml().encode())
        except OSError as error:
            raise CheckpointError(f"cannot write {self.config}: {error.strerror}") from error

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Return the run directory at a path.

        Raises:
            CheckpointError: there is no run.
        """
        _check_name(path)
        directory = cls(path)
        if not directory.config.exists():
            raise CheckpointError(f"{path} is not a run directory: it has no config.toml (see: vmpo runs)")
        return directory

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the run's lock; the system frees it when the process dies.

        Raises:
            CheckpointError: another process trains this run.
        """
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
                raise CheckpointError(f"{self.path} is being trained by process {holder}") from None
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            os.close(descriptor)

    def held(self) -> bool:
        """Whether a process trains this run at the moment."""
        try:
            descriptor = os.open(self.lock, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One line of the list of runs."""

    name: str
    path: Path
    state: str
    """running, finished, stopped, discarded, failed, interrupted or damaged."""
    env_id: str
    env_steps: int
    total_steps: int
    best_return: float | None
    modified: float
    """Time of the last change, seconds since the epoch."""


def list_runs(root: Path) -> list[RunInfo]:
    """Describe every run under a root, the most recently changed first; damaged ones are listed as such."""
    if not root.is_dir():
        return []
    runs = [_describe(path) for path in root.iterdir() if path.is_dir() and (path / "config.toml").exists()]
    return sorted(runs, key=lambda run: run.modified, reverse=True)


def _check_name(path: Path) -> None:
    if not NAME_PATTERN.fullmatch(path.name):
        raise ConfigError(
            f"{path.name!r} is no valid run name: expected 1 to 80 of A-Z a-z 0-9 . _ - without a leading dot"
        )
    if path.is_symlink():
        raise ConfigError(f"{path} is a link; name the run directory itself")


def _describe(path: Path) -> RunInfo:
    directory = RunDirectory(path)
    try:
        config = Config.from_toml(directory.config)
    except ConfigError:
        return RunInfo(path.name, path, "damaged", "?", 0, 0, None, _modified(directory))
    events = _tail_rows(directory.events)
    last_row = (_tail_rows(directory.metrics) or [{}])[-1]
    steps = max(
        int(last_row.get("env_steps") or 0), *(int(row.get("env_steps") or 0) for row in [{}, *events])
    )
    scores = [sum(row["returns"]) / len(row["returns"]) for row in events if row.get("returns")]
    state = "running" if directory.held() else _final_state(events)
    best = max(scores) if scores else None
    total = config.run.total_steps
    return RunInfo(path.name, path, state, config.env.id, steps, total, best, _modified(directory))


def _final_state(events: list[dict[str, Any]]) -> str:
    for row in reversed(events):
        match row.get("event"):
            case "RunFinished":
                reason = str(row.get("reason"))
                return "finished" if reason == "completed" else reason
            case "RunFailed":
                return "failed"
            case "RunStarted":
                return "interrupted"
    return "interrupted"


def _tail_rows(path: Path) -> list[dict[str, Any]]:
    """Whole JSON rows in the last part of a file, however large it is."""
    try:
        with path.open("rb") as file:
            start = max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES)
            file.seek(start)
            lines = file.read().splitlines()[1 if start else 0 :]
    except OSError:
        return []
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def _modified(directory: RunDirectory) -> float:
    candidates = (directory.metrics, directory.events, directory.config)
    return max((path.stat().st_mtime for path in candidates if path.exists()), default=0.0)

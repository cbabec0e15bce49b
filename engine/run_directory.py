"""Run directories: names, files, the lock, and the list of runs."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from engine.config import Config
from engine.errors import CheckpointError, ConfigError
from engine.files import LINK, make_directory, open_own, replace_atomically
from engine.tails import parse_row, tail_lines

RUNS_ROOT_VARIABLE = "VMPO_RUNS"
NAME_PATTERN = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,80}")
EVENT_BYTES = 4_194_304
"""How much of events.jsonl the list of runs reads: thousands of evaluations, whatever else the file holds."""
CONFIG_BYTES = 1_048_576
"""A larger config.toml is none."""


def runs_root() -> Path:
    """Return where runs live: $VMPO_RUNS, or ``runs`` in the current directory."""
    return Path(os.environ.get(RUNS_ROOT_VARIABLE) or "runs")


def new_run_name(env_id: str, seed: int) -> str:
    """Return a name such as HalfCheetah-v5-s0-20261123-035629 for a run that starts now."""
    return f"{tidy_name(env_id)[:48]}-s{seed}-{time.strftime('%Y%m%d-%H%M%S')}"


def tidy_name(text: str) -> str:
    """Return a text with everything replaced that the name of a run may not have."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text).lstrip(".")[:80]


def check_name(name: str) -> None:
    """Refuse what no run may be called.

    Raises:
        ConfigError: says what a name consists of.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no valid run name: expected 1 to 80 of A-Z a-z 0-9 . _ - without a leading dot"
        )


def _check_path(path: Path) -> None:
    check_name(path.name)
    try:
        linked = path.is_symlink()
    except OSError as error:  # a part of it is too long, or its parent is closed
        raise ConfigError(f"{path} cannot be a run directory: {error.strerror}") from error
    if linked:
        raise ConfigError(f"{path} is a link; name the run directory itself")


class RunDirectory:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.config = self.path / "config.toml"
        self.metrics = self.path / "metrics.jsonl"
        self.inspections = self.path / "inspections.jsonl"
        self.events = self.path / "events.jsonl"
        self.log = self.path / "engine.log"
        self.checkpoints = self.path / "checkpoints"
        self.evaluations = self.path / "evaluations"
        self.videos = self.path / "videos"
        self.failures = self.path / "failures"
        self.lock = self.path / "lock"
        self._held: int | None = None

    @classmethod
    def create(cls, path: Path, config: Config) -> RunDirectory:
        """Make a new run directory with its configuration.

        Raises:
            ConfigError: the name is not allowed, or there is a run already.
            CheckpointError: the disk refuses.
        """
        _check_path(path)
        directory = cls(path)
        directory.refuse_links()
        if directory.config.exists() or directory.checkpoints.exists():
            raise ConfigError(f"{path} holds a run already; continue it with: vmpo resume {path}")
        try:
            make_directory(directory.path)
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
        _check_path(path)
        directory = cls(path)
        if not directory.config.exists():
            raise CheckpointError(f"{path} is not a run directory: it has no config.toml (see: vmpo runs)")
        directory.refuse_links()
        return directory

    def refuse_links(self) -> None:
        """Make sure that what is written into the run changes nothing outside it.

        Raises:
            CheckpointError: names a link.
        """
        for path in (value for value in vars(self).values() if isinstance(value, Path)):
            if path.is_symlink():
                raise CheckpointError(f"{path} cannot be used: {LINK}")

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the run's lock; the system frees it when the process dies.

        Raises:
            CheckpointError: another process trains this run.
        """
        self._take_lock()
        try:
            yield
        finally:
            self._release_lock()

    def remake(self, config: Config) -> bool:
        """Make the directory of a run under way again if somebody removed it; return whether it was gone.

        Raises:
            CheckpointError: the disk refuses, or another process has begun a run there.
        """
        gone = not self.lock.exists()
        if gone:
            try:
                make_directory(self.path)
            except OSError as error:
                raise CheckpointError(f"cannot make {self.path} again: {error.strerror}") from error
            self._release_lock()
            self._take_lock()
        if not self.config.exists():
            self.write_config(config)
        return gone

    def _take_lock(self) -> None:
        try:
            self._held = descriptor = open_own(self.lock, os.O_RDWR | os.O_CREAT)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            self._release_lock()
            raise CheckpointError(f"{self.path} is being trained by process {holder}") from None
        except OSError as error:
            self._release_lock()
            raise CheckpointError(f"cannot lock {self.path}: {error.strerror}") from error

    def _release_lock(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def held(self) -> bool:
        """Whether a process trains this run at the moment."""
        try:
            descriptor = os.open(self.lock, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return isinstance(error, BlockingIOError)
        finally:
            os.close(descriptor)
        return False


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One line of the list of runs; what a damaged run does not tell is 0, None or "?"."""

    name: str
    path: Path
    state: str
    """running, paused, finished, stopped, discarded, handed over, failed, interrupted or damaged."""
    env_id: str
    seed: int
    env_steps: int
    """Environment steps taken so far."""
    total_steps: int
    """The run's target."""
    updates: int
    """Iterations done."""
    seconds: float
    """Time spent training and evaluating."""
    best_return: float | None
    """Highest mean return of an evaluation."""
    last_return: float | None
    """Mean return of the newest evaluation."""
    modified: float
    """Time of the last change, seconds since the epoch."""
    problem: str = ""
    """What is wrong with the directory, for the user; empty for a sound one."""


class RunList:
    """The runs under a root, read again only where a file has changed since the last time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.guest: Path | None = None
        """A run elsewhere that is to be listed too."""
        self._known: dict[Path, tuple[_Signature, RunInfo | None]] = {}

    def read(self, newest: int | None = None) -> list[RunInfo]:
        """Describe every run, the most recently changed first.

        Whatever lies there: damaged runs are listed as such; links, names that begin with a dot and
        everything else are passed over.

        Args:
            newest: describe only so many, for a first look that costs the same however many there are.
        """
        paths = self._directories()
        if self.guest and self._is_elsewhere(self.guest, paths):
            paths.append(self.guest)
        signatures = {path: _signature(RunDirectory(path)) for path in paths}
        order = sorted(signatures, key=lambda path: signatures[path].modified, reverse=True)
        self._known = {path: self._describe(path, signatures[path]) for path in order[:newest]}
        return [run for _, run in self._known.values() if run is not None]

    @staticmethod
    def _is_elsewhere(guest: Path, paths: list[Path]) -> bool:
        # Unlike Path.is_dir, os.path.isdir says no to a name that cannot be one: too long, or with a NUL.
        return os.path.isdir(guest) and guest.absolute() not in {path.absolute() for path in paths}

    def _directories(self) -> list[Path]:
        try:
            with os.scandir(self.root) as entries:
                return [
                    self.root / entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                ]
        except OSError:
            return []

    def _describe(self, path: Path, signature: _Signature) -> tuple[_Signature, RunInfo | None]:
        known = self._known.get(path)
        if known and known[0] == signature:
            return known
        return signature, _describe(RunDirectory(path), signature)


def list_runs(root: Path) -> list[RunInfo]:
    """Describe every run under a root, the most recently changed first; see `RunList.read`."""
    return RunList(root).read()


def _describe(directory: RunDirectory, signature: _Signature) -> RunInfo | None:
    """Describe a run; None for a directory in which nothing of a run is."""
    path = directory.path
    try:
        config = _read_config(directory)
    except (ConfigError, OSError, RecursionError) as error:
        traces = (directory.config, directory.metrics, directory.events, directory.checkpoints)
        if not any(os.path.lexists(trace) for trace in traces):
            return None
        nothing = ("damaged", "?", 0, 0, 0, 0, 0.0, None, None)
        return RunInfo(path.name, path, *nothing, signature.modified, str(error))
    events = [
        row for line in tail_lines(directory.events, EVENT_BYTES) if (row := parse_row(line)) is not None
    ]
    lines = tail_lines(directory.metrics)
    last_row: dict[str, Any] = next(
        (row for line in reversed(lines) if (row := parse_row(line)) is not None), {}
    )
    scores = [score for row in events if (score := _score(row)) is not None]
    return RunInfo(
        name=path.name,
        path=path,
        state=_state(events, held=signature.held),
        env_id=config.env.id,
        seed=config.run.seed,
        env_steps=max(int(_number(row, "env_steps")) for row in (last_row, *events)),
        total_steps=config.run.total_steps,
        updates=max(int(_number(row, "updates")) for row in (last_row, *events)),
        seconds=_number(last_row, "seconds"),
        best_return=max(scores, default=None),
        last_return=scores[-1] if scores else None,
        modified=signature.modified,
        problem=_problem(directory, lines, held=signature.held),
    )


def _read_config(directory: RunDirectory) -> Config:
    if not os.path.lexists(directory.config):
        raise ConfigError("config.toml is missing: nobody knows its settings")
    if not directory.config.is_file() or directory.config.stat().st_size > CONFIG_BYTES:
        raise ConfigError("config.toml is not a file of settings")
    return Config.from_toml(directory.config)


def _problem(directory: RunDirectory, lines: list[bytes], *, held: bool) -> str:
    """Say what is wrong with a run whose settings can be read."""
    if not NAME_PATTERN.fullmatch(directory.path.name):
        return "its name is none that a run may have: rename it"
    # Where a process writes, half a row may be under way.
    if lines and not held and parse_row(lines[-1]) is None:
        return "metrics.jsonl ends in a line that is no row of metrics; it is passed over"
    return ""


class _Signature(NamedTuple):
    """What changes whenever the description of a run may."""

    modified: float
    held: bool
    files: tuple[tuple[int, int, int] | None, ...]


def _signature(directory: RunDirectory) -> _Signature:
    files: list[tuple[int, int, int] | None] = []
    for path in (directory.config, directory.metrics, directory.events, directory.checkpoints):
        try:
            status = path.lstat()
        except OSError:
            files.append(None)
        else:
            files.append((status.st_mtime_ns, status.st_size, status.st_ino))
    modified = max((file[0] for file in files[:3] if file), default=0) / 1e9
    return _Signature(modified, directory.held(), tuple(files))


def _number(row: dict[str, Any], key: str) -> float:
    """Return a figure of a row that anybody may have written; 0 for what is none."""
    value = row.get(key)
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e18 else 0.0


def _score(row: dict[str, Any]) -> float | None:
    """Return the mean return of an evaluation's row."""
    returns = row.get("returns")
    if row.get("event") != "EvaluationCompleted" or not isinstance(returns, list) or not returns:
        return None
    if not all(type(value) in (int, float) and abs(value) < 1e300 for value in returns):
        return None
    return float(sum(returns)) / len(returns)


def _state(events: list[dict[str, Any]], *, held: bool) -> str:
    """Return a run's state from its newest event that says anything about it, and from its lock."""
    kinds = {"RunStarted", "RunPaused", "RunResumed", "RunFinished", "RunFailed"}
    last: dict[str, Any] = next((row for row in reversed(events) if str(row.get("event")) in kinds), {})
    if held:
        return "paused" if last.get("event") == "RunPaused" else "running"
    match last.get("event"), last.get("reason"):
        case "RunFinished", "completed":
            return "finished"
        case "RunFinished", ("stopped" | "discarded" | "handed over") as reason:
            return str(reason)
        case "RunFailed", _:
            return "failed"
    return "interrupted"

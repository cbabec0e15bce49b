"""A run of another process, read from its files as they grow and steered through its socket."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from engine.commands import Command
from engine.errors import CheckpointError
from engine.events import (
    EvaluationCompleted,
    Event,
    Inspection,
    RunFailed,
    RunFinished,
    RunForked,
    RunStarted,
    SettingChanged,
    UpdateCompleted,
    Warned,
)
from engine.run_directory import RunDirectory
from engine.sinks.inspections import inspection_from_row
from engine.sinks.jsonl import event_from_row
from engine.tails import parse_row
from vmpo_tui.control import send_command
from vmpo_tui.history import RETURN

SLICE_SECONDS = 0.2
"""What one call of `Follower.drain` may take while there is much to read."""
BLOCK_BYTES = 1 << 18
PAST_EVENTS = UpdateCompleted | EvaluationCompleted | SettingChanged | RunForked
LONG_BYTES, NEWEST_BYTES = 1 << 23, 1 << 20
"""A file of metrics that is longer is skimmed, up to its newest bytes, which are read whole."""
SAMPLES, SAMPLES_AT_ONCE = 2048, 64
"""Rows that skimming takes, evenly spread: more than a terminal has dots side by side."""
LINE_BYTES = 1 << 20
"""A longer line is torn."""
HAND_OVER_SECONDS = 60.0
"""That a process may take to go on with a run that another one has left to it."""
MARK_BYTES = 256
"""Newest bytes read that tell whether the file is still the one that they came from."""


class Follower:
    """Gives the screens what a `Session` gives them, for a run that another process trains, or none does.

    Raises:
        CheckpointError: there is no run at the path.
    """

    attached = True
    on_hangup = "leave"

    def __init__(self, path: Path) -> None:
        self.directory = RunDirectory.open(path)
        self._metrics = GrowingRows(self.directory.metrics, skim=True)
        self._events = GrowingRows(self.directory.events)
        self._inspections = GrowingRows(self.directory.inspections, skim=True)
        self._next_event: Event | None = None
        self._updates = 0.0
        self._answers: list[Event] = []
        self._caught_up = False
        self._told = False
        self._over = False
        self._awaited_until = -math.inf

    def start(self) -> None:
        """Nothing to start: reading begins with `drain`."""

    @property
    def live(self) -> bool:
        """Whether what comes next happens now, and is no history."""
        return self._caught_up

    @property
    def running(self) -> bool:
        """Whether there may be more to come."""
        return not self._over

    @property
    def caught_up(self) -> bool:
        """Whether everything that the files held was read at the last `drain`."""
        return self._caught_up

    def drain(self) -> list[Event]:
        """Return what is new; a long history comes in slices, oldest first."""
        answers, self._answers = self._answers, []
        deadline = time.monotonic() + SLICE_SECONDS
        found = [*answers, *self._merged(deadline)]
        if self._metrics.skimmed and not self._told:
            self._told = True
            found.append(Warned(f"{self.directory.metrics.name} is long: of its older rows some are shown"))
        self._caught_up = time.monotonic() < deadline
        if self._caught_up and not self._over and not self.directory.held():
            found += self._merged(time.monotonic() + SLICE_SECONDS)  # its last words, said since
            if time.monotonic() < self._awaited_until:
                return found
            if not any(isinstance(event, RunFinished | RunFailed) for event in found):
                found.append(Warned("no process trains this run at the moment"))
            self._over = True
        return found

    def send(self, command: Command) -> None:
        """Send a command to the process that trains; a refusal comes back as an event."""
        try:
            send_command(self.directory.path, command)
        except CheckpointError as error:
            self._answers.append(Warned(str(error)))

    def detach(self) -> None:
        """Nothing to do: the run goes on anyway."""

    def join(self, timeout: float) -> bool:
        """Return at once: nothing of the run is in this process."""
        del timeout
        return True

    def end_process_when_over(self, code: int, grace: float = 10.0, *, at_once: bool = False) -> None:
        """End the process after ``grace`` seconds: nothing here waits for the run."""
        del at_once
        timer = threading.Timer(grace, os._exit, (code,))
        timer.daemon = True
        timer.start()

    def _merged(self, deadline: float) -> Iterator[Event]:
        """Yield metric rows and events in the order of their steps, as far as they go until a deadline."""
        while time.monotonic() < deadline:
            self._next_event = self._next_event or self._read_event()
            row = self._metrics.peek()
            if self._metrics.replaced:  # by a resumed run, which may have said so since
                self._metrics.replaced = False
                continue
            limit = _steps(self._next_event)
            if row is not None and (limit is None or row.get("env_steps", 0) <= limit):
                self._metrics.take()
                yield from self._fresh(row)
            elif self._next_event is not None:
                event, self._next_event = self._next_event, None
                if not self._hands_over(event):
                    yield self._told_here(event)
            else:
                return

    def _fresh(self, row: Mapping[str, Any]) -> Iterator[Event]:
        """Yield a row's event unless it was read before from a file that has been replaced since."""
        updates = float(row.get("updates") or 0)
        if updates > self._updates:
            self._updates = updates
            metrics = _numbers(row)
            # Files keep the mean over an update's episodes, not each of them.
            mean = metrics.get(RETURN, math.nan)
            returns = () if math.isnan(mean) else (mean,)
            yield UpdateCompleted(metrics, returns, inspection=self._inspection(updates))

    def _inspection(self, updates: float) -> Inspection | None:
        """Return the newest of what updates looked like inside that was not returned before, up to one."""
        newest = None
        while (row := self._inspections.peek()) is not None and _number(row.get("updates")) <= updates:
            newest = inspection_from_row(row) or newest
            self._inspections.take()
        return newest

    def _hands_over(self, event: Event) -> bool:
        """Whether an event ends a process's part in a run, but not the run: another one is to come."""
        if isinstance(event, RunFinished) and event.reason == "handed over":
            self._awaited_until = time.monotonic() + HAND_OVER_SECONDS
            return True
        if isinstance(event, RunStarted):
            self._awaited_until = -math.inf
        return False

    def _told_here(self, event: Event) -> Event:
        if isinstance(event, RunStarted):
            # What came after the checkpoint is trained again.
            self._updates = min(self._updates, event.updates)
            return replace(event, run_dir=str(self.directory.path))  # it may have been moved since
        return event

    def _read_event(self) -> Event | None:
        while (row := self._events.take()) is not None:
            event = event_from_row(row)
            if event is not None:
                return event
        return None


class Past:
    """What a run had done before it went on from a checkpoint: its curves and markers, as events.

    Raises:
        CheckpointError: there is no run at the path.
    """

    def __init__(self, path: Path, env_steps: int) -> None:
        """Read a run's files.

        Args:
            path: the run's directory.
            env_steps: the checkpoint's; what came after it is trained again.
        """
        self._follower = Follower(path)
        self._env_steps = env_steps
        self.over = False
        """Whether everything has been read."""

    def drain(self) -> list[Event]:
        """Return the next slice, oldest first."""
        events = [event for event in self._follower.drain() if self._belongs(event)]
        self.over = self._follower.caught_up
        return events

    def _belongs(self, event: Event) -> bool:
        steps = _steps(event)
        return isinstance(event, PAST_EVENTS) and steps is not None and steps <= self._env_steps


class Spectator(Follower):
    """Follows a run and never steers it, whatever the screens ask for."""

    def send(self, command: Command) -> None:
        """Refuse a command; the refusal comes back as an event."""
        self._answers.append(Warned(f"read-only: {type(command).__name__} was not sent"))


class GrowingRows:
    """Rows of a JSON-lines file that another process appends to, or replaces by a shorter one.

    Args:
        path: the file, which may come later.
        skim: of a file that is long when its reading begins, take only some of the older rows.
    """

    def __init__(self, path: Path, *, skim: bool = False) -> None:
        self._path, self._skim = path, skim
        self.replaced = False
        """Whether other rows have taken the place of those that were read; set by `peek`."""
        self.skimmed = 0
        """Bytes from one row that is taken to the next, in the part of the file that is skimmed."""
        self._newest = 0
        self._position = 0
        self._identity: int | None = None
        self._mark = self._rest = b""
        self._rows: list[dict[str, Any]] = []

    def peek(self) -> dict[str, Any] | None:
        """Return the next row without taking it, or None while there is none."""
        if not self._rows:
            self._read()
        return self._rows[-1] if self._rows else None

    def take(self) -> dict[str, Any] | None:
        """Return the next row, or None while there is none."""
        row = self.peek()
        if row is not None:
            self._rows.pop()
        return row

    def _read(self) -> None:
        """Read some rows; torn and foreign lines are passed over."""
        try:
            with self._path.open("rb") as file:
                if not self._continues(file):
                    self._begin(file)
                lines = self._sample(file) if self._position < self._newest else self._block(file)
        except FileNotFoundError:
            return
        self._rows = [row for line in reversed(lines) if (row := parse_row(line)) is not None]

    def _continues(self, file: BinaryIO) -> bool:
        """Whether a file is as it was read so far: rows may have been cut off and trained again at once."""
        status = os.fstat(file.fileno())
        if status.st_ino != self._identity or status.st_size < self._position:
            return False
        file.seek(self._position - len(self._mark))
        return file.read(len(self._mark)) == self._mark

    def _begin(self, file: BinaryIO) -> None:
        status = os.fstat(file.fileno())
        self.replaced = self._identity is not None
        self._identity, self._position, self._mark, self._rest = status.st_ino, 0, b"", b""
        long = self._skim and status.st_size > LONG_BYTES
        self._newest = status.st_size - NEWEST_BYTES if long else 0
        self.skimmed = self._newest // SAMPLES

    def _sample(self, file: BinaryIO) -> list[bytes]:
        """Return the next few of the lines that are taken where the file is skimmed."""
        lines: list[bytes] = []
        while self._position < self._newest and len(lines) < SAMPLES_AT_ONCE:
            self._seek_line(file, self._position)
            lines.append(file.readline(LINE_BYTES))
            self._position += self.skimmed
        if self._position >= self._newest:
            self._seek_line(file, self._newest)
            self._position = file.tell()
            file.seek(self._position - MARK_BYTES)
            self._mark = file.read(MARK_BYTES)
        return lines

    def _seek_line(self, file: BinaryIO, position: int) -> None:
        """Go to where a line begins, at or soon after a position."""
        file.seek(max(0, position - 1))
        if position:
            file.readline(LINE_BYTES)

    def _block(self, file: BinaryIO) -> list[bytes]:
        """Return the lines that are complete by now, of the next part of the file."""
        file.seek(self._position)
        block = file.read(BLOCK_BYTES)
        self._position += len(block)
        self._mark = (self._mark + block)[-MARK_BYTES:]
        *lines, self._rest = (self._rest + block).split(b"\n")
        return lines


def _steps(event: Event | None) -> float | None:
    """Return the step that an event belongs to; None for one that may come at any time."""
    if event is None:
        return None
    if isinstance(event, RunStarted):
        return -1.0 if not event.env_steps else float(event.env_steps)
    steps = getattr(event, "env_steps", None)
    return float(steps) if steps is not None else 0.0


def _number(value: object) -> float:
    """Return a number of a row, 0 for anything else."""
    return float(value) if isinstance(value, int | float) else 0.0


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """Return a row's figures; null stands for one that was not finite."""
    return {name: float("nan") if value is None else float(value) for name, value in row.items()}

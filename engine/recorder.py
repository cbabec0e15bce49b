"""Where events go: the channel to a front end, the files of the run directory, and the chosen sinks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from engine.channel import Channel
from engine.errors import CheckpointError
from engine.events import Event, PhaseChanged, RunFailed, RunFinished, RunStarted, UpdateCompleted, Warned
from engine.run_directory import RunDirectory
from engine.sinks import SINKS, Sink
from engine.sinks.inspections import InspectionSink
from engine.sinks.jsonl import JsonlSink, event_row


class Recorder:
    """Writes each update to metrics.jsonl, every other event to events.jsonl, and all to the channel.

    What updates looked like inside goes to inspections.jsonl, before their metrics, for who reads both.

    The files drop nothing: where a disk refuses, the rows wait, and it is said once when that begins and once
    when everything is written. The optional sinks get the metric rows from `RunStarted` on; one that raises
    is reported once and switched off.
    """

    def __init__(self, directory: RunDirectory, channel: Channel) -> None:
        """Open the files.

        Raises:
            CheckpointError: they cannot be written.
        """
        self._path = directory.path
        self._channel = channel
        try:
            self._metrics = JsonlSink(directory.metrics)
            self._events = JsonlSink(directory.events)
            self._inspections = InspectionSink(directory.inspections)
        except OSError as error:
            raise CheckpointError(f"cannot write {error.filename}: {error.strerror}") from error
        self._refused: set[JsonlSink] = set()
        self._sinks: dict[str, Sink] = {}

    def emit(self, event: Event) -> None:
        """Record an event."""
        if isinstance(event, (RunFinished, RunFailed)):
            self._close_sinks()  # before the last event, so that a failure to can still be reported
        if isinstance(event, UpdateCompleted):
            if (inspection := event.inspection) is not None:
                write = partial(self._inspections.write, event.metrics, inspection)
                self._write(self._inspections.rows, write)
            self._write(self._metrics, lambda: self._metrics.write(event.metrics))
        else:
            self._write(self._events, lambda: self._events.write(event_row(event)))
        self._channel.emit(event)
        if isinstance(event, RunStarted):
            self._open_sinks(event)
        elif isinstance(event, UpdateCompleted):
            for name, sink in tuple(self._sinks.items()):
                self._attempt(name, partial(sink.write, event.metrics))

    def sync(self) -> None:
        """Put the metrics on the disk, as far as it takes them: a checkpoint must not be ahead of them."""
        self._write(self._metrics, self._metrics.sync)

    def truncate_after(self, updates: int) -> str:
        """Drop metric rows newer than a checkpoint that is resumed from, so that none repeats.

        Returns:
            Which rows before it are missing, for the user; empty if none are.
        """
        self._inspections.truncate_after(updates)
        return self._metrics.truncate_after(updates)

    def close(self) -> None:
        """Close the files and whatever sinks are open."""
        self._close_sinks()
        for sink in (self._metrics, self._events, self._inspections.rows):
            sink.close()

    def _write(self, sink: JsonlSink, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            if sink not in self._refused:
                self._refused.add(sink)
                self.emit(Warned(f"{sink.path} cannot be written: {error.strerror}; its rows wait in memory"))
        else:
            if sink in self._refused:
                self._refused.discard(sink)
                self.emit(Warned(f"{sink.path} is written again; {sink.lost or 'no'} rows are lost"))

    def _open_sinks(self, started: RunStarted) -> None:
        for name in started.config.get("run", {}).get("sinks", ()):
            self.emit(PhaseChanged(f"opening {name}"))
            self._attempt(name, partial(self._open_sink, name, started))

    def _open_sink(self, name: str, started: RunStarted) -> None:
        self._sinks[name] = SINKS[name](self._path, started)

    def _close_sinks(self) -> None:
        sinks, self._sinks = self._sinks, {}
        for name, sink in sinks.items():
            self.emit(PhaseChanged(f"closing {name}"))
            self._attempt(name, sink.close)

    def _attempt(self, name: str, action: Callable[[], None]) -> None:
        """Let a sink do something; where it fails, report it and go on without the sink."""
        try:
            action()
        except Exception as error:
            if sink := self._sinks.pop(name, None):
                with contextlib.suppress(Exception):
                    sink.close()
            cause = str(error) or type(error).__name__
            self.emit(Warned(f"{name} is switched off, training goes on: {cause}"))

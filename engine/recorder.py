"""Where events go: the channel to a front end and the files of the run directory, which drop nothing."""

from __future__ import annotations

from collections.abc import Callable

from engine.channel import Channel
from engine.errors import CheckpointError
from engine.events import Event, UpdateCompleted, Warned
from engine.run_directory import RunDirectory
from engine.sinks.jsonl import JsonlSink, event_row


class Recorder:
    """Writes each update to metrics.jsonl, every other event to events.jsonl, and all to the channel.

    A disk that refuses stops nothing: the rows wait, and it is said once when that begins and once when
    everything is written.
    """

    def __init__(self, directory: RunDirectory, channel: Channel) -> None:
        """Open the files.

        Raises:
            CheckpointError: they cannot be written.
        """
        self._channel = channel
        try:
            self._metrics = JsonlSink(directory.metrics)
            self._events = JsonlSink(directory.events)
        except OSError as error:
            raise CheckpointError(f"cannot write in {directory.path}: {error.strerror}") from error
        self._refused: set[JsonlSink] = set()

    def emit(self, event: Event) -> None:
        """Record an event."""
        if isinstance(event, UpdateCompleted):
            self._attempt(self._metrics, lambda: self._metrics.write(event.metrics))
        else:
            self._attempt(self._events, lambda: self._events.write(event_row(event)))
        self._channel.emit(event)

    def sync(self) -> None:
        """Put the metrics on the disk, as far as it takes them: a checkpoint must not be ahead of them."""
        self._attempt(self._metrics, self._metrics.sync)

    def truncate_after(self, updates: int) -> str:
        """Drop metric rows newer than a checkpoint that is resumed from, so that none repeats.

        Returns:
            Which rows before it are missing, for the user; empty if none are.
        """
        return self._metrics.truncate_after(updates)

    def close(self) -> None:
        """Close the files."""
        self._metrics.close()
        self._events.close()

    def _attempt(self, sink: JsonlSink, action: Callable[[], None]) -> None:
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

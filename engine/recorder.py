"""Where events go: the channel to a front end and the files of the run directory, which drop nothing."""

from __future__ import annotations

from engine.channel import Channel
from engine.events import Event, UpdateCompleted
from engine.run_directory import RunDirectory
from engine.sinks.jsonl import JsonlSink, event_row


class Recorder:
    """Writes each update to metrics.jsonl, every other event to events.jsonl, and all to the channel."""

    def __init__(self, directory: RunDirectory, channel: Channel) -> None:
        self._channel = channel
        self._metrics = JsonlSink(directory.metrics)
        self._events = JsonlSink(directory.events)

    def emit(self, event: Event) -> None:
        """Record an event."""
        if isinstance(event, UpdateCompleted):
            self._metrics.write(event.metrics)
        else:
            self._events.write(event_row(event))
        self._channel.emit(event)

    def truncate_after(self, updates: int) -> None:
        """Drop metric rows newer than a checkpoint that is resumed from, so that none repeats."""
        self._metrics.truncate_after(updates)

    def close(self) -> None:
        """Close the files."""
        self._metrics.close()
        self._events.close()

"""The bounded link between the thread that trains and the thread that shows and steers."""

from __future__ import annotations

import queue
import threading
from collections import deque

from engine.commands import Command, Stop
from engine.events import Event, UpdateCompleted


class Channel:
    """Events one way, commands the other; neither side ever waits for the other's attention.

    At most ``capacity`` metric rows wait for a reader. Beyond that the oldest waiting row makes room
    (the file sinks have it). Lifecycle events are always kept: there are few of them.
    """

    def __init__(self, capacity: int = 4096) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._waiting_rows = 0
        self._coalesced = 0
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._stops: deque[Command] = deque()

    @property
    def coalesced(self) -> int:
        """Metric rows that made room for newer ones because nobody read them."""
        return self._coalesced

    def emit(self, event: Event) -> None:
        """Leave an event for the front end; called by the engine, returns at once."""
        with self._lock:
            if isinstance(event, UpdateCompleted):
                if self._waiting_rows == self._capacity:
                    self._drop_oldest_row()
                self._waiting_rows += 1
            self._events.append(event)

    def drain(self) -> list[Event]:
        """Take every waiting event, oldest first; called by the front end, returns at once."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
            self._waiting_rows = 0
        return events

    def send(self, command: Command) -> None:
        """Leave a command for the engine; returns at once."""
        if isinstance(command, Stop):
            # Without the lock: a signal's handler may have interrupted its holder.
            self._stops.append(command)
        self._commands.put(command)

    def receive(self, timeout: float | None = None) -> Command | None:
        """Take the oldest command, or None.

        Args:
            timeout: seconds to wait for one; None does not wait. Only a paused engine waits.
        """
        try:
            command = self._commands.get(block=timeout is not None, timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(command, Stop):
            self._stops.popleft()
        return command

    def stop_requested(self) -> bool:
        """Whether a `Stop` is among the waiting commands; all of them stay."""
        return bool(self._stops)

    def _drop_oldest_row(self) -> None:
        for index, event in enumerate(self._events):
            if isinstance(event, UpdateCompleted):
                del self._events[index]
                self._waiting_rows -= 1
                self._coalesced += 1
                return

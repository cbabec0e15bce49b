"""The engine's thread: the only module that knows there is one; and what the screens ask of a run."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from engine.commands import Command, Stop
from engine.events import Event, RunFailed
from vmpo_tui.control import SteerableChannel

if TYPE_CHECKING:
    from pathlib import Path

    from engine.channel import Channel
    from engine.summary import RunSummary

Train = Callable[["Channel"], "RunSummary"]
"""Trains a run to its end over a channel; imports the engine itself, so that the screen comes first."""
GoOn = Callable[["Path", bool], None]
"""Starts a process that goes on with the run in a directory; whether it is to stand still there."""


class Past(Protocol):
    """What a run did before it went on."""

    over: bool
    """Whether all of it has been told."""

    def drain(self) -> list[Event]:
        """Take the next slice."""


class Source(Protocol):
    """A run that the screens show and steer: this process's own, or another's."""

    attached: bool
    """Whether the run is another process's, which goes on when the screens are left."""
    on_hangup: str
    """What a closed terminal asks for: leave, detach or save."""

    @property
    def live(self) -> bool:
        """Whether what comes next happens now, and is no history."""

    @property
    def running(self) -> bool:
        """Whether there may be more to come."""

    def start(self) -> None:
        """Begin."""

    def drain(self) -> list[Event]:
        """Take every event since the last call."""

    def send(self, command: Command) -> None:
        """Send a command, to be carried out between two iterations."""

    def detach(self) -> None:
        """Have the run go on without the screens once they are left."""

    def join(self, timeout: float) -> bool:
        """Wait for the end of what runs in this process, at most ``timeout`` seconds."""

    def end_process_when_over(self, code: int, grace: float = 10.0, *, at_once: bool = False) -> None:
        """End this process a while after the run's part in it, or after now, whatever the screens do."""


class NoRun:
    """The source of screens that show no run: there is nothing to see or to steer yet."""

    attached = True
    on_hangup = "leave"
    live = True
    running = False

    def start(self) -> None:
        """Nothing to start."""

    def drain(self) -> list[Event]:
        """Return nothing."""
        return []

    def send(self, command: Command) -> None:
        """There is nobody to send to."""

    def detach(self) -> None:
        """Nothing to do."""

    def join(self, timeout: float) -> bool:
        """Return at once."""
        del timeout
        return True

    def end_process_when_over(self, code: int, grace: float = 10.0, *, at_once: bool = False) -> None:
        """Nothing here holds the process up."""


class Session:
    """Runs the engine in one plain daemon thread and links it to a front end.

    The thread is not Textual's: its worker would hold the exit for seconds when it ignores a cancellation,
    and an engine error would end the application.
    """

    attached = False

    def __init__(
        self,
        train: Train,
        go_on: GoOn | None = None,
        on_hangup: str = "detach",
        *,
        past: Past | None = None,
    ) -> None:
        """Prepare to train.

        Args:
            train: trains the run in the engine's thread.
            go_on: starts a process that goes on with the run in a directory, once it has been left.
            on_hangup: what a closed terminal asks for: detach or save.
            past: what the run did before, which the screens are told first.
        """
        self._train, self._go_on = train, go_on
        self._past = past
        self.on_hangup = on_hangup
        self._detached = False
        self._handing_over = threading.Lock()
        self._channel = SteerableChannel()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.summary: RunSummary | None = None
        self.error: BaseException | None = None

    @property
    def live(self) -> bool:
        """Whether what comes next happens now, and is no history."""
        return self._past is None or self._past.over

    def start(self) -> None:
        """Start training."""
        self._thread.start()

    def drain(self) -> list[Event]:
        """Take every event since the last call; those of the past come first, in slices."""
        if self._past is not None and not self._past.over:
            return self._past.drain()
        return self._channel.drain()

    def send(self, command: Command) -> None:
        """Send a command; the engine reads it between two iterations."""
        if isinstance(command, Stop):
            self._detached = False
        self._channel.send(command)

    def detach(self) -> None:
        """Save and stop: another process resumes exactly there, unless a stop is asked for meanwhile."""
        self.send(Stop(hand_over=True))
        self._detached = True

    def hand_over(self) -> bool:
        """Start the process that goes on with a run that was left; return whether there is one.

        Called by whoever leaves first, the screen or the last resort: the run is handed over once.
        """
        summary = self.summary
        with self._handing_over:
            saved = {"stopped", "handed over"}
            if self._detached and self._go_on and summary is not None and summary.reason in saved:
                self._go_on(summary.run_dir, summary.paused)
                self._go_on = None
        return self._detached and self._go_on is None

    def join(self, timeout: float) -> bool:
        """Wait for the engine to end, at most ``timeout`` seconds; return whether it has."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.running

    def end_process_when_over(self, code: int, grace: float = 10.0, *, at_once: bool = False) -> None:
        """End the process a while after the engine, should the screen not manage to leave by itself.

        Whoever draws on a terminal that nobody reads any more is blocked for good.

        Args:
            code: exit code of the process.
            grace: seconds that the screen has to leave once the engine has ended.
            at_once: do not wait for the engine.
        """
        arguments = code, grace, at_once
        threading.Thread(target=self._end_process, args=arguments, name="last resort", daemon=True).start()

    def _end_process(self, code: int, grace: float, at_once: bool) -> None:
        if self._thread.ident is not None and not at_once:
            self._thread.join()
        time.sleep(grace)  # a daemon thread: the process does not wait for it
        self.hand_over()
        os._exit(code)

    @property
    def running(self) -> bool:
        """Whether the engine's thread is alive."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.summary = self._train(self._channel)
        except BaseException as error:
            self.error = error
            self._channel.emit(_last_words(error))


def _last_words(error: BaseException) -> RunFailed:
    """Report an error; the view keeps the engine's own report where there was one."""
    trace = "".join(traceback.format_exception(error))
    message = str(error) or type(error).__name__
    return RunFailed(message, type(error).__name__, trace, env_steps=0, updates=0)

"""The engine's thread: the only module that knows there is one."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.channel import Channel
from engine.commands import Command
from engine.events import Event, RunFailed

if TYPE_CHECKING:
    from engine.run import RunSummary

Train = Callable[[Channel], "RunSummary"]
"""Trains a run to its end over a channel; imports the engine itself, so that the screen comes first."""


class Session:
    """Runs the engine in one plain daemon thread and links it to a front end.

    The thread is not Textual's: its worker would hold the exit for seconds when it ignores a cancellation,
    and an engine error would end the application.
    """

    def __init__(self, train: Train) -> None:
        self._train = train
        self._channel = Channel()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.summary: RunSummary | None = None
        self.error: BaseException | None = None

    def start(self) -> None:
        """Start training."""
        self._thread.start()

    def drain(self) -> list[Event]:
        """Take every event since the last call."""
        return self._channel.drain()

    def send(self, command: Command) -> None:
        """Send a command; the engine reads it between two iterations."""
        self._channel.send(command)

    def join(self, timeout: float) -> bool:
        """Wait for the engine to end, at most ``timeout`` seconds; return whether it has."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.running

    def end_process_when_over(self, code: int, grace: float = 10.0) -> None:
        """End the process a while after the engine, should the screen not manage to leave by itself.

        Whoever draws on a terminal that nobody reads any more is blocked for good.

        Args:
            code: exit code of the process.
            grace: seconds that the screen has to leave once the engine has ended.
        """
        threading.Thread(
            target=self._end_process, args=(code, grace), name="last resort", daemon=True
        ).start()

    def _end_process(self, code: int, grace: float) -> None:
        if self._thread.ident is not None:
            self._thread.join()
        time.sleep(grace)  # a daemon thread: the process does not wait for it
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

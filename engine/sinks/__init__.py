"""Where metric rows go besides the channel: `write` a row, `close` at the end.

metrics.jsonl (`JsonlSink`) is always written. The sinks of `SINKS` are chosen by ``run.sinks``; each belongs
to an extra of the same name, and imports its library when it is opened.

To add a sink: a file with a class like `Sink`, a line in `SINKS`, and its name in ``run.sinks`` of
`engine.config`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from engine.errors import BackendUnavailableError
from engine.events import RunStarted
from engine.sinks.jsonl import JsonlSink
from engine.sinks.tensorboard import TensorBoardSink
from engine.sinks.wandb import WandbSink


class Sink(Protocol):
    """What the recorder asks of a sink. Whatever it raises switches it off; training goes on."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Record a row of metrics."""

    def close(self) -> None:
        """Finish; safe to call twice."""


SINKS: dict[str, Callable[[Path, RunStarted], Sink]] = {"tensorboard": TensorBoardSink, "wandb": WandbSink}
"""Optional sinks: name -> (run directory, how the run started) -> sink."""

__all__ = ["SINKS", "JsonlSink", "Sink", "check_sinks"]


def check_sinks(names: Iterable[str]) -> None:
    """Say before a run starts which of its sinks cannot be opened for want of a package.

    Raises:
        BackendUnavailableError: a package is missing; the message has the command that installs it.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise BackendUnavailableError(
                f"run.sinks: {name} is not installed: pip install 'vmpo-tui[{name}]'"
            )

"""Where metric rows go besides the channel: `write` a row, `close` at the end.

To add a sink: a file with a class like `Sink`, and a line in `SINKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from engine.sinks.jsonl import JsonlSink


class Sink(Protocol):
    """What the recorder asks of a sink."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Record a row."""

    def close(self) -> None:
        """Finish; safe to call twice."""


SINKS: dict[str, Callable[[Path], Sink]] = {"jsonl": JsonlSink}

__all__ = ["SINKS", "JsonlSink", "Sink"]

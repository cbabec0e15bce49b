"""Metric rows as a TensorBoard event file: ``tensorboard --logdir runs`` shows them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.events import RunStarted

FLUSH_SECONDS = 10.0
"""TensorBoard reads the file as it grows; a row waits no longer than this."""


class TensorBoardSink:
    """Writes each row as one event at its environment step.

    TensorBoard's own record writer is used instead of its asynchronous one: no thread, nothing printed.
    """

    def __init__(self, run_dir: Path, started: RunStarted) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._Event, self._Summary = event_pb2.Event, summary_pb2.Summary
        directory = run_dir / "tensorboard"
        directory.mkdir(exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        self._writer = RecordWriter((directory / name).open("xb"))
        self._next_flush = 0.0
        self._add(file_version="brain.Event:2")
        if started.env_steps:  # tells TensorBoard to drop what was recorded after this point
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._add(step=started.env_steps + 1, session_log=start)

    def write(self, row: Mapping[str, Any]) -> None:
        """Record a row."""
        values = [
            self._Summary.Value(tag=name, simple_value=value)
            for name, value in row.items()
            if isinstance(value, (int, float)) and math.isfinite(value)
        ]
        self._add(step=int(row["env_steps"]), summary=self._Summary(value=values))

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._writer.close()

    def _add(self, **content: Any) -> None:
        self._writer.write(self._Event(wall_time=time.time(), **content).SerializeToString())
        if time.monotonic() >= self._next_flush:
            self._writer.flush()
            self._next_flush = time.monotonic() + FLUSH_SECONDS

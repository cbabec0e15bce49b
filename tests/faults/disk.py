"""A run whose disk stops taking anything for a while: ``python -m tests.faults.disk TROUBLE RUN_DIR``.

The trouble begins after update 3 and ends after update 6, of 10. What was seen meanwhile goes to stdout.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from engine import run
from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.errors import EngineError
from engine.events import Event, UpdateCompleted, Warned
from engine.files import TEMPORARY_PREFIX
from tests.unit.run_script import ITERATION, PENDULUM, ScriptedChannel

CONFIG = PENDULUM.updated({"run": {"total_steps": 10 * ITERATION}, "checkpoint": {"interval": 2 * ITERATION}})


class Troubled(ScriptedChannel):
    """Makes trouble and ends it; looks at the run in between."""

    def __init__(self, run_dir: Path, trouble: Trouble) -> None:
        super().__init__()
        self._run_dir, self._trouble = run_dir, trouble
        self.seen: dict[str, object] = {}

    def emit(self, event: Event) -> None:
        super().emit(event)
        if not isinstance(event, UpdateCompleted):
            return
        match event.metrics["updates"]:
            case 3:
                self._trouble.begin(self._run_dir)
            case 6:
                if self._run_dir.exists():
                    self._look()
                self._trouble.end(self._run_dir)

    def _look(self) -> None:
        newest = load_checkpoint(find_checkpoint(self._run_dir))
        leftovers = [path.name for path in self._run_dir.rglob(f"{TEMPORARY_PREFIX}*")]
        self.seen |= {"updates": newest.updates, "leftovers": leftovers}


class Trouble:
    """What is wrong with the disk, and how it gets right again."""

    def __init__(self, begin: Callable[[Path], object], end: Callable[[Path], object]) -> None:
        self.begin, self.end = begin, end


def limit(size: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


def fill(run_dir: Path) -> None:
    """Leave no room on the file system of the run's root."""
    with (run_dir.parent / "ballast").open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def permit(mode: int) -> Callable[[Path], None]:
    def change(run_dir: Path) -> None:
        for folder in (run_dir / "checkpoints", run_dir):
            os.chmod(folder, mode)

    return change


TROUBLES = {
    "limit": Trouble(lambda _: limit(100), lambda _: limit(resource.RLIM_INFINITY)),
    "full": Trouble(fill, lambda run_dir: (run_dir.parent / "ballast").unlink()),
    "full to the end": Trouble(fill, lambda _: None),
    "forbidden": Trouble(permit(0o555), permit(0o755)),
    "removed": Trouble(lambda run_dir: shutil.rmtree(run_dir), lambda _: None),
}


def main(name: str, run_dir: Path) -> None:
    """Train under a trouble and tell how it went."""
    run.RETRY_SECONDS = 0.0
    channel = Troubled(run_dir, TROUBLES[name])
    try:
        end = run.Trainer(CONFIG, channel=channel).run(run_dir).reason
    except EngineError as error:
        end = str(error)
    warnings = [event.message for event in channel.events if isinstance(event, Warned)]
    sys.stdout.write(json.dumps({"end": end, "warnings": warnings, "seen": channel.seen}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

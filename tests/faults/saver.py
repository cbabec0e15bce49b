"""A process that forks others which save, or train, until they are killed: forking spares the imports.

It reads lines ``save FOLDER STEP`` and ``train FOLDER UPDATES`` from stdin. The child that a line starts
writes ``pid N``, then ``saved N`` after each checkpoint that it was told is written; once the child has
ended, however it did, its parent writes ``ended``. Lines are written in one piece past Python's buffers.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from engine.checkpoint import save_checkpoint
from engine.commands import Stop
from engine.config import Config
from engine.events import CheckpointSaved, Event
from engine.run import Trainer
from tests.unit.run_script import ITERATION, PENDULUM, ScriptedChannel

TRAINED = PENDULUM.updated(
    {"run": {"total_steps": 100_000 * ITERATION}, "checkpoint": {"interval": ITERATION}}
)


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def save(folder: Path, step: int) -> None:
    """Save one checkpoint after the other, of ever larger steps."""
    while True:
        step += 1
        save_checkpoint(
            folder,
            env_steps=step,
            updates=step,
            tensors={"x": torch.full((20_000,), float(step))},
            state={"step": step},
            config=Config(),
            best=step % 3 == 0,
            keep=3,
        )
        say(f"saved {step}")


class Announcing(ScriptedChannel):
    """Says what the trainer acknowledges; ends the run after an update."""

    def __init__(self, updates: int) -> None:
        super().__init__()
        self._updates = updates

    def emit(self, event: Event) -> None:
        if isinstance(event, CheckpointSaved):
            say(f"saved {event.env_steps}")
            if event.updates == self._updates:
                self.send(Stop())


def train(folder: Path, updates: int) -> None:
    """Train a run, or go on with it where it has a checkpoint, saving after every update."""
    channel = Announcing(updates)
    begun = any((folder / "checkpoints").glob("0*"))
    trainer = Trainer.resume(folder, channel=channel) if begun else Trainer(TRAINED, channel=channel)
    trainer.run(folder)


JOBS = {"save": save, "train": train}


def main() -> None:
    """Fork a child for each line."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        job, folder, number = line.split()
        child = os.fork()
        if child == 0:
            say(f"pid {os.getpid()}")
            JOBS[job](Path(folder), int(number))
            os._exit(0)
        os.waitpid(child, 0)
        say("ended")


if __name__ == "__main__":
    main()

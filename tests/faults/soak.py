"""A long run under the application, its keys pressed by a script, and what the process takes meanwhile.

    .venv/bin/python -m tests.faults.soak --updates 100000 --out soak.json

Writes the samples as JSON and says the figures that are to stay flat.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.tails import tail_rows
from tests.terminal import Terminal
from tests.test_end_to_end import APPLICATION

ENVS, STEPS = 2, 2
SETTINGS = (
    f"vmpo.rollout_steps={STEPS}",
    "vmpo.epochs=1",
    "vmpo.minibatch_size=4",
    "evaluation.episodes=1",
    "network.policy_layer_sizes=[8]",
    "network.value_layer_sizes=[8]",
)
KEYS = ("2", "s", "+", "3", "f", "f", "4", "6", "?", "?", "1", "c", "  ", "e")
"""One after the other: every screen, the help, a checkpoint, a pause that ends at once, an evaluation.

No escape among them: on a machine that is slow to read, the next key makes an alt key of it.
"""
SAMPLES = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process took after some updates."""

    updates: int
    seconds: float
    memory: float
    """Resident, in MiB."""
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Soak:
    """A run that is over, sampled at even numbers of updates."""

    updates: int
    seconds: float
    keys: int
    """That were pressed."""
    code: int
    samples: list[Sample]

    def part(self, first: float, last: float, figure: Callable[[Sample], float]) -> list[float]:
        """Return a figure over a part of the updates, given as shares of them."""
        inside = [sample for sample in self.samples if first <= sample.updates / self.updates <= last]
        return [figure(sample) for sample in inside]

    @property
    def memory(self) -> tuple[float, float, float]:
        """Median MiB around the first twentieth, the middle and the end."""
        spans = (0.0, 0.1), (0.45, 0.55), (0.9, 1.0)
        start, middle, end = (statistics.median(self.part(*span, lambda one: one.memory)) for span in spans)
        return start, middle, end

    @property
    def growth(self) -> float:
        """MiB that the last quarter takes more than the second one, each by its median."""
        second, last = (
            statistics.median(self.part(first, first + 0.25, lambda one: one.memory))
            for first in (0.25, 0.75)
        )
        return last - second


def soak(updates: int, folder: Path, patience: float = 300.0) -> Soak:
    """Train under the application in a terminal that is read all the time, pressing keys.

    Args:
        updates: of the run.
        folder: where its directory is made.
        patience: seconds that a hundredth of it may take.
    """
    run_dir = folder / "soak"
    options = ["--steps", str(updates * ENVS * STEPS), "--num-envs", str(ENVS), "--threads", "1"]
    options += ["--eval-every", str(updates * ENVS * STEPS // 20), "--run-dir", str(run_dir)]
    words = [word for setting in SETTINGS for word in ("--set", setting)]
    words += ["--set", f"checkpoint.interval={updates * ENVS * STEPS // 50}"]
    samples: list[Sample] = []
    keys = itertools.cycle(KEYS)
    pressed = 0
    began = time.monotonic()
    with Terminal(APPLICATION, "CartPole-v1", *options, *words, cwd=folder, patience=patience) as terminal:

        def done() -> int:
            row = (tail_rows(run_dir / "metrics.jsonl") or [{}])[-1]
            return int(row.get("updates", 0))

        for number in range(1, SAMPLES):
            target = updates * number // SAMPLES
            terminal.wait_for(f"update {target}", lambda target=target: done() >= target)
            samples.append(sample(terminal.process.pid, done(), time.monotonic() - began))
            terminal.press(next(keys))
            pressed += 1
        terminal.press("\x1b")  # whatever lies over the screen: the end is said below it
        terminal.wait_for_text("✔ finished")
        terminal.press("q")
        code = terminal.wait_for_exit()
    return Soak(updates, time.monotonic() - began, pressed, code, samples)


def sample(pid: int, updates: int, seconds: float) -> Sample:
    """Look at a process."""
    process = Path("/proc") / str(pid)
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    memory = int(status["VmRSS"].split()[0]) / 1024
    descriptors = len(list((process / "fd").iterdir()))
    return Sample(updates, round(seconds, 1), round(memory, 1), descriptors, int(status["Threads"]))


def report(found: Soak) -> str:
    """Return the figures in a few lines."""
    lines = [f"{found.updates:,} updates, {found.updates / found.seconds:.0f} a second, {found.keys} keys"]
    lines.append("memory {:.0f}, {:.0f}, {:.0f} MiB at start, middle and end".format(*found.memory))
    for name in ("descriptors", "threads"):
        figures = [getattr(one, name) for one in found.samples]
        lines.append(f"{name} {min(figures)} to {max(figures)}, {figures[-1]} at the end")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--updates", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=Path("soak.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = soak(options.updates, Path(folder))
    options.out.write_text(json.dumps(dataclasses.asdict(found), indent=1))
    sys.stdout.write(report(found))


if __name__ == "__main__":
    main()

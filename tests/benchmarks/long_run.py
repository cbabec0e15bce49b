"""How soon a run of a million updates is on the screen.

    .venv/bin/python -m tests.benchmarks.long_run --rows 1000000

Writes the files of such a run, then times, in seconds: reading and folding it into the view; and the
programs in a pseudo-terminal of 120x40, from their start until its last update and all of its older rows are
shown, next to the same for a run of ten updates, which is what starting a program costs. Also prints how much
memory each took at most.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from engine.config import Config
from engine.events import RunStarted
from engine.run_directory import RunDirectory
from engine.sinks.jsonl import JsonlSink, event_row
from tests.terminal import Terminal
from tests.tui.scripted_engine import STARTED, STEPS_PER_UPDATE, update
from vmpo_tui import run_view
from vmpo_tui.following import Follower
from vmpo_tui.text import si

VMPO = "from vmpo_tui.cli import main; main()"
VMPO_TUI = "from vmpo_tui.cli import main_tui; main_tui()"
PROGRAMS = {
    "vmpo attach": (VMPO, "attach"),
    "vmpo attach --read-only": (VMPO, "attach", "--read-only"),
    "vmpo-tui --attach": (VMPO_TUI, "--attach"),
}
OTHER_METRICS = 27
"""Beyond those of the scripted engine, as many as a run of the real one writes."""


def write_run(path: Path, rows: int) -> RunDirectory:
    """Write the files of a run that is not trained at the moment."""
    directory = RunDirectory.create(path, Config())
    started = RunStarted(**{name: getattr(STARTED, name) for name in STARTED.__slots__})
    JsonlSink(directory.events).write(event_row(started))
    others = {f"other/metric_{number}": 0.123456789012345 * number for number in range(OTHER_METRICS)}
    row = json.dumps({**update(7).metrics, **others})
    for name in ("env_steps", "updates"):
        row = row.replace(f'"{name}": {update(7).metrics[name]}', f'"{name}": %d')
    with directory.metrics.open("w", encoding="ascii") as file:
        file.writelines(f"{row % (STEPS_PER_UPDATE * number, number)}\n" for number in range(1, rows + 1))
    return directory


def read(directory: RunDirectory) -> tuple[float, int]:
    """Return the seconds until the view has all of a run, and the points of a curve."""
    began = time.perf_counter()
    follower, view = Follower(directory.path), run_view.RunView()
    while follower.running:
        for event in follower.drain():
            view = run_view.apply(view, event)
    return time.perf_counter() - began, len(view.history.metrics["seconds"])


def show(program: str, *arguments: str, path: Path, updates: int) -> tuple[float, float]:
    """Return the seconds until a program shows the last of a run's updates, and its memory in MiB."""
    began = time.perf_counter()
    with Terminal(program, *arguments, str(path), cwd=path.parent) as terminal:
        terminal.wait_for_text("no process trains this run at the moment")
        terminal.wait_for_text(f"{si(STEPS_PER_UPDATE * updates)} / ")
        seconds = time.perf_counter() - began
        status = Path(f"/proc/{terminal.process.pid}/status").read_text(encoding="ascii")
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return seconds, int(peak) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        for rows in (10, options.rows):
            directory = write_run(Path(root) / f"rows-{rows}", rows)
            size = directory.metrics.stat().st_size / 2**20
            seconds, points = read(directory)
            print(
                f"{rows:,} rows, {size:,.0f} MiB: read in {seconds:.2f} s, {points:,} points a curve",
                flush=True,
            )
            for name, (program, *arguments) in PROGRAMS.items():
                seconds, peak = show(program, *arguments, path=directory.path, updates=rows)
                print(f"  {name:<24} {seconds:5.2f} s {peak:6.0f} MiB", flush=True)


if __name__ == "__main__":
    main()

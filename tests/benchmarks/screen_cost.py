"""What the screen costs: training speed under the application over headless training speed.

    .venv/bin/python -m tests.benchmarks.screen_cost --env HalfCheetah-v5 --steps 150000 --rounds 3

Both run the same preset and seed in processes of their own and take turns (A B A B ...); the application
draws 200x50 in a pseudo-terminal that is read all the time. Speed is env_steps / seconds of the last row of
metrics.jsonl. Prints every figure, the medians and their ratio.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path


def headless(env_id: str, steps: int, run_dir: Path) -> None:
    """Train with `vmpo train`."""
    command = [sys.executable, "-m", "vmpo_tui", "train", env_id, "--steps", str(steps)]
    subprocess.run([*command, "--run-dir", str(run_dir)], check=True, capture_output=True)


def on_screen(env_id: str, steps: int, run_dir: Path) -> None:
    """Train with `vmpo-tui` in a pseudo-terminal of 200x50, leaving with q when the run is over."""
    code = f"import sys; sys.argv[1:] = {[env_id, '--steps', str(steps), '--run-dir', str(run_dir)]!r}\n"
    code += "from vmpo_tui.cli import main_tui; main_tui()"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", code], os.environ | {"TERM": "xterm-256color"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    events = run_dir / "events.jsonl"
    while True:
        try:
            if not os.read(terminal, 1 << 16):
                break
        except OSError:  # the other end is closed
            break
        if events.exists() and '"RunFinished"' in events.read_text(encoding="utf-8"):
            os.write(terminal, b"q")
    os.waitpid(pid, 0)
    os.close(terminal)


def speed(run_dir: Path) -> float:
    """Environment steps per second of a finished run."""
    last = json.loads((run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    return float(last["env_steps"] / last["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--env", default="HalfCheetah-v5")
    parser.add_argument("--steps", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    speeds: dict[str, list[float]] = {"headless": [], "screen": []}
    with tempfile.TemporaryDirectory() as root:
        for number in range(options.rounds):
            for name, train in (("headless", headless), ("screen", on_screen)):
                run_dir = Path(root) / f"{name}-{number}"
                train(options.env, options.steps, run_dir)
                speeds[name].append(speed(run_dir))
                print(f"{name:<9} {speeds[name][-1]:>9,.0f} steps/s", flush=True)
    medians = {name: statistics.median(figures) for name, figures in speeds.items()}
    print(f"ratio of medians, screen / headless: {medians['screen'] / medians['headless']:.3f}")


if __name__ == "__main__":
    main()

"""What the screen costs: training speed under the application over headless training speed.

    .venv/bin/python -m tests.benchmarks.screen_cost --env HalfCheetah-v5

Two processes train the same preset and seed, one with `vmpo train`, one with `vmpo-tui`, which draws 200x50
in a pseudo-terminal that is read all the time. They take turns of some seconds (A B A B ...): who has no turn
is stopped, so that both see the same machine however its speed drifts. Prints the steps per second of every
turn and the ratio of the totals; the start of both is not counted.

Turns are long because an application that goes on after a stop takes the terminal back and draws all of it
anew, which a run that nobody stops never does: with turns of 8 seconds that alone costs a hundredth.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from engine.sinks.jsonl import read_rows

WARM_UP_UPDATES = 60
"""Before the first turn: past the start, the first evaluation and its robot."""


class Contender:
    """A training process that runs only while it has its turn."""

    def __init__(self, pid: int, run_dir: Path) -> None:
        self._pid, self._run_dir = pid, run_dir
        self.steps, self.seconds = 0, 0.0

    def steps_so_far(self) -> int:
        """Return the environment steps of the last update."""
        rows = list(read_rows(self._run_dir / "metrics.jsonl"))
        return int(rows[-1]["env_steps"]) if rows else 0

    def warm_up(self, updates: int) -> None:
        """Let it train that many updates, then stop it."""
        os.kill(self._pid, signal.SIGCONT)
        metrics = self._run_dir / "metrics.jsonl"
        while not metrics.exists() or sum(1 for _ in read_rows(metrics)) < updates:
            time.sleep(0.2)
        os.kill(self._pid, signal.SIGSTOP)

    def turn(self, seconds: float) -> float:
        """Let it train for some seconds; return its speed."""
        before, began = self.steps_so_far(), time.monotonic()
        os.kill(self._pid, signal.SIGCONT)
        time.sleep(seconds)
        os.kill(self._pid, signal.SIGSTOP)
        took = time.monotonic() - began
        gained = self.steps_so_far() - before
        self.steps, self.seconds = self.steps + gained, self.seconds + took
        return gained / took

    def kill(self) -> None:
        """End it."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def headless(env_id: str, run_dir: Path) -> int:
    """Start `vmpo train`; return its process."""
    command = [
        sys.executable,
        "-m",
        "vmpo_tui",
        "train",
        env_id,
        "--steps",
        "1000M",
        "--run-dir",
        str(run_dir),
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid


def on_screen(env_id: str, run_dir: Path) -> int:
    """Start `vmpo-tui` as on a new machine in a terminal of 200x50 that is read; return its process."""
    desk = run_dir.with_name("desk")  # or it would show the screen that was left last
    env = os.environ | {"TERM": "xterm-256color", "XDG_STATE_HOME": str(desk), "XDG_CONFIG_HOME": str(desk)}
    code = f"import sys; sys.argv[1:] = {[env_id, '--steps', '1000M', '--run-dir', str(run_dir)]!r}\n"
    code += "from vmpo_tui.cli import main_tui; main_tui()"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", code], env)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while os.read(terminal, 1 << 16):
                pass

    threading.Thread(target=read, daemon=True).start()
    return pid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--env", default="HalfCheetah-v5")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
        contenders: dict[str, Contender] = {}
        try:
            for name, start in (("headless", headless), ("screen", on_screen)):
                run_dir = Path(root) / name
                contenders[name] = Contender(start(options.env, run_dir), run_dir)
                contenders[name].warm_up(WARM_UP_UPDATES)
            print(*(f"{name:>10}" for name in contenders), "  steps/s")
            for _ in range(options.rounds):
                speeds = [contender.turn(options.seconds) for contender in contenders.values()]
                print(*(f"{speed:>10,.0f}" for speed in speeds), flush=True)
        finally:
            for contender in contenders.values():
                contender.kill()
        totals = {name: one.steps / one.seconds for name, one in contenders.items()}
        print(*(f"{speed:>10,.0f}" for speed in totals.values()), "  in all")
        print(f"ratio, screen / headless: {totals['screen'] / totals['headless']:.3f}")


if __name__ == "__main__":
    main()

"""`vmpo attach`, and the hand-over of a run to a process without a screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ConfigError
from vmpo_tui.cli import options
from vmpo_tui.cli.entry import abandon_output


def attach(
    run: options.RunArgument,
    read_only: Annotated[bool, typer.Option("--read-only", help="Watch without steering.")] = False,
) -> None:
    """Watch a run that another process trains, and steer it, on the screens of vmpo-tui.

    Leaving changes nothing for the run; any number of viewers may watch.
    """
    raise typer.Exit(watch(run, read_only=read_only))


def watch(run: str, *, read_only: bool = False) -> int:
    """Open the application on a run by its name or path and return the exit code.

    Args:
        run: name or path.
        read_only: send the run no command whatever is asked for.

    Raises:
        CheckpointError: there is no such run.
        ConfigError: this is no terminal.
    """
    from vmpo_tui.cli.training import find_run
    from vmpo_tui.following import Follower, Spectator

    follower = (Spectator if read_only else Follower)(find_run(run))
    if not (on_a_terminal() or in_a_browser()):
        raise ConfigError(
            "attaching needs a terminal; without one, see `vmpo runs` and the run's metrics.jsonl"
        )

    from vmpo_tui.app import VmpoApp
    from vmpo_tui.launch import run_app
    from vmpo_tui.spectator import SpectatorApp

    return run_app(follower, SpectatorApp if read_only else VmpoApp)


def go_on_without_a_screen(run_dir: Path) -> None:
    """Resume a run in a process of a session of its own, which no terminal's end concerns.

    It is a fresh process that resumes exactly: forking one that holds torch's threads is not safe.
    """
    from engine.run_directory import RunDirectory
    from vmpo_tui.cli.headless import display_path

    command = [sys.executable, "-m", "vmpo_tui", "resume", str(run_dir), "--no-progress"]
    with RunDirectory(run_dir).log.open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    process.returncode = 0  # it outlives this one on purpose: nobody waits for it
    where = display_path(run_dir)
    try:
        typer.echo(f"detached: process {process.pid} goes on with {where}\n  watch  vmpo attach {where}")
    except OSError:  # the terminal was closed
        abandon_output()


def on_a_terminal() -> bool:
    """Return whether there is a terminal to draw on and to read keys from."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def in_a_browser() -> bool:
    """Return whether `vmpo serve` started this process: what it draws goes through a pipe to a page."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")

"""`vmpo attach`, and the hand-over of a run to a process without a screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from vmpo_tui.cli import options
from vmpo_tui.cli.entry import abandon_output
from vmpo_tui.cli.output import write_lines


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
    from engine.run_directory import RunDirectory
    from vmpo_tui.cli.opening import open_screens, require_terminal
    from vmpo_tui.cli.training import find_run
    from vmpo_tui.wishes import Watch

    wish = Watch(find_run(run), read_only)
    RunDirectory.open(wish.run)
    require_terminal("attaching needs a terminal; without one, see `vmpo runs` and the run's metrics.jsonl")
    return open_screens(wish)


def go_on_without_a_screen(run_dir: Path, paused: bool = False) -> None:
    """Resume a run in a process of a session of its own, which no terminal's end concerns.

    It is a fresh process that resumes exactly: forking one that holds torch's threads is not safe. A run that
    was paused stays so, until somebody attaches and lets it go on.
    """
    from engine.envs.imports import import_options
    from engine.files import open_own
    from engine.run_directory import RunDirectory
    from vmpo_tui.cli.headless import display_path

    command = [sys.executable, "-m", "vmpo_tui", "resume", str(run_dir), *import_options(), "--no-progress"]
    command += ["--paused"] if paused else []
    descriptor = open_own(RunDirectory(run_dir).log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with os.fdopen(descriptor, "ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    process.returncode = 0  # it outlives this one on purpose: nobody waits for it
    where = display_path(run_dir)
    try:
        what = "holds, paused," if paused else "goes on with"
        write_lines(f"detached: process {process.pid} {what} {where}", f"  watch  vmpo attach {where}")
    except OSError:  # the terminal was closed
        abandon_output()

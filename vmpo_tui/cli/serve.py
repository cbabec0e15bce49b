"""`vmpo serve`: the viewer of a run in a browser."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ConfigError
from vmpo_tui.cli import options
from vmpo_tui.cli.output import write_lines

Port = Annotated[
    int,
    typer.Option(
        "--port", min=0, max=65535, metavar="N", show_default="a free one", help="Port to listen on."
    ),
]
Control = Annotated[bool, typer.Option("--control", help="Let visitors steer the run, and stop it, too.")]


def serve(run: options.RunArgument, port: Port = 0, control: Control = False) -> None:
    """Offer the viewer of a run in a browser on this machine; ctrl+c ends it.

    Every visitor gets what `vmpo attach` shows, and may only look unless --control is given. The page is
    found on the loopback interface alone, at an address that nobody guesses: keep it to yourself. From
    another machine, forward the port: `ssh -L 8000:127.0.0.1:8000 HOST` with --port 8000.
    """
    options.check_extra("serve", ("textual_serve",), "`vmpo attach` shows the same in a terminal")

    from engine.run_directory import RunDirectory
    from vmpo_tui.cli.training import find_run
    from vmpo_tui.web.server import ViewerServer

    path = RunDirectory.open(find_run(run)).path
    try:
        server = ViewerServer(viewer_command(path, control=control), path.name, port)
    except OSError as error:
        raise ConfigError(f"--port {port}: {os.strerror(error.errno or 0)}") from error
    write_lines(server.url)
    may = "visitors may steer the run" if control else "visitors may only look; --control lets them steer"
    write_lines(f"{may}; ctrl+c ends it", err=True)
    server.run()


def viewer_command(path: Path, *, control: bool) -> str:
    """Return the shell command of a viewer of a run."""
    command = [sys.executable, "-m", "vmpo_tui", "attach", str(path)]
    return "exec " + shlex.join(command if control else [*command, "--read-only"])  # no shell beside it

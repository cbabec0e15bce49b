"""The command line: `vmpo` and `vmpo-tui`.

Only what every command needs is imported here; torch, gymnasium and mujoco are imported inside the
commands that use them, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys

from vmpo_tui.cli.entry import execute

__all__ = ["main", "main_tui"]


def main() -> None:
    """Run `vmpo` with this process's arguments and exit with its code."""
    from vmpo_tui.cli.commands import app

    sys.exit(execute(app, "vmpo"))


def main_tui() -> None:
    """Run `vmpo-tui` with this process's arguments and exit with its code."""
    from vmpo_tui.cli.terminal import app

    sys.exit(execute(app, "vmpo-tui"))

"""What both programs share: running a Typer application, exit codes and one-line errors.

Exit codes: 0 done, 1 failed run, 2 bad usage, 128 + signal when a signal stopped the run after saving.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import typer

from engine.errors import BackendUnavailableError, CheckpointError, ConfigError, EngineError
from vmpo_tui import __version__
from vmpo_tui.cli.output import write_lines

FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130

TRACEBACK_VARIABLE = "VMPO_TRACEBACK"
"""Set it to see where an unexpected error came from."""

# BadParameter -> UsageError -> ClickException. Typer carries its own copy of click in newer versions
# and exports none of the bases, so that this is the one name for it that holds in all of them.
_ClickException: type[Exception] = typer.BadParameter.__mro__[2]


def execute(app: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a Typer application and return the process's exit code.

    Args:
        app: the application.
        name: the program's name, in help texts and for shell completion.
        arguments: what follows the program's name; None takes it from this process.
    """
    try:
        result = app(args=arguments, prog_name=name, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):  # Typer's versions differ in what they make of ctrl+c
        return INTERRUPTED
    except Exception as error:
        return _report(error, name)
    return result if isinstance(result, int) else 0


def _report(error: Exception, name: str) -> int:
    """Write one line about an error and return its exit code."""
    if isinstance(error, (ConfigError, BackendUnavailableError, CheckpointError)):
        return _complain(error, BAD_USAGE)
    if isinstance(error, EngineError):
        return _complain(error, FAILED)
    if isinstance(error, _ClickException):
        message = error.format_message()  # type: ignore[attr-defined]
        context = getattr(error, "ctx", None)
        command = context.command_path if context else name
        return _complain(f"{message.rstrip('.')}; see `{command} --help`", BAD_USAGE)
    if os.environ.get(TRACEBACK_VARIABLE):
        raise error
    kind = "" if isinstance(error, OSError) else f"unexpected {type(error).__name__}: "
    return _complain(f"{kind}{error} ({TRACEBACK_VARIABLE}=1 shows where)", FAILED)


def _complain(message: object, code: int) -> int:
    write_lines(f"error: {message}", err=True)
    return code


def abandon_output() -> None:
    """Send stdout and stderr nowhere: their reader has left.

    Without this, the interpreter would fail on flushing them and exit with a code of its own.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def show_version(wanted: bool) -> None:
    """Print the version and end; the callback of ``--version``."""
    if wanted:
        write_lines(__version__)
        raise typer.Exit()

"""The application `vmpo`: one command a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import typer

from vmpo_tui.cli import attach, doctor, export, failures, listings, options, plot, serve, training

app = typer.Typer(
    name="vmpo",
    help="Train, evaluate and manage V-MPO agents. `vmpo-tui` does the same on a screen.",
    context_settings=options.CONTEXT,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(context: typer.Context, version: options.Version = False) -> None:
    """Show the help where no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


COMMANDS: dict[str, Callable[..., None]] = {
    "train": training.train,
    "resume": training.resume,
    "attach": attach.attach,
    "serve": serve.serve,
    "eval": training.evaluate,
    "plot": plot.plot,
    "export": export.export,
    "runs": listings.runs,
    "envs": listings.envs,
    "presets": listings.presets,
    "replay-failure": failures.replay_failure,
    "doctor": doctor.doctor,
}
"""In the order of the help."""


def _paragraphs(command: Callable[..., None]) -> str:
    """Return a command's docstring with a line a paragraph, for the help to wrap as the terminal is wide."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


for _name, _command in COMMANDS.items():
    app.command(_name, help=_paragraphs(_command))(_command)

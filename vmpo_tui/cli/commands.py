"""The application `vmpo`: one command a task."""

from __future__ import annotations

import typer

from vmpo_tui.cli import attach, doctor, listings, options, training

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


app.command("train")(training.train)
app.command("resume")(training.resume)
app.command("attach")(attach.attach)
app.command("eval")(training.evaluate)
app.command("runs")(listings.runs)
app.command("envs")(listings.envs)
app.command("presets")(listings.presets)
app.command("doctor")(doctor.doctor)

"""The program `vmpo-tui`: opens the application on a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from engine.errors import ConfigError
from vmpo_tui.cli import options
from vmpo_tui.cli.attach import on_a_terminal, watch

if TYPE_CHECKING:
    from pathlib import Path

    from engine.channel import Channel
    from engine.config import Config
    from engine.trainer import RunSummary

app = typer.Typer(name="vmpo-tui", context_settings=options.CONTEXT, pretty_exceptions_enable=False)


@app.command()
def open_application(
    env_id: options.OptionalEnvArgument = None,
    steps: options.Steps = None,
    seed: options.Seed = None,
    run_dir: options.RunDir = None,
    backend: options.Backend = None,
    num_envs: options.NumEnvs = None,
    preset: options.PresetName = None,
    config: options.ConfigFile = None,
    assignments: options.Assignments = None,
    threads: options.Threads = None,
    device: options.Device = None,
    eval_every: options.EvalEvery = None,
    sinks: options.Sinks = None,
    attach: options.Attach = None,
    version: options.Version = False,
) -> None:
    """Train an agent on a screen: watch it learn, steer the run with single keys.

    Settings, later ones winning: defaults, preset, --config, options, --set.
    """
    if attach is not None:
        if env_id is not None:
            raise ConfigError("--attach shows a run that is there: name no environment with it")
        raise typer.Exit(watch(attach))
    if env_id is None:
        raise ConfigError("which environment? try `vmpo-tui HalfCheetah-v5`; `vmpo envs` lists them")
    overrides = options.Overrides(steps, seed, backend, num_envs, threads, device, eval_every, sinks)
    settings = options.build_config(
        env_id, overrides, preset=preset, file=config, assignments=assignments or ()
    )
    if not on_a_terminal():
        raise ConfigError(f"vmpo-tui needs a terminal; without one, use `vmpo train {env_id}`")

    options.check_settings(settings)

    from engine.run_directory import new_run_name, runs_root

    directory = run_dir or runs_root() / new_run_name(env_id, settings.run.seed)
    raise typer.Exit(_train_on_screen(settings, directory))


def _train_on_screen(settings: Config, directory: Path) -> int:
    """Open the application on a new run; once it has closed, say how the run ended."""
    from vmpo_tui.cli.attach import go_on_without_a_screen
    from vmpo_tui.cli.headless import write_summary
    from vmpo_tui.launch import run_app
    from vmpo_tui.session import Session

    def train(channel: Channel) -> RunSummary:
        from engine.trainer import Trainer  # in the engine's thread: the screen comes before torch

        return Trainer(settings, channel=channel).run(directory)

    session = Session(train)
    code = run_app(session)
    if session.error is not None:
        raise session.error
    if session.detached and session.summary is not None and session.summary.reason == "stopped":
        go_on_without_a_screen(session.summary.run_dir)
    elif session.summary is not None:
        write_summary(session.summary, settings.env.id)
    return code

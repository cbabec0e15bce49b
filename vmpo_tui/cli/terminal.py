"""The program `vmpo-tui`: opens the application on a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from engine.errors import ConfigError
from vmpo_tui.cli import options
from vmpo_tui.cli.attach import on_a_terminal, watch
from vmpo_tui.cli.training import find_start

if TYPE_CHECKING:
    from pathlib import Path

    from engine.channel import Channel
    from engine.config import Config
    from engine.trainer import RunSummary
    from vmpo_tui.session import Train

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
    on_env_fault: options.OnEnvFault = None,
    sinks: options.Sinks = None,
    on_hangup: options.OnHangup = "detach",
    attach: options.Attach = None,
    resume: options.ResumeRun = None,
    version: options.Version = False,
) -> None:
    """Train an agent on a screen: watch it learn, steer the run with single keys.

    Settings, later ones winning: defaults, preset, --config, options, --set.
    """
    if env_id is not None and (attach or resume):
        raise ConfigError("--attach and --resume show a run that is there: name no environment with them")
    if attach is not None:
        raise typer.Exit(watch(attach))
    if resume is not None:
        raise typer.Exit(_resume_on_screen(resume, steps, on_hangup))
    if env_id is None:
        raise ConfigError("which environment? try `vmpo-tui HalfCheetah-v5`; `vmpo envs` lists them")
    overrides = options.Overrides(
        steps, seed, backend, num_envs, threads, device, eval_every, on_env_fault, sinks
    )
    settings = options.build_config(
        env_id, overrides, preset=preset, file=config, assignments=assignments or ()
    )
    raise typer.Exit(_train_on_screen(settings, run_dir, on_hangup))


def _train_on_screen(settings: Config, run_dir: Path | None, on_hangup: str) -> int:
    """Open the application on a new run."""
    if not on_a_terminal():
        raise ConfigError(f"vmpo-tui needs a terminal; without one, use `vmpo train {settings.env.id}`")

    options.check_settings(settings)

    from engine.run_directory import new_run_name, runs_root

    directory = run_dir or runs_root() / new_run_name(settings.env.id, settings.run.seed)

    def train(channel: Channel) -> RunSummary:
        from engine.trainer import Trainer  # in the engine's thread: the screen comes before torch

        return Trainer(settings, channel=channel).run(directory)

    return _show(train, settings.env.id, on_hangup)


def _resume_on_screen(run: str, steps: int | None, on_hangup: str) -> int:
    """Open the application on a run that goes on; whether it can is checked before the screen opens."""
    start, settings = find_start(run, steps)
    if not on_a_terminal():
        raise ConfigError(f"vmpo-tui needs a terminal; without one, use `vmpo resume {run}`")

    from engine.checkpoint import run_of
    from engine.trainer import Trainer

    def train(channel: Channel) -> RunSummary:
        return Trainer.resume(start, total_steps=steps, channel=channel).run(run_of(start))

    return _show(train, settings.env.id, on_hangup)


def _show(train: Train, env_id: str, on_hangup: str) -> int:
    """Open the application on a run; once it has closed, say how the run ended."""
    from vmpo_tui.cli.attach import go_on_without_a_screen
    from vmpo_tui.cli.headless import write_summary
    from vmpo_tui.launch import run_app
    from vmpo_tui.session import Session

    session = Session(train, go_on_without_a_screen, on_hangup)
    code = run_app(session)
    if session.error is not None:
        raise session.error
    if not session.hand_over() and session.summary is not None:
        write_summary(session.summary, env_id)
    return code

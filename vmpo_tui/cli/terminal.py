"""The program `vmpo-tui`: opens the application on a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from engine.errors import ConfigError
from vmpo_tui.cli import options
from vmpo_tui.cli.attach import watch
from vmpo_tui.cli.training import find_start

if TYPE_CHECKING:
    from pathlib import Path

    from engine.config import Config

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
    imports: options.Imports = None,
    on_hangup: options.OnHangup = "detach",
    attach: options.Attach = None,
    resume: options.ResumeRun = None,
    version: options.Version = False,
) -> None:
    """Train an agent on a screen: watch it learn, steer the run with single keys; without ENV, choose a run.

    Settings, later ones winning: defaults, preset, --config, options, --set.
    """
    if env_id is not None and (attach or resume):
        raise ConfigError("--attach and --resume show a run that is there: name no environment with them")
    options.import_modules(imports)
    if attach is not None:
        raise typer.Exit(watch(attach))
    if resume is not None:
        raise typer.Exit(_resume_on_screen(resume, steps, on_hangup))
    if env_id is None:
        raise typer.Exit(_choose(on_hangup))
    overrides = options.Overrides(
        steps, seed, backend, num_envs, threads, device, eval_every, on_env_fault, sinks
    )
    settings = options.build_config(
        env_id, overrides, preset=preset, file=config, assignments=assignments or ()
    )
    raise typer.Exit(_train_on_screen(settings, run_dir, on_hangup))


def _choose(on_hangup: str) -> int:
    """Open the application on the list of runs."""
    from vmpo_tui.cli.opening import open_screens, require_terminal
    from vmpo_tui.wishes import Choose

    require_terminal("vmpo-tui needs a terminal; without one, see `vmpo train`, `vmpo runs` and `vmpo envs`")
    return open_screens(Choose(), on_hangup)


def _train_on_screen(settings: Config, run_dir: Path | None, on_hangup: str) -> int:
    """Open the application on a new run."""
    from engine.run_directory import new_run_name, runs_root
    from vmpo_tui.cli.opening import open_screens, require_terminal
    from vmpo_tui.wishes import TrainNew

    require_terminal(f"vmpo-tui needs a terminal; without one, use `vmpo train {settings.env.id}`")
    options.check_settings(settings)
    directory = run_dir or runs_root() / new_run_name(settings.env.id, settings.run.seed)
    return open_screens(TrainNew(settings, directory), on_hangup)


def _resume_on_screen(run: str, steps: int | None, on_hangup: str) -> int:
    """Open the application on a run that goes on; whether it can is checked before the screen opens."""
    from vmpo_tui.cli.opening import open_screens, require_terminal
    from vmpo_tui.wishes import GoOn

    start, settings = find_start(run, steps)
    require_terminal(f"vmpo-tui needs a terminal; without one, use `vmpo resume {run}`")
    return open_screens(GoOn(start, settings.env.id, steps), on_hangup)

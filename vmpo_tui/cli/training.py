"""`vmpo train`, `vmpo resume` and `vmpo eval`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import CheckpointError, ConfigError, nearest
from vmpo_tui.cli import options
from vmpo_tui.cli.output import write_warning
from vmpo_tui.cli.video import check_video, write_video

if TYPE_CHECKING:
    from engine.config import Config
    from engine.evaluation import EvaluationResult


def train(
    env_id: options.EnvArgument,
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
    progress: options.Progress = True,
    as_json: options.AsJson = False,
) -> None:
    """Train an agent without the application; ctrl+c saves and stops.

    Settings, later ones winning: defaults, preset, --config, options, --set.
    """
    options.import_modules(imports)
    overrides = options.Overrides(
        steps, seed, backend, num_envs, threads, device, eval_every, on_env_fault, sinks
    )
    settings = options.build_config(
        env_id, overrides, preset=preset, file=config, assignments=assignments or ()
    )
    options.check_settings(settings)

    from engine.run_directory import new_run_name, runs_root
    from engine.trainer import Trainer
    from vmpo_tui.cli.headless import run_headless

    directory = run_dir or runs_root() / new_run_name(env_id, settings.run.seed)
    code = run_headless(
        lambda channel: Trainer(settings, channel=channel), directory, progress=progress, as_json=as_json
    )
    raise typer.Exit(code)


def resume(
    run: options.CheckpointArgument,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            metavar="N",
            parser=options.parse_count,
            show_default="the run's own",
            help="New target, counted from the run's beginning.",
        ),
    ] = None,
    paused: Annotated[
        bool, typer.Option("--paused", help="Stand still there until `vmpo attach RUN` lets it go on.")
    ] = False,
    imports: options.Imports = None,
    progress: options.Progress = True,
    as_json: options.AsJson = False,
) -> None:
    """Continue a run from its last checkpoint, or from the one that is given, exactly where it stood."""
    options.import_modules(imports)
    start, _ = find_start(run, steps)

    from engine.checkpoint import run_of
    from engine.trainer import Trainer
    from vmpo_tui.cli.headless import run_headless

    code = run_headless(
        lambda channel: Trainer.resume(start, total_steps=steps, channel=channel, paused=paused),
        run_of(start),
        progress=progress,
        as_json=as_json,
    )
    raise typer.Exit(code)


def evaluate(
    run: options.CheckpointArgument,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Episodes, run in parallel.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Seed of the episodes.")] = 0,
    stochastic: Annotated[
        bool, typer.Option("--stochastic", help="Sample actions instead of taking the most likely one.")
    ] = False,
    best: options.Best = False,
    video: Annotated[
        Path | None,
        typer.Option("--video", metavar="OUT.mp4", show_default="none", help="Film the first episode."),
    ] = None,
    imports: options.Imports = None,
    as_json: options.AsJson = False,
) -> None:
    """Score the policy of a run or checkpoint on fresh episodes with raw rewards."""
    options.import_modules(imports)
    path = find_run(run)
    if video is not None:
        check_video(video)

    from engine.checkpoint import open_checkpoint
    from engine.trainer import evaluate_checkpoint

    checkpoint = open_checkpoint(path, "best" if best else "last")
    write_warning(checkpoint.note)
    result = evaluate_checkpoint(
        checkpoint.path,
        episodes=episodes,
        seed=seed,
        deterministic=not stochastic,
        record=video is not None,
    )
    if video is not None:
        write_video(result.recording, video)
    _write_result(checkpoint.path, result, as_json=as_json)


def find_start(name: str, steps: int | None) -> tuple[Path, Config]:
    """Return the run or checkpoint to go on from and its settings, after making sure that this is possible.

    Args:
        name: a run or one of its checkpoints, by path or name.
        steps: the new target; None for the run's own.

    Raises:
        CheckpointError: there is none, or it is damaged.
        ConfigError: the target is reached already.
    """
    path = find_run(name)

    from engine.checkpoint import open_checkpoint

    checkpoint = open_checkpoint(path)
    target = checkpoint.config.run.total_steps if steps is None else steps
    if target <= checkpoint.env_steps and not checkpoint.state.get("owes_evaluation"):
        raise ConfigError(
            f"{name} has already taken {checkpoint.env_steps:,} of {target:,} steps; "
            f"name a higher target, such as --steps {2 * checkpoint.env_steps}"
        )
    return path, checkpoint.config


def find_run(name: str) -> Path:
    """Return the path of a run or checkpoint that is given by path or by its name under the runs root.

    Raises:
        CheckpointError: there is none; names the nearest run.
    """
    from engine.run_directory import list_runs, runs_root

    root = runs_root()
    for candidate in (Path(name), root / name):
        if name and os.path.isdir(candidate):  # Path.is_dir raises where a name cannot be one
            return candidate
    known = nearest(name, (run.name for run in list_runs(root)))
    raise CheckpointError(f"no run or checkpoint {name!r} here or in {root}{known}; see `vmpo runs`")


def _write_result(checkpoint: Path, result: EvaluationResult, *, as_json: bool) -> None:
    from vmpo_tui.cli.output import write_json, write_table, write_warning

    write_warning(result.describe_cuts())
    figures = {
        "mean": result.mean,
        "std": result.std,
        "min": result.min,
        "max": result.max,
        "episodes": len(result.returns),
        "length": result.length_mean,
    }
    if as_json:
        episodes = {"returns": result.returns, "lengths": result.lengths, "seconds": result.seconds}
        write_json({"checkpoint": str(checkpoint), **figures, **episodes, "cut_off": result.cut})
        return
    cells = [f"{value:,}" if isinstance(value, int) else f"{value:,.2f}" for value in figures.values()]
    write_table(list(figures), [cells], right=figures)

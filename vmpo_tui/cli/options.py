"""Options that `vmpo train` and `vmpo-tui` share, and the configuration that they add up to."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.config import Config
from engine.errors import BackendUnavailableError, ConfigError, nearest
from engine.presets import config_for
from vmpo_tui.cli import completion
from vmpo_tui.cli.entry import show_version
from vmpo_tui.text import parse_count as text_to_count

_DEFAULTS = Config()


def _default(section: str, key: str) -> str:
    """Return what ``--help`` says about a setting's default."""
    return f"{_DEFAULTS.value_of(f'{section}.{key}')}, or the preset's"


def parse_count(text: str) -> int:
    """Read a whole number as `vmpo_tui.text.parse_count` does.

    Raises:
        typer.BadParameter: the text is no whole number.
    """
    try:
        return text_to_count(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


HANGUP = {"detach": "detach", "stop": "save"}
"""What may be asked for when the terminal closes, and the answer of the stop dialog that it stands for."""


def parse_hangup(text: str) -> str:
    """Return the answer that a word stands for.

    Raises:
        typer.BadParameter: it stands for none.
    """
    if text not in HANGUP:
        raise typer.BadParameter(f"{text!r} is neither detach nor stop{nearest(text, HANGUP)}")
    return HANGUP[text]


def _count(flag: str, section: str, key: str, help_text: str) -> Any:
    """Return a numeric option that stands for a setting."""
    return typer.Option(
        flag, metavar="N", parser=parse_count, show_default=_default(section, key), help=help_text
    )


def _choice(flag: str, section: str, key: str, help_text: str) -> Any:
    """Return an option for a setting with named choices, which the shell completes."""
    entry = next(entry for entry in fields(getattr(_DEFAULTS, section)) if entry.name == key)
    return typer.Option(
        flag,
        metavar="NAME",
        show_default=_default(section, key),
        autocompletion=lambda: list(entry.metadata["choices"]),
        help=help_text,
    )


_ENV_HELP = "A Gymnasium id, or dm_control/<domain>/<task>; see `vmpo envs`."
EnvArgument = Annotated[
    str, typer.Argument(metavar="ENV", autocompletion=completion.environments, help=_ENV_HELP)
]
OptionalEnvArgument = Annotated[
    str | None,
    typer.Argument(metavar="ENV", show_default=False, autocompletion=completion.environments, help=_ENV_HELP),
]
Attach = Annotated[
    str | None,
    typer.Option(
        "--attach",
        metavar="RUN",
        show_default="none",
        autocompletion=completion.runs,
        help="Watch and steer a run that another process trains, as `vmpo attach RUN` does.",
    ),
]
ResumeRun = Annotated[
    str | None,
    typer.Option(
        "--resume",
        metavar="RUN",
        show_default="none",
        autocompletion=completion.runs,
        help="Continue a run, or go on from one of its checkpoints, as `vmpo resume RUN` does.",
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        autocompletion=completion.runs,
        help="A run directory, or its name in `vmpo runs`.",
    ),
]
CheckpointArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN|CHECKPOINT",
        autocompletion=completion.runs,
        help="A run (directory or name), or one of its checkpoints.",
    ),
]
Best = Annotated[bool, typer.Option("--best", help="Take the run's best checkpoint instead of its last.")]
Steps = Annotated[
    int | None,
    _count("--steps", "run", "total_steps", "Environment steps to train for, over all environments."),
]
Seed = Annotated[int | None, _count("--seed", "run", "seed", "Seed of every random generator of the run.")]
RunDir = Annotated[
    Path | None,
    typer.Option(
        "--run-dir", metavar="DIR", show_default="runs/ENV-sSEED-DATE", help="Run directory to create."
    ),
]
Backend = Annotated[
    str | None,
    _choice(
        "--backend",
        "env",
        "backend",
        "What steps the environments: auto, mujoco, gymnasium or gymnasium-async.",
    ),
]
NumEnvs = Annotated[int | None, _count("--num-envs", "env", "num_envs", "Environments stepped in parallel.")]
PresetName = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        show_default="the environment's own",
        autocompletion=completion.presets,
        help="Tuned settings to start from; see `vmpo presets`.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", show_default="none", help="TOML settings, as in a run's config.toml."
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        show_default="none",
        autocompletion=completion.settings,
        help="One setting, such as vmpo.epsilon_mu=0.01; may be repeated.",
    ),
]
Threads = Annotated[
    int | None, _count("--threads", "run", "threads", "CPU threads for physics; 0 is one per core.")
]
Device = Annotated[
    str | None, _choice("--device", "run", "device", "Where the networks live: cpu, cuda, or auto.")
]
OnHangup = Annotated[
    str,
    typer.Option(
        "--on-hangup",
        metavar="WHAT",
        parser=parse_hangup,
        autocompletion=lambda: list(HANGUP),
        help="When the terminal closes: detach goes on in the background, stop saves and ends the run.",
    ),
]
OnEnvFault = Annotated[
    str | None,
    _choice(
        "--on-env-fault",
        "env",
        "on_fault",
        "When an environment breaks: stop saves and ends the run; restart begins a new episode there.",
    ),
]
EvalEvery = Annotated[
    int | None,
    _count(
        "--eval-every",
        "evaluation",
        "interval",
        "Environment steps between evaluations; 0 is at the end only.",
    ),
]
Sinks = Annotated[
    list[str] | None,
    typer.Option(
        "--sink",
        metavar="NAME",
        show_default="none",
        autocompletion=completion.sinks,
        help="Where metrics go besides the run directory: tensorboard or wandb; may be repeated.",
    ),
]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        show_default="none",
        help="A Python module to import first, such as one that registers ENV; may be repeated.",
    ),
]
Progress = Annotated[
    bool, typer.Option("--progress/--no-progress", help="Show progress on stderr while it trains.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as one JSON document.")]
Version = Annotated[
    bool,
    typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit."),
]


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says about a run's settings; None leaves one as it is."""

    steps: int | None = None
    seed: int | None = None
    backend: str | None = None
    num_envs: int | None = None
    threads: int | None = None
    device: str | None = None
    eval_every: int | None = None
    on_env_fault: str | None = None
    sink: list[str] | None = None


_SETTINGS = {
    "steps": ("run", "total_steps"),
    "seed": ("run", "seed"),
    "backend": ("env", "backend"),
    "num_envs": ("env", "num_envs"),
    "threads": ("run", "threads"),
    "device": ("run", "device"),
    "eval_every": ("evaluation", "interval"),
    "on_env_fault": ("env", "on_fault"),
    "sink": ("run", "sinks"),
}
"""Section and key that each option stands for."""


def build_config(
    env_id: str,
    overrides: Overrides,
    *,
    preset: str | None = None,
    file: Path | None = None,
    assignments: Iterable[str] = (),
) -> Config:
    """Return a run's configuration: defaults < preset < file < options < ``--set``.

    Args:
        env_id: the environment; it wins over the file's ``env.id``.
        overrides: options.
        preset: name of a preset; None takes the environment's own.
        file: TOML settings.
        assignments: ``section.key=value`` texts.

    Raises:
        ConfigError: a setting has no meaning or an invalid value; options are named as they were typed.
    """
    try:
        config = config_for(env_id, preset)
    except ConfigError as error:
        raise ConfigError(f"--preset: {error}") from error
    if file is not None:
        config = Config.from_toml(file, base=config)
    config = config.updated({"env": {"id": env_id}})
    for name, (section, key) in _SETTINGS.items():
        value = getattr(overrides, name)
        if value is not None:
            config = _with_option(config, f"--{name.replace('_', '-')}", {section: {key: value}})
    try:
        config = config.with_assignments(assignments)
    except ConfigError as error:
        raise ConfigError(f"--set: {error}") from error
    if config.env.id != env_id:
        raise ConfigError(f"--set env.id={config.env.id}: the environment is the argument, here {env_id}")
    return config


def _with_option(config: Config, flag: str, values: Mapping[str, Mapping[str, Any]]) -> Config:
    try:
        return config.updated(values)
    except ConfigError as error:
        raise ConfigError(f"{flag}: {error}") from error


def import_modules(names: Iterable[str] | None) -> None:
    """Import what ``--import`` names; nothing else that a user gives names code.

    Raises:
        ConfigError: a module cannot be imported.
    """
    if not names:
        return
    from engine.envs import imports

    try:
        imports.import_modules(names)
    except ConfigError as error:
        raise ConfigError(f"--import: {error}") from error


def check_settings(config: Config) -> None:
    """Say why a run cannot start before torch is imported, so that bad input is told at once.

    Raises:
        EngineError: the environment cannot be trained, or a sink lacks its package.
    """
    from engine.envs import check_env
    from engine.room import check_room
    from engine.sinks import check_sinks

    check_room(config, check_env(config.env.id, config.env.backend))
    check_sinks(config.run.sinks)


def check_writable(path: Path) -> None:
    """Say before any work is done why a file could not be written.

    Raises:
        ConfigError: its directory is missing or closed, or it is no file.
    """
    directory = path.absolute().parent
    # Unlike Path's, these say no to a name that cannot be one: too long, or with a NUL.
    if not os.path.isdir(directory):
        raise ConfigError(f"cannot write {path}: there is no directory {directory}")
    if os.path.isdir(path):
        raise ConfigError(f"cannot write {path}: it is a directory")
    if not os.access(path if os.path.exists(path) else directory, os.W_OK):
        raise ConfigError(f"cannot write {path}: permission denied")


def check_extra(extra: str, modules: tuple[str, ...], advice: str = "") -> None:
    """Say that a command needs packages which are not installed.

    Raises:
        BackendUnavailableError: one is missing; the message has the command that installs the extra.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            ending = f"; {advice}" if advice else ""
            raise BackendUnavailableError(
                f"{module} is not installed: pip install 'vmpo-tui[{extra}]'{ending}"
            )


CONTEXT = {"help_option_names": ["-h", "--help"]}
"""Settings of every command's context."""

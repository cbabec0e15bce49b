"""`vmpo runs`, `vmpo envs`, `vmpo presets` and `vmpo keys`."""

from __future__ import annotations

import dataclasses
import time
from typing import Annotated

import typer

from engine.errors import ConfigError, nearest
from vmpo_tui.cli import options


def runs(as_json: options.AsJson = False) -> None:
    """List the runs in ./runs (or in $VMPO_RUNS), newest first.

    States: running, paused (a process holds the run), finished (reached its target), stopped or discarded
    (by the user, with or without saving), failed, interrupted (its process is gone; `vmpo resume` continues
    it), damaged (its settings cannot be read).

    Fields of --json: name, path, state, env_id, seed, env_steps, total_steps (the target), updates, seconds
    (spent training), best_return and last_return (mean return of the best and the newest evaluation, null
    before the first), modified (time of the last change, seconds since the epoch), problem (what is wrong
    with the directory; empty for a sound one).

    Examples: `vmpo runs`, `vmpo runs --json | jq '.[] | select(.state == "interrupted") | .name'`
    """
    from engine.run_directory import list_runs, runs_root
    from vmpo_tui.cli.output import write_json, write_lines, write_table
    from vmpo_tui.text import age, number, si

    root = runs_root()
    found = list_runs(root)
    if as_json:
        write_json([{**dataclasses.asdict(run), "path": str(run.path)} for run in found])
        return
    if not found:
        write_lines(f"no runs in {root} yet; start one with `vmpo-tui HalfCheetah-v5`", err=True)
        return
    now = time.time()
    rows = [
        (
            run.name,
            run.state,
            run.env_id,
            f"{si(run.env_steps)} / {si(run.total_steps)}",
            number(run.best_return),
            age(now - run.modified),
        )
        for run in found
    ]
    write_table(
        ("run", "state", "environment", "steps", "best", "changed"), rows, right=("steps", "best", "changed")
    )


def envs(
    text: Annotated[
        str,
        typer.Argument(metavar="[FILTER]", show_default="all", help="Part of an id or family, in any case."),
    ] = "",
    as_json: options.AsJson = False,
) -> None:
    """List the environments that can be trained, with the backend and the preset that they get."""
    from engine.envs import list_environments
    from engine.presets import preset_for
    from vmpo_tui.cli.output import write_json, write_table

    known = list_environments()
    wanted = text.lower()
    found = [env for env in known if wanted in env.id.lower() or wanted in env.family.lower()]
    if not found:
        names = [env.id for env in known]
        raise ConfigError(f"no environment or family contains {text!r}{nearest(text, names)}")
    if as_json:
        write_json([{**dataclasses.asdict(env), "preset": preset_for(env.id).name} for env in found])
        return
    rows = [(env.id, env.family, env.backend, preset_for(env.id).name, env.requires or "-") for env in found]
    write_table(("environment", "family", "backend", "preset", "needs"), rows)


def presets(as_json: options.AsJson = False) -> None:
    """List the tuned settings: the first that matches an environment is its own, --preset takes any."""
    from engine.presets import PRESETS
    from vmpo_tui.cli.output import write_json, write_table

    if as_json:
        write_json([dataclasses.asdict(preset) for preset in PRESETS])
        return
    rows = [
        (preset.name, preset.pattern.replace("|", " ") or "by name only", preset.why) for preset in PRESETS
    ]
    write_table(("preset", "environments", "what for"), rows)


def keys(as_json: options.AsJson = False) -> None:
    """List the keys of vmpo-tui as they are set, with the names that the settings' file knows them by.

    To have others, write into that file (`vmpo doctor` says where it is):

    [keymap]

    run.evaluate = ["e", "f5"]
    """
    from vmpo_tui import keymap
    from vmpo_tui.cli.output import write_json, write_table
    from vmpo_tui.desk import Desk

    chosen = Desk.of_this_user(remember=False).settings.keymap
    rows = [
        (group.title, str(binding.id), keymap.shown(binding), str(binding.tooltip or binding.description))
        for group in keymap.groups()
        for binding in keymap.remapped(group.bindings, chosen)
    ]
    columns = ("where", "name", "key", "does")
    if as_json:
        write_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        write_table(columns, rows)

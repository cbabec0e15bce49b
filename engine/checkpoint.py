"""Checkpoints: directories that are complete and verified, or do not exist. No pickle anywhere.

``checkpoints/<env steps>/`` holds the parts and a manifest with the SHA-256 of each; a second one of the
same step is ``<env steps>-2``, so that nothing that is complete ever has to step aside. ``last`` and ``best``
are small files that name one of these directories. Write order: temporary name, parts, fsync, manifest,
rename, fsync of the directory, verify, pointers, prune.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shlex
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from engine.config import Config
from engine.errors import CheckpointError, ConfigError
from engine.files import (
    LINK,
    TEMPORARY_PREFIX,
    make_directory,
    replace_atomically,
    require_own,
    sync_directory,
    write_durably,
)
from engine.generations import MANIFEST, NAME, generations, order
from engine.manifest import CONFIG, STATE, TENSORS, describe_parts, verify

POINTERS = ("last", "best")
OLDER = "older and sound"
MOST_NAMED = 5
"""Checkpoints that an error message lists."""
MISFITS = (
    CheckpointError, KeyError, ValueError, RuntimeError, TypeError, AttributeError, IndexError, OverflowError
)  # fmt: skip
"""What loading a sound checkpoint of something else raises."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded and verified checkpoint."""

    path: Path
    tensors: dict[str, Tensor]
    state: dict[str, Any]
    """JSON values that refer to the tensors (see `engine.state_tree`)."""
    config: Config
    env_steps: int
    updates: int
    manifest: dict[str, Any]
    """Also library versions and thread count, which decide whether a resume is exact."""
    note: str = ""
    """What the user should know about how it was found."""


def save_checkpoint(
    checkpoints: Path,
    *,
    env_steps: int,
    updates: int,
    tensors: Mapping[str, Tensor],
    state: Mapping[str, Any],
    config: Config,
    best: bool,
    keep: int,
) -> Path:
    """Write, verify and point to a checkpoint, then remove generations beyond ``keep``.

    Args:
        checkpoints: directory of all checkpoints of the run; created if missing.
        env_steps: environment steps so far; also the name.
        updates: iterations so far.
        tensors: by name; stored contiguous, on the CPU.
        state: JSON values.
        config: of the run.
        best: whether `best` points here too.
        keep: generations to keep besides the best one.

    Raises:
        CheckpointError: it could not be written; the checkpoints before it are intact.
    """
    temporary = checkpoints / f"{TEMPORARY_PREFIX}{env_steps:012d}"
    try:
        require_own(checkpoints)
        make_directory(checkpoints)
        _remove_leftovers(checkpoints)
        temporary.mkdir()
        _write_parts(temporary, tensors, state, config, env_steps, updates)
        path = checkpoints / _free_name(checkpoints, env_steps)
        os.replace(temporary, path)
        sync_directory(checkpoints)
        _verify_or_remove(path)
        _point(checkpoints, path, best)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise CheckpointError(
            f"cannot write a checkpoint in {checkpoints}: {error.strerror or error}; "
            "the ones before it are intact"
        ) from error
    with contextlib.suppress(OSError):  # what the system refuses to remove is left to the next save
        _prune(checkpoints, path, keep)
    return path


def find_checkpoint(path: Path, which: str = "last") -> Path:
    """Return the checkpoint directory that a path means.

    Args:
        path: a run directory, its ``checkpoints`` directory, or a checkpoint itself.
        which: last or best.

    Raises:
        CheckpointError: there is none, or no best one.
    """
    if path.absolute().parent.name == "checkpoints" and NAME.fullmatch(path.name) and path.is_dir():
        _require_own(path.parent)
        return path
    if not path.is_dir():
        raise CheckpointError(
            f"{path} does not exist; expected a run directory or a checkpoint (see: vmpo runs)"
        )
    checkpoints = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    if checkpoints != path:
        _require_own(checkpoints)
    complete = generations(checkpoints)
    if not complete:
        raise CheckpointError(f"{path} holds no checkpoint yet")
    pointer = checkpoints / which
    try:
        name = pointer.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        if which == "last":
            return complete[-1]  # killed before the first one was pointed to
        raise CheckpointError(
            f"{path} has no {which} checkpoint: {pointer} is missing; there are "
            f"{', '.join(one.name for one in complete[-MOST_NAMED:])} in {checkpoints}"
        ) from None
    except (OSError, UnicodeDecodeError):
        name = ""
    if not NAME.fullmatch(name) or not (checkpoints / name).is_dir():
        raise CheckpointError(
            f"{pointer} is damaged: it names {name[:80]!r}, which is no checkpoint beside it"
            f"{_offer(reversed(complete), 'the newest that is sound')}"
        )
    return checkpoints / name


def open_checkpoint(path: Path, which: str = "last") -> Checkpoint:
    """Find a checkpoint as `find_checkpoint` does and load it; its note says if it was not pointed to.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    found = find_checkpoint(path, which)
    pointer = found.parent / which
    if found == path or pointer.exists():
        return load_checkpoint(found)
    note = f"{pointer} is missing, so that the newest checkpoint is taken: {found.name}"
    return dataclasses.replace(load_checkpoint(found), note=note)


def _require_own(checkpoints: Path) -> None:
    if checkpoints.is_symlink():
        raise CheckpointError(f"{checkpoints} cannot be used: {LINK}")


def run_of(path: Path) -> Path:
    """Return the run directory that a run directory, or one of its checkpoints, belongs to."""
    whole = path.absolute()
    inside = whole.parent.name == "checkpoints" and NAME.fullmatch(whole.name)
    return whole.parents[1] if inside else path


def load_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint directory after checking every part against the manifest.

    Raises:
        CheckpointError: a part is missing, damaged or from a newer format; names the path, the cause and,
            if there is one, an older generation that is sound.
    """
    try:
        manifest = verify(path)
        config = Config.from_toml(path / CONFIG)
        tensors = safetensors.torch.load((path / TENSORS).read_bytes())
        state = json.loads((path / STATE).read_text(encoding="utf-8"))
    except CheckpointError as error:
        raise CheckpointError(f"{error}{sound_alternative(path)}") from error
    except _UNREADABLE as error:
        raise CheckpointError(f"{path} cannot be read: {error}{sound_alternative(path)}") from error
    return Checkpoint(path, tensors, state, config, manifest["env_steps"], manifest["updates"], manifest)


def require_environment(checkpoint: Checkpoint, env_id: str) -> None:
    """Refuse the checkpoint of another environment that was put into a run.

    Raises:
        CheckpointError: it is not of the run's environment.
    """
    if checkpoint.config.env.id != env_id or checkpoint.manifest["env_id"] != env_id:
        raise CheckpointError(
            f"{checkpoint.path} is of {checkpoint.config.env.id} and does not fit the run "
            f"{run_of(checkpoint.path)}, which is of {env_id}{sound_alternative(checkpoint.path)}"
        )


def sound_alternative(path: Path) -> str:
    """Offer, for an error message, the newest generation before this one that verifies."""
    if not NAME.fullmatch(path.name):
        return ""
    return _offer(
        candidate for candidate in reversed(generations(path.parent)) if order(candidate) < order(path)
    )


_UNREADABLE = (
    ConfigError, OSError, ValueError, KeyError, TypeError, RecursionError, safetensors.SafetensorError
)  # fmt: skip


def _write_parts(
    directory: Path,
    tensors: Mapping[str, Tensor],
    state: Mapping[str, Any],
    config: Config,
    env_steps: int,
    updates: int,
) -> None:
    # Cloned: safetensors refuses tensors that share memory.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    contents = {
        TENSORS: safetensors.torch.save(plain),
        STATE: json.dumps(state).encode(),
        CONFIG: config.to_toml().encode(),
    }
    for name, content in contents.items():
        write_durably(directory / name, content)
    facts = {
        "env_steps": env_steps,
        "updates": updates,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "env_id": config.env.id,
    }
    write_durably(directory / MANIFEST, describe_parts(contents, facts))
    sync_directory(directory)


def _verify_or_remove(path: Path) -> None:
    try:
        verify(path)
    except CheckpointError:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _free_name(checkpoints: Path, env_steps: int) -> str:
    """Return a name that no checkpoint of the step has."""
    taken = [serial for steps, serial in map(order, generations(checkpoints)) if steps == env_steps]
    return f"{env_steps:012d}-{max(taken) + 1}" if taken else f"{env_steps:012d}"


def _point(checkpoints: Path, path: Path, best: bool) -> None:
    """Let `last` name a new checkpoint, and `best` too if it is the best or replaces the best."""
    named = _named(checkpoints, "best")
    replaced = named is not None and order(named)[0] == order(path)[0]
    for pointer in POINTERS if best or replaced else POINTERS[:1]:
        replace_atomically(checkpoints / pointer, path.name.encode())


def _offer(candidates: Iterable[Path], what: str = OLDER) -> str:
    """Name the first candidate that verifies, and how to go on from it."""
    for candidate in candidates:
        try:
            verify(candidate)
        except CheckpointError:
            continue
        return f"; {candidate} is {what}, to go on from it: vmpo resume {shlex.quote(str(candidate))}"
    return "; there is no sound one before it" if what == OLDER else "; none is sound"


def _named(checkpoints: Path, pointer: str) -> Path | None:
    """Return what a pointer names, if it is there."""
    try:
        return find_checkpoint(checkpoints, pointer) if (checkpoints / pointer).exists() else None
    except CheckpointError:
        return None


def _remove_leftovers(checkpoints: Path) -> None:
    """Remove what interrupted saves and removals left."""
    for leftover in checkpoints.glob(f"{TEMPORARY_PREFIX}*"):
        _remove(leftover)


def _remove(path: Path) -> None:
    """Remove a directory or file; of a link, the link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _prune(checkpoints: Path, newest: Path, keep: int) -> None:
    """Remove generations beyond ``keep``, and those that the newest one replaces.

    Replaced are earlier ones of the same step and, after going on from an older generation, all later
    ones. Renamed first: what is being removed must not look like a checkpoint.
    """
    steps = order(newest)[0]
    pointed = {_named(checkpoints, pointer) for pointer in POINTERS}
    before = [path for path in generations(checkpoints) if order(path)[0] < steps]
    kept = {newest, *before[max(0, len(before) + 1 - keep) :]}
    for path in generations(checkpoints):
        if path not in kept | pointed:
            doomed = path.with_name(f"{TEMPORARY_PREFIX}old-{path.name}")
            os.replace(path, doomed)
            _remove(doomed)

"""Checkpoints: directories that are complete and verified, or do not exist. No pickle anywhere.

``checkpoints/<env steps>/`` holds the parts and a manifest with the SHA-256 of each; ``last`` and ``best``
are small files that name one of these directories. Write order: temporary name, parts, fsync, manifest,
rename, fsync of the directory, verify, pointers, prune.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from engine.config import Config
from engine.errors import CheckpointError, ConfigError
from engine.files import TEMPORARY_PREFIX, replace_atomically, sync_directory, write_durably

FORMAT_VERSION = 1
MANIFEST, TENSORS, STATE, CONFIG = "manifest.json", "tensors.safetensors", "state.json", "config.toml"
PARTS = (TENSORS, STATE, CONFIG)
POINTERS = ("last", "best")
LIBRARIES = ("torch", "numpy", "mujoco", "gymnasium", "safetensors")


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
    path = checkpoints / f"{env_steps:012d}"
    temporary = checkpoints / f"{TEMPORARY_PREFIX}{path.name}"
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(checkpoints)
        temporary.mkdir()
        _write_parts(temporary, tensors, state, config, env_steps, updates)
        _put_in_place(temporary, path)
        _verify(path)
        for pointer in POINTERS if best else POINTERS[:1]:
            replace_atomically(checkpoints / pointer, path.name.encode())
        _prune(checkpoints, keep)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise CheckpointError(
            f"cannot write the checkpoint {path}: {error.strerror or error}; the ones before it are intact"
        ) from error
    return path


def find_checkpoint(path: Path, which: str = "last") -> Path:
    """Return the checkpoint directory that a path means.

    Args:
        path: a run directory, its ``checkpoints`` directory, or a checkpoint itself.
        which: last or best.

    Raises:
        CheckpointError: there is none.
    """
    if (path / MANIFEST).exists():
        return path
    if not path.is_dir():
        raise CheckpointError(
            f"{path} does not exist; expected a run directory or a checkpoint (see: vmpo runs)"
        )
    checkpoints = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    try:
        name = (checkpoints / which).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        generations = _generations(checkpoints)
        if not generations:
            raise CheckpointError(f"{path} holds no checkpoint yet") from None
        return generations[-1]
    if Path(name).name != name or not (checkpoints / name).is_dir():
        raise CheckpointError(f"{checkpoints / which} names {name!r}, which is no checkpoint beside it")
    return checkpoints / name


def load_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint directory after checking every part against the manifest.

    Raises:
        CheckpointError: a part is missing, damaged or from a newer format; names the path, the cause and,
            if there is one, an older generation that is sound.
    """
    try:
        manifest = _verify(path)
        config = Config.from_toml(path / CONFIG)
        tensors = safetensors.torch.load((path / TENSORS).read_bytes())
        state = json.loads((path / STATE).read_text(encoding="utf-8"))
        return Checkpoint(
            path, tensors, state, config, int(manifest["env_steps"]), int(manifest["updates"]), manifest
        )
    except CheckpointError as error:
        raise CheckpointError(f"{error}{_sound_alternative(path)}") from error
    except (ConfigError, OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}{_sound_alternative(path)}") from error


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
    manifest = {
        "format": FORMAT_VERSION,
        "env_steps": env_steps,
        "updates": updates,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "env_id": config.env.id,
        "parts": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in contents.items()
        },
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES}
        | {"python": platform.python_version()},
        "torch_threads": torch.get_num_threads(),
    }
    write_durably(directory / MANIFEST, json.dumps(manifest, indent=2).encode())
    sync_directory(directory)


def _put_in_place(temporary: Path, path: Path) -> None:
    """Rename into place; a checkpoint of the same step (best after last, say) steps aside first."""
    if path.exists():
        aside = path.with_name(f"{TEMPORARY_PREFIX}old-{path.name}")
        os.replace(path, aside)
        os.replace(temporary, path)
        shutil.rmtree(aside)
    else:
        os.replace(temporary, path)
    sync_directory(path.parent)


def _verify(path: Path) -> dict[str, Any]:
    """Return the manifest after checking format, sizes and checksums."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        version, parts = int(manifest["format"]), dict(manifest["parts"])
    except FileNotFoundError:
        raise CheckpointError(f"{path}: {MANIFEST} is missing") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path / MANIFEST} is damaged: {error}") from error
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {version}, newer than {FORMAT_VERSION}, which this vmpo-tui reads; "
            "update vmpo-tui"
        )
    for name in PARTS:
        _verify_part(path / name, parts.get(name))
    return dict(manifest)


def _verify_part(part: Path, expected: Any) -> None:
    if not isinstance(expected, dict):
        raise CheckpointError(f"{part.parent / MANIFEST} is damaged: it does not list {part.name}")
    try:
        content = part.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{part} is missing") from None
    except OSError as error:
        raise CheckpointError(f"{part} cannot be read: {error.strerror}") from error
    if len(content) != expected.get("size"):
        raise CheckpointError(f"{part} is damaged: {len(content)} bytes instead of {expected.get('size')}")
    if hashlib.sha256(content).hexdigest() != expected.get("sha256"):
        raise CheckpointError(f"{part} is damaged: its SHA-256 is not the manifest's")


def _sound_alternative(path: Path) -> str:
    """Name the newest older generation that verifies."""
    for candidate in reversed(_generations(path.parent)):
        if candidate.name < path.name:
            try:
                _verify(candidate)
            except CheckpointError:
                continue
            return f"; {candidate} is older and sound"
    return ""


def _generations(checkpoints: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    if not checkpoints.is_dir():
        return []
    names: Iterable[Path] = checkpoints.iterdir()
    return sorted(path for path in names if path.name.isdigit() and (path / MANIFEST).exists())


def _remove_leftovers(checkpoints: Path) -> None:
    """Remove what interrupted saves left; an old checkpoint moved aside without a successor goes back."""
    for leftover in checkpoints.glob(f"{TEMPORARY_PREFIX}*"):
        original = checkpoints / leftover.name.removeprefix(f"{TEMPORARY_PREFIX}old-")
        if original.name.isdigit() and not original.exists():
            os.replace(leftover, original)
        elif leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def _prune(checkpoints: Path, keep: int) -> None:
    kept = {find_checkpoint(checkpoints, which) for which in POINTERS if (checkpoints / which).exists()}
    for path in _generations(checkpoints)[:-keep]:
        if path not in kept:
            shutil.rmtree(path)

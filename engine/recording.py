"""Recorded episodes: what an evaluated policy did, to be watched later; files without pickle."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import CheckpointError
from engine.files import TEMPORARY_PREFIX, replace_atomically, require_own

KEEP = 50
"""Newest recordings kept in a run, besides the best one."""
MAX_STEPS = 10_000
"""Environment steps of the longest recording."""
MAX_BYTES = 256 * 2**20
"""Largest recording that is read, unpacked."""
FORMAT = 1
MODEL_FIELDS = ("geom_pos", "geom_size", "geom_rgba", "body_pos")
"""Parts of a MuJoCo model that tasks move between episodes, such as a target to reach."""

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One evaluation episode of T steps: a MuJoCo simulation's states, or what it takes to play it again."""

    env_id: str
    env_steps: int
    """Environment steps that the policy had been trained for."""
    mean_return: float
    """Of all episodes of the evaluation; decides which recording is the best."""
    step_seconds: float
    """Duration of a step to an onlooker."""
    seed: int
    """What the vector environment was reset with; the episode is that of its environment 0."""
    rewards: Array
    """Raw rewards [T]."""
    actions: Array
    """As the environment was given them [T, A]; A is 1 where they are discrete."""
    qpos: Array | None = None
    """Generalised positions before each step [T, nq]; None without a MuJoCo simulation."""
    qvel: Array | None = None
    """Generalised velocities before each step [T, nv]."""
    model: dict[str, Array] = field(default_factory=dict)
    """`MODEL_FIELDS` of the episode's model."""

    @property
    def length(self) -> int:
        """Steps of the episode (T)."""
        return len(self.rewards)

    @property
    def seconds(self) -> float:
        """Duration of the episode."""
        return self.length * self.step_seconds

    @property
    def episode_return(self) -> float:
        """Undiscounted raw return of the episode."""
        return float(self.rewards.sum(dtype=np.float64))


_META = ("env_id", "env_steps", "mean_return", "step_seconds", "seed")
_ARRAYS = ("rewards", "actions", "qpos", "qvel")


def save_recording(directory: Path, recording: Recording) -> Path:
    """Write a recording atomically as ``<env_steps>.npz`` and drop old ones; return its path.

    Raises:
        OSError: the disk refuses.
    """
    meta = {"format": FORMAT} | {name: getattr(recording, name) for name in _META}
    arrays = {name: value for name in _ARRAYS if (value := getattr(recording, name)) is not None}
    arrays |= {f"model.{name}": value for name, value in recording.model.items()}
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    require_own(directory)
    directory.mkdir(exist_ok=True)
    path = directory / f"{recording.env_steps:012}.npz"
    replace_atomically(path, content.getvalue())
    _prune(directory)
    return path


def list_recordings(directory: Path) -> list[Path]:
    """Return the recordings in a directory, oldest policy first; none if there is no directory."""
    try:
        return sorted(path for path in directory.glob("*.npz") if not path.name.startswith(TEMPORARY_PREFIX))
    except (OSError, ValueError):  # a name that no directory can have, say
        return []


def discard_recordings_after(directory: Path, env_steps: int) -> None:
    """Drop the recordings of policies newer than a checkpoint that is resumed from; they are made again."""
    for path in list_recordings(directory):
        if path.stem.isdecimal() and int(path.stem) > env_steps:
            with contextlib.suppress(OSError):
                path.unlink()


def load_recording(path: Path) -> Recording:
    """Read a recording.

    Raises:
        CheckpointError: it is missing, damaged, too large or of a newer format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_BYTES:
            raise ValueError(f"it unpacks to {size >> 20} MB, more than the {MAX_BYTES >> 20} MB allowed")
        with np.load(path, allow_pickle=False) as archive:
            return _checked(_parse({name: archive[name] for name in archive.files}))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path} cannot be replayed: {reason}") from error


def _parse(arrays: dict[str, Array]) -> Recording:
    meta = json.loads(arrays["meta"].tobytes())
    if meta["format"] != FORMAT:
        raise ValueError(f"it has format {meta['format']}, this version reads {FORMAT}")
    return Recording(
        env_id=str(meta["env_id"]),
        env_steps=int(meta["env_steps"]),
        mean_return=float(meta["mean_return"]),
        step_seconds=float(meta["step_seconds"]),
        seed=int(meta["seed"]),
        model={name: arrays[f"model.{name}"] for name in MODEL_FIELDS if f"model.{name}" in arrays},
        **{name: arrays.get(name) for name in _ARRAYS},  # type: ignore[arg-type] # checked next
    )


def _checked(recording: Recording) -> Recording:
    """Return a recording whose arrays fit each other."""
    if recording.rewards is None or recording.rewards.ndim != 1 or not recording.length:
        raise ValueError("it is empty")
    if (recording.qpos is None) != (recording.qvel is None):
        raise ValueError("it lacks a part of the states")
    for array in (recording.actions, recording.qpos, recording.qvel):
        if array is not None and (array.ndim != 2 or len(array) != recording.length):
            raise ValueError("its arrays have different lengths")
        if array is not None and not np.isfinite(array).all():
            raise ValueError("it holds numbers that are not finite")
    if recording.actions is None or not 0.0 < recording.step_seconds < 1e3:
        raise ValueError("its actions or its clock are missing")
    return recording


def _prune(directory: Path) -> None:
    """Keep the newest recordings, and among those past them the one of the highest mean return."""
    old = list_recordings(directory)[:-KEEP]
    best = max(old, key=_mean_return, default=None)
    for path in old:
        if path != best:
            with contextlib.suppress(OSError):
                path.unlink()


def _mean_return(path: Path) -> float:
    """Return the evaluation's mean; -inf for a file that cannot be read, so that it goes first."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return float(json.loads(archive["meta"].tobytes())["mean_return"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return -np.inf

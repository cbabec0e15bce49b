"""Recorded episodes: what an evaluated policy did, to be watched later. Files of a run directory, without pickle."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import CheckpointError
from engine.files import TEMPORARY_PREFIX, replace_atomically

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


def _nothing(*shape: int, dtype: type = np.float32) -> Any:
    return field(default_factory=lambda: np.zeros(shape, dtype))


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One evaluation episode of T steps: a MuJoCo simulation's states, or F pictures of anything else."""

    env_id: str
    env_steps: int
    """Environment steps that the policy had been trained for."""
    mean_return: float
    """Of all episodes of the evaluation; decides which recording is the best."""
    step_seconds: float
    """Simulated duration of a step."""
    rewards: Array
    """Raw rewards [T]."""
    qpos: Array = _nothing(0, 0)
    """Generalised positions before each step [T, nq]."""
    qvel: Array = _nothing(0, 0)
    """Generalised velocities before each step [T, nv]."""
    ctrl: Array = _nothing(0, 0)
    """Control of each step [T, nu]."""
    frames: Array = _nothing(0, 0, 0, 3, dtype=np.uint8)
    """RGB pictures [F, height, width, 3], for environments that are not MuJoCo's."""
    frame_interval: int = 1
    """Steps between two pictures."""
    model: dict[str, Array] = field(default_factory=dict)
    """`MODEL_FIELDS` of the episode's model."""

    @property
    def length(self) -> int:
        """Steps of the episode (T)."""
        return len(self.rewards)

    @property
    def episode_return(self) -> float:
        """Undiscounted raw return of the episode."""
        return float(self.rewards.sum(dtype=np.float64))

    @property
    def simulated(self) -> bool:
        """Whether it holds a MuJoCo simulation rather than pictures."""
        return bool(self.qpos.size)


_META = ("env_id", "env_steps", "mean_return", "step_seconds", "frame_interval")
_ARRAYS = tuple(entry.name for entry in fields(Recording) if entry.name not in (*_META, "model"))


def save_recording(directory: Path, recording: Recording) -> Path:
    """Write a recording atomically as ``<env_steps>.npz`` and drop old ones; return its path.

    Raises:
        OSError: the disk refuses.
    """
    meta = {"format": FORMAT} | {name: getattr(recording, name) for name in _META}
    arrays = {name: getattr(recording, name) for name in _ARRAYS}
    arrays |= {f"model.{name}": value for name, value in recording.model.items()}
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    directory.mkdir(exist_ok=True)
    path = directory / f"{recording.env_steps:012}.npz"
    replace_atomically(path, content.getvalue())
    _prune(directory)
    return path


def list_recordings(directory: Path) -> list[Path]:
    """Return the recordings in a directory, oldest policy first."""
    return sorted(path for path in directory.glob("*.npz") if not path.name.startswith(TEMPORARY_PREFIX))


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
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path} cannot be replayed: {reason}") from error


def _parse(arrays: dict[str, Array]) -> Recording:
    meta = json.loads(arrays["meta"].tobytes())
    if meta["format"] != FORMAT:
        raise ValueError(f"it has format {meta['format']}, this version reads {FORMAT}")
    model = {name: arrays[f"model.{name}"] for name in MODEL_FIELDS if f"model.{name}" in arrays}
    return Recording(
        env_id=str(meta["env_id"]),
        env_steps=int(meta["env_steps"]),
        mean_return=float(meta["mean_return"]),
        step_seconds=float(meta["step_seconds"]),
        frame_interval=int(meta["frame_interval"]),
        model=model,
        **{name: arrays[name] for name in _ARRAYS},
    )


def _checked(recording: Recording) -> Recording:
    """Return a recording whose arrays fit each other."""
    steps, states = recording.length, (recording.qpos, recording.qvel, recording.ctrl)
    if recording.simulated and any(array.ndim != 2 or len(array) != steps for array in states):
        raise ValueError("its arrays have different lengths")
    if recording.frames.ndim != 4 or recording.frames.shape[3] != 3 or recording.frames.dtype != np.uint8:
        raise ValueError("its pictures are not RGB bytes")
    if not steps or not (recording.simulated or recording.frames.size):
        raise ValueError("it is empty")
    if recording.frame_interval < 1 or not 0.0 < recording.step_seconds < 1e3:
        raise ValueError("its clock makes no sense")
    return recording


def _prune(directory: Path) -> None:
    """Keep the newest recordings, and among those past them the one of the highest mean return."""
    old = list_recordings(directory)[:-KEEP]
    best = max(old, key=_mean_return, default=None)
    for path in old:
        if path != best:
            path.unlink(missing_ok=True)


def _mean_return(path: Path) -> float:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return float(json.loads(archive["meta"].tobytes())["mean_return"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return -np.inf

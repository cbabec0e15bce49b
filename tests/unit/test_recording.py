"""Recordings: what is written comes back, damage is named, the oldest go first."""

from __future__ import annotations

import dataclasses
import io
import zipfile

import numpy as np
import pytest

from engine import recording
from engine.errors import CheckpointError
from engine.recording import (
    Recording,
    discard_recordings_after,
    list_recordings,
    load_recording,
    save_recording,
)

SIMULATED = Recording(
    env_id="HalfCheetah-v5",
    env_steps=2048,
    mean_return=12.5,
    step_seconds=0.05,
    seed=7,
    rewards=np.array([1.0, -0.5, 2.0], np.float32),
    actions=np.arange(6.0).reshape(3, 2),
    qpos=np.arange(9, dtype=np.float32).reshape(3, 3),
    qvel=np.ones((3, 3), np.float32),
    model={"geom_pos": np.zeros((4, 3))},
)
PLAYED = dataclasses.replace(
    SIMULATED, env_id="CartPole-v1", actions=np.array([[0], [1], [1]]), qpos=None, qvel=None, model={}
)


def fields(value: Recording) -> dict[str, object]:
    plain = {entry.name: getattr(value, entry.name) for entry in dataclasses.fields(value)}
    arrays = {name: item.tolist() for name, item in plain.items() if isinstance(item, np.ndarray)}
    return plain | arrays | {"model": {name: item.tolist() for name, item in value.model.items()}}


@pytest.mark.parametrize("kept", [SIMULATED, PLAYED], ids=["simulated", "played"])
def test_what_is_written_comes_back(kept, tmp_path):
    path = save_recording(tmp_path / "evaluations", kept)
    assert path.name == "000000002048.npz"
    back = load_recording(path)
    assert fields(back) == fields(kept)
    assert (back.length, back.episode_return, back.seconds) == (3, 2.5, pytest.approx(0.15))
    assert back.actions.dtype == kept.actions.dtype


def test_the_newest_are_kept_and_the_best_of_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "KEEP", 2)
    for steps, mean in ((1, 5.0), (2, 50.0), (3, 7.0), (4, 8.0), (5, 9.0)):
        save_recording(tmp_path, dataclasses.replace(SIMULATED, env_steps=steps, mean_return=mean))
    assert [int(path.stem) for path in list_recordings(tmp_path)] == [2, 4, 5]


def test_a_damaged_one_goes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "KEEP", 1)
    (tmp_path / "000000000000.npz").write_bytes(b"torn")
    for steps in (1, 2):
        save_recording(tmp_path, dataclasses.replace(SIMULATED, env_steps=steps, mean_return=-5.0))
    assert [int(path.stem) for path in list_recordings(tmp_path)] == [1, 2]


def test_a_resumed_run_drops_what_came_later(tmp_path):
    for steps in (1, 2, 3):
        save_recording(tmp_path, dataclasses.replace(SIMULATED, env_steps=steps))
    discard_recordings_after(tmp_path, 2)
    assert [int(path.stem) for path in list_recordings(tmp_path)] == [1, 2]
    discard_recordings_after(tmp_path / "none", 2)


def test_files_being_written_are_not_listed(tmp_path):
    (tmp_path / ".tmp-000000000001.npz").write_bytes(b"")
    assert list_recordings(tmp_path) == []
    assert list_recordings(tmp_path / "none") == []
    assert list_recordings(tmp_path / ("x" * 300)) == []


def test_a_full_disk_leaves_what_there_was(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    path = save_recording(tmp_path, SIMULATED)
    before = path.read_bytes()
    monkeypatch.setattr("engine.files.write_durably", full)
    with pytest.raises(OSError, match="No space"):
        save_recording(tmp_path, dataclasses.replace(SIMULATED, mean_return=99.0))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def content(**changes: object) -> bytes:
    """A file with some of its parts replaced, or removed by None."""
    file = io.BytesIO()
    save = dict(np.load(io.BytesIO(_bytes()), allow_pickle=False)) | changes
    np.savez(file, **{name: value for name, value in save.items() if value is not None})
    return file.getvalue()


def _bytes() -> bytes:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        return save_recording(Path(folder), SIMULATED).read_bytes()


def meta(**changes: object) -> np.ndarray:
    import json

    plain = {"format": 1, "env_id": "x", "env_steps": 1, "mean_return": 0.0, "step_seconds": 0.1, "seed": 0}
    return np.frombuffer(json.dumps(plain | changes).encode(), np.uint8)


DAMAGE = {
    "empty": (lambda: b"", "not a zip file"),
    "text": (lambda: b"hello", "not a zip file"),
    "cut": (lambda: _bytes()[:-30], "not a zip file"),
    "newer": (lambda: content(meta=meta(format=2)), "has format 2, this version reads 1"),
    "no meta": (lambda: content(meta=None), "meta"),
    "meta is no JSON": (lambda: content(meta=np.zeros(3, np.uint8)), "Expecting value"),
    "no rewards": (lambda: content(rewards=None), "empty"),
    "no actions": (lambda: content(actions=None), "actions or its clock"),
    "half a state": (lambda: content(qvel=None), "lacks a part"),
    "lengths": (lambda: content(qpos=np.zeros((2, 3))), "different lengths"),
    "not finite": (lambda: content(qpos=np.full((3, 3), np.nan)), "not finite"),
    "clock": (lambda: content(meta=meta(step_seconds=0.0)), "clock"),
    "pickle": (lambda: content(rewards=np.array([{}, {}, {}], dtype=object)), "allow_pickle"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(kind, tmp_path):
    make, reason = DAMAGE[kind]
    path = tmp_path / "000000000001.npz"
    path.write_bytes(make())
    with pytest.raises(CheckpointError, match=reason) as caught:
        load_recording(path)
    assert str(path) in str(caught.value)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = save_recording(tmp_path, SIMULATED)
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("qpos.npy")
    whole = bytearray(path.read_bytes())
    whole[entry.header_offset + 30 + len("qpos.npy") + entry.compress_size // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match="cannot be replayed"):
        load_recording(path)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "MAX_BYTES", 1000)
    with pytest.raises(CheckpointError, match="MB allowed"):
        load_recording(save_recording(tmp_path, SIMULATED))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.npz cannot be replayed: No such file"):
        load_recording(tmp_path / "none.npz")

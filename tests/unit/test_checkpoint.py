from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from engine import files
from engine.checkpoint import Checkpoint, find_checkpoint, load_checkpoint, open_checkpoint, save_checkpoint
from engine.config import Config
from engine.errors import CheckpointError

TENSORS = {
    "float32": torch.randn(3, 4),
    "float64": torch.randn(2, dtype=torch.float64),
    "int64": torch.tensor([1, -(2**62)]),
    "uint8": torch.arange(5, dtype=torch.uint8),
    "uint64": torch.tensor([2**63 + 5], dtype=torch.uint64),
    "bool": torch.tensor([True, False]),
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(0, 3),
    "strided": torch.arange(12.0).reshape(3, 4).t(),
}


def save(root: Path, env_steps: int = 100, *, best: bool = False, keep: int = 3, **extra: Any) -> Path:
    return save_checkpoint(
        root,
        env_steps=env_steps,
        updates=env_steps // 10,
        tensors=extra.pop("tensors", TENSORS),
        state={"step": env_steps, **extra},
        config=Config(),
        best=best,
        keep=keep,
    )


def generations(root: Path) -> list[int]:
    return sorted(int(path.name) for path in root.iterdir() if path.name.isdigit())


def test_round_trip_keeps_every_type(tmp_path: Path) -> None:
    loaded = load_checkpoint(save(tmp_path, nested={"a": [1, None, "x"]}))
    assert isinstance(loaded, Checkpoint)
    assert loaded.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert loaded.tensors[name].shape == tensor.shape
        assert torch.equal(loaded.tensors[name], tensor), name
    assert loaded.state == {"step": 100, "nested": {"a": [1, None, "x"]}}
    assert (loaded.env_steps, loaded.updates, loaded.config) == (100, 10, Config())
    assert loaded.manifest["libraries"]["torch"] == torch.__version__.partition("+")[0] or "torch"


def test_tensors_that_share_memory_are_stored_apart(tmp_path: Path) -> None:
    base = torch.arange(6.0)
    loaded = load_checkpoint(save(tmp_path, tensors={"whole": base, "part": base[2:4]}))
    assert loaded.tensors["part"].tolist() == [2.0, 3.0]


def test_last_and_best_point_to_their_generations_and_pruning_keeps_both(tmp_path: Path) -> None:
    save(tmp_path, 100, best=True)
    for step in (200, 300, 400, 500):
        save(tmp_path, step, keep=2)
    assert find_checkpoint(tmp_path).name == f"{500:012d}"
    assert find_checkpoint(tmp_path, "best").name == f"{100:012d}"
    assert generations(tmp_path) == [100, 400, 500]


def test_a_step_can_be_saved_twice(tmp_path: Path) -> None:
    save(tmp_path, 100, best=True, mark="first")
    second = save(tmp_path, 100, mark="second")
    assert second.name == f"{100:012d}-2"
    for which in ("last", "best"):
        assert load_checkpoint(find_checkpoint(tmp_path, which)).state["mark"] == "second"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [second.name]


def test_going_on_from_an_older_generation_removes_those_after_it(tmp_path: Path) -> None:
    for step in (100, 200, 300):
        save(tmp_path, step)
    save(tmp_path, 150)
    assert generations(tmp_path) == [100, 150]


def test_find_takes_a_run_its_checkpoints_or_one_of_them(tmp_path: Path) -> None:
    path = save(tmp_path / "checkpoints")
    for given in (tmp_path, tmp_path / "checkpoints", path):
        assert find_checkpoint(given) == path


def test_find_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        find_checkpoint(tmp_path / "none")
    with pytest.raises(CheckpointError, match="holds no checkpoint yet"):
        find_checkpoint(tmp_path)
    save(tmp_path)
    (tmp_path / "last").write_text("../../etc")
    with pytest.raises(CheckpointError, match=r"names '\.\./\.\./etc', which is no checkpoint"):
        find_checkpoint(tmp_path)


def test_leftovers_of_interrupted_saves_are_removed(tmp_path: Path) -> None:
    path = save(tmp_path, 100)
    (tmp_path / f"{files.TEMPORARY_PREFIX}{200:012d}").mkdir()
    (tmp_path / f"{files.TEMPORARY_PREFIX}last").write_text("half")
    save(tmp_path, 300)
    assert generations(tmp_path) == [100, 300]
    assert not list(tmp_path.glob(f"{files.TEMPORARY_PREFIX}*"))
    load_checkpoint(path)


def test_an_unwritable_directory_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        CheckpointError,
        match=r"cannot write a checkpoint in .*: File exists; the ones before it are intact",
    ):
        save(tmp_path / "file" / "checkpoints")


def test_without_a_pointer_the_newest_generation_is_taken_and_that_is_said(tmp_path: Path) -> None:
    root = tmp_path / "checkpoints"
    save(root, 100)
    newest = save(root, 200)
    assert open_checkpoint(root).note == ""
    (root / "last").unlink()  # as after a kill before the first one was pointed to
    assert find_checkpoint(root) == newest
    opened = open_checkpoint(root)
    assert opened.path == newest
    assert opened.note == (
        f"{root / 'last'} is missing, so that the newest checkpoint is taken: {newest.name}"
    )
    assert open_checkpoint(newest).note == ""  # which was asked for by its name


def test_a_best_checkpoint_that_is_missing_is_replaced_by_no_other(tmp_path: Path) -> None:
    first, second = save(tmp_path, 100), save(tmp_path, 200)
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(tmp_path, "best")
    assert str(caught.value) == (
        f"{tmp_path} has no best checkpoint: {tmp_path / 'best'} is missing; there are "
        f"{first.name}, {second.name} in {tmp_path}"
    )


@pytest.mark.parametrize("content", [b"", b"../../etc", b"000000000300", b"\xff\xfe", b"x" * 10_000])
def test_a_damaged_pointer_is_named_and_a_generation_offered(tmp_path: Path, content: bytes) -> None:
    save(tmp_path, 100)
    newest = save(tmp_path, 200)
    (tmp_path / "last").write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'last'} is damaged: it names ")
    assert str(caught.value).endswith(
        f"; {newest} is the newest that is sound, to go on from it: vmpo resume {newest}"
    )
    assert len(str(caught.value)) < 1000

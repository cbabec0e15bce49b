from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import checkpoint as module
from engine import files
from engine.checkpoint import Checkpoint, find_checkpoint, load_checkpoint, save_checkpoint
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
    save(tmp_path, 100, mark="first")
    save(tmp_path, 100, best=True, mark="second")
    assert load_checkpoint(find_checkpoint(tmp_path, "best")).state["mark"] == "second"
    assert generations(tmp_path) == [100]


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


PARTS = (*module.PARTS, module.MANIFEST)


def damages() -> list[tuple[str, Callable[[Path], object]]]:
    """Everything that happens to files, by name."""
    cases: list[tuple[str, Callable[[Path], object]]] = []
    for part in PARTS:
        cases += [
            (f"{part} missing", lambda p, n=part: (p / n).unlink()),
            (f"{part} empty", lambda p, n=part: (p / n).write_bytes(b"")),
            (f"{part} text", lambda p, n=part: (p / n).write_text("hello")),
            (f"{part} a pickle", lambda p, n=part: (p / n).write_bytes(b"\x80\x04cos\nsystem\n.")),
        ]
        for share in (0.1, 0.5, 0.99):
            cases.append((f"{part} cut at {share}", lambda p, n=part, s=share: truncate(p / n, s)))
    for part in module.PARTS:
        for position in (0.0, 0.2, 0.4, 0.6, 0.8, 0.999):
            cases.append((f"{part} bit at {position}", lambda p, n=part, s=position: flip(p / n, s)))
    return cases


def truncate(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def flip(path: Path, position: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * position)] ^= 0x10
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(("name", "damage"), damages(), ids=[name for name, _ in damages()])
def test_damage_is_named_and_the_older_generation_offered(
    tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    older, newer = save(tmp_path, 100), save(tmp_path, 200)
    damage(newer)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(newer)
    message = str(caught.value)
    assert name.split()[0] in message
    assert str(newer) in message
    assert f"{older} is older and sound" in message


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    path = save(tmp_path)
    manifest = json.loads((path / module.MANIFEST).read_text())
    (path / module.MANIFEST).write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(CheckpointError, match="format 99, newer than 1"):
        load_checkpoint(path)


# The first mkdir is that of a directory that exists already, where an error means nothing.
WRITE_STEPS = [("fsync", n) for n in range(12)] + [("replace", n) for n in range(4)] + [("mkdir", 1)]


@pytest.mark.parametrize(("step", "call"), WRITE_STEPS)
def test_a_write_that_fails_leaves_the_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, call: int
) -> None:
    save(tmp_path, 100, mark="old")
    calls = 0
    original = getattr(os, step)

    def failing(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call + 1:
            raise OSError(28, "No space left on device")
        return original(*args, **options)

    monkeypatch.setattr(os, step, failing)
    message = ""
    try:
        save(tmp_path, 200, mark="new")
    except CheckpointError as error:
        message = str(error)
    monkeypatch.undo()
    failed = calls > call
    assert ("No space left on device" in message) == failed
    loaded = load_checkpoint(find_checkpoint(tmp_path))
    assert loaded.state["mark"] == ("old" if failed and loaded.env_steps == 100 else "new")
    save(tmp_path, 300)
    assert not list(tmp_path.glob(f"{files.TEMPORARY_PREFIX}*"))


def test_leftovers_are_removed_and_a_generation_moved_aside_returns(tmp_path: Path) -> None:
    path = save(tmp_path, 100)
    aside = path.with_name(f"{files.TEMPORARY_PREFIX}old-{path.name}")
    os.replace(path, aside)  # killed between the two renames of a second save of the same step
    (tmp_path / f"{files.TEMPORARY_PREFIX}{200:012d}").mkdir()
    (tmp_path / f"{files.TEMPORARY_PREFIX}last").write_text("half")
    save(tmp_path, 300)
    assert generations(tmp_path) == [100, 300]
    assert not list(tmp_path.glob(f"{files.TEMPORARY_PREFIX}*"))
    load_checkpoint(path)


def test_an_unwritable_directory_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot write the checkpoint"):
        save(tmp_path / "file" / "checkpoints")


SAVER = """
import sys, torch
from pathlib import Path
from engine.checkpoint import save_checkpoint
from engine.config import Config
root, step = Path(sys.argv[1]), int(sys.argv[2])
while True:
    step += 1
    save_checkpoint(root, env_steps=step, updates=step, tensors={"x": torch.full((1000,), float(step))},
                    state={}, config=Config(), best=step % 3 == 0, keep=2)
    print(step, flush=True)
"""


def test_killed_at_any_moment_the_newest_acknowledged_checkpoint_loads(tmp_path: Path) -> None:
    acknowledged = 0
    for saves_before_the_kill in (1, 4, 7):
        command = [sys.executable, "-c", SAVER, str(tmp_path), str(acknowledged)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(saves_before_the_kill):
                acknowledged = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().splitlines()
        acknowledged = int(rest[-1]) if rest else acknowledged
        loaded = load_checkpoint(find_checkpoint(tmp_path))
        assert loaded.env_steps >= acknowledged
        assert float(loaded.tensors["x"][0]) == loaded.env_steps
        acknowledged = loaded.env_steps


def test_a_damaged_pointer_falls_back_to_the_newest_generation(tmp_path: Path) -> None:
    save(tmp_path, 100)
    newest = save(tmp_path, 200)
    (tmp_path / "last").unlink()
    assert find_checkpoint(tmp_path) == newest
    shutil.rmtree(newest)
    assert find_checkpoint(tmp_path).name == f"{100:012d}"

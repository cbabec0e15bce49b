"""One failure at each step of writing a checkpoint: the one before it stays, and the next one is written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.checkpoint import find_checkpoint, load_checkpoint, save_checkpoint
from engine.config import Config
from engine.errors import CheckpointError
from engine.files import TEMPORARY_PREFIX

OPERATIONS = [
    (os, "mkdir"), (os, "replace"), (os, "fsync"), (os, "unlink"), (Path, "mkdir"), (Path, "open"),
    (Path, "read_bytes"), (Path, "unlink"), (Path, "iterdir"), (shutil, "rmtree"),
]  # fmt: skip
"""All that saving asks of the file system."""


class PowerCut(BaseException):
    """Ends a save on the spot: no handler may tidy up after it."""


FAILURES: dict[str, Callable[[], BaseException]] = {
    "disk full": lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    "disk broken": lambda: OSError(errno.EIO, os.strerror(errno.EIO)),
    "read only": lambda: OSError(errno.EROFS, os.strerror(errno.EROFS)),
    "killed": PowerCut,
}


@contextmanager
def failing(step: int, failure: Callable[[], BaseException]) -> Iterator[list[str]]:
    """Let the file system fail at one step, numbered from 0; yield the list of the steps asked for."""
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in OPERATIONS:
            original = getattr(owner, name)

            def counted(*args: Any, _do: Any = original, _name: str = name, **options: Any) -> Any:
                asked.append(_name)
                if len(asked) == step + 1:
                    raise failure()
                return _do(*args, **options)

            patch.setattr(owner, name, counted)
        yield asked


KINDS = [
    pytest.param(failure, id=name, marks=[] if name in {"disk full", "killed"} else pytest.mark.faults)
    for name, failure in FAILURES.items()
]


def save(root: Path, step: int) -> Path:
    return save_checkpoint(
        root,
        env_steps=step,
        updates=step,
        tensors={"x": torch.full((100,), float(step))},
        state={"step": step},
        config=Config(),
        best=step % 2 == 0,
        keep=2,
    )


def begin(root: Path) -> None:
    """Leave as many generations as are kept, the best one among them, and the rests of a killed save."""
    for step in (1, 2, 3):
        save(root, step)
    (root / f"{TEMPORARY_PREFIX}{4:012d}").mkdir()
    (root / f"{TEMPORARY_PREFIX}last").write_text("half")


def steps_of_a_save(root: Path) -> int:
    with failing(-1, PowerCut) as asked:
        save(root, 4)
    assert {"mkdir", "open", "replace", "fsync", "read_bytes", "unlink", "rmtree"} == {*asked} - {"iterdir"}
    return len(asked)


@pytest.mark.parametrize("failure", KINDS)
def test_a_failure_at_each_step(tmp_path: Path, failure: Callable[[], BaseException]):
    begin(tmp_path / "begun")
    shutil.copytree(tmp_path / "begun", tmp_path / "counted")
    steps = steps_of_a_save(tmp_path / "counted")
    assert steps > 30
    outcomes = []
    for step in range(steps):
        root = shutil.copytree(tmp_path / "begun", tmp_path / str(step))
        acknowledged = 3
        with failing(step, failure):
            try:
                save(root, 4)
                acknowledged = 4
                outcomes.append("saved")
            except CheckpointError:
                outcomes.append("refused")
            except PowerCut:
                outcomes.append("killed")
        newest = load_checkpoint(find_checkpoint(root))
        assert newest.env_steps >= acknowledged
        assert newest.state == {"step": newest.env_steps}
        assert load_checkpoint(find_checkpoint(root, "best")).env_steps in (2, 4)
        if acknowledged == 3:
            load_checkpoint(root / f"{3:012d}")
        assert load_checkpoint(save(root, 5)).env_steps == 5
        assert not list(root.glob(f"{TEMPORARY_PREFIX}*"))
    expected = {"saved", "killed"} if failure is PowerCut else {"saved", "refused"}
    assert set(outcomes) <= expected
    assert outcomes.count("saved") < steps / 3  # what is removed or tidied up only

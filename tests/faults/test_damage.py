"""A damaged checkpoint is named, not loaded: one error, the generation before it offered, nothing changed."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from engine import manifest
from engine.checkpoint import find_checkpoint
from engine.commands import CheckpointNow
from engine.events import UpdateCompleted
from tests.unit.cli_runner import Result, Runner
from tests.unit.run_script import CARTPOLE, PENDULUM, ScriptedChannel, rows, train
from vmpo_tui.cli.commands import app

Damage = Callable[[Path], object]
FILES = (manifest.MANIFEST, *manifest.PARTS)
TRUNCATIONS = 64
FLIPS = 240


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four updates with two checkpoints: the second one is to be damaged."""
    run = tmp_path_factory.mktemp("damage") / "run"
    script = [(UpdateCompleted, ()), (UpdateCompleted, (CheckpointNow(),))]
    train(PENDULUM, run, ScriptedChannel(*script))
    assert len(generations(run)) == 2
    return run


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def generations(run: Path) -> list[Path]:
    return sorted((run / "checkpoints").glob("0*"))


def resume(path: Path, capsys: pytest.CaptureFixture[str]) -> Result:
    return Runner(capsys)("resume", str(path), "--steps", "128", "--no-progress", app=app)


def contents(run: Path) -> dict[str, bytes]:
    """Return every file but those that say that somebody tried to resume."""
    told = {run / "events.jsonl", run / "lock"}
    files = (path for path in sorted(run.rglob("*")) if path.is_file() and path not in told)
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def refused(run: Path, capsys: pytest.CaptureFixture[str], *, names: str) -> str:
    """Resume a run; require one error that names a file and offers the older checkpoint; return it."""
    before = contents(run)
    result = resume(run, capsys)
    older, damaged = generations(run)
    assert (result.code, result.err.count("\n")) == (2, 1), result.err
    assert result.err.startswith("error: ")
    assert names in result.err
    assert str(damaged) in result.err
    assert f"{older} is older and sound, to go on from it: vmpo resume {older}" in result.err
    assert contents(run) == before
    return result.err


def truncate(path: Path, size: int) -> None:
    os.truncate(path, size)


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(bytes(content))


def spread(count: int, limit: int, seed: int) -> list[int]:
    """Return different numbers below a limit, the first and the last among them."""
    inner = random.Random(seed).sample(range(1, limit - 1), count - 2)
    return [0, *sorted(inner), limit - 1]


def test_truncations(run: Path, capsys: pytest.CaptureFixture[str]):
    tried = 0
    for name in FILES:
        part = generations(run)[-1] / name
        sound = part.read_bytes()
        for size in spread(TRUNCATIONS // len(FILES), len(sound), seed=1):
            truncate(part, size)
            assert "damaged" in refused(run, capsys, names=name)
            part.write_bytes(sound)
            tried += 1
    assert tried == TRUNCATIONS


def test_flipped_bits(run: Path, capsys: pytest.CaptureFixture[str]):
    tried = 0
    for name in FILES:
        part = generations(run)[-1] / name
        sound = part.read_bytes()
        for bit in spread(FLIPS // len(FILES), 8 * len(sound), seed=2):
            flip(part, bit)
            refused(run, capsys, names=name)
            part.write_bytes(sound)
            tried += 1
    assert tried == FLIPS


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.trace}",)


def plant_a_pickle(part: Path) -> None:
    part.write_bytes(pickle.dumps(Bomb(part.parent.parent / "executed")))


def plant_a_torch_file(part: Path) -> None:
    torch.save({"x": Bomb(part.parent.parent / "executed")}, part)


def replace_by_a_directory(part: Path) -> None:
    part.unlink()
    part.mkdir()


def replace_by_a_link(part: Path) -> None:
    elsewhere = part.with_name("elsewhere")
    part.rename(elsewhere)
    part.symlink_to(elsewhere)


WHOLE_FILES: dict[str, Damage] = {
    "empty": lambda part: part.write_bytes(b""),
    "text": lambda part: part.write_text("hello"),
    "random": lambda part: part.write_bytes(random.Random(0).randbytes(5000)),
    "JSON of another kind": lambda part: part.write_text("[" * 100_000),
    "a pickle that runs a command": plant_a_pickle,
    "a torch file that runs a command": plant_a_torch_file,
    "missing": lambda part: part.unlink(),
    "a directory": replace_by_a_directory,
    "a link": replace_by_a_link,
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", WHOLE_FILES.values(), ids=WHOLE_FILES)
def test_something_else_in_place_of_a_part(
    run: Path, name: str, damage: Damage, capsys: pytest.CaptureFixture[str]
):
    damage(generations(run)[-1] / name)
    refused(run, capsys, names=name)
    assert not (run / "checkpoints" / "executed").exists()


def sign(checkpoint: Path, **changes: object) -> None:
    """Change what a manifest says and sign the parts as they are now: damage that no checksum shows."""
    document = json.loads((checkpoint / manifest.MANIFEST).read_text()) | changes
    contents = {name: (checkpoint / name).read_bytes() for name in manifest.PARTS}
    signed = json.loads(manifest.describe_parts(contents, {}))
    document = {**document, "parts": signed["parts"]}
    document.pop("sha256")
    (checkpoint / manifest.MANIFEST).write_bytes(manifest._signed(document))


def change_tensors(checkpoint: Path, change: Callable[[str, torch.Tensor], torch.Tensor | None]) -> None:
    file = checkpoint / manifest.TENSORS
    tensors = safetensors.torch.load(file.read_bytes())
    changed = {name: change(name, tensor) for name, tensor in tensors.items()}
    kept = {name: tensor.contiguous() for name, tensor in changed.items() if tensor is not None}
    file.write_bytes(safetensors.torch.save(kept))
    sign(checkpoint)


def grow(tensor: torch.Tensor) -> torch.Tensor:
    return torch.cat((tensor, tensor)) if tensor.ndim else torch.stack((tensor, tensor))


def tensor_names(run: Path) -> list[str]:
    return sorted(safetensors.torch.load((generations(run)[-1] / manifest.TENSORS).read_bytes()))


MISFITS: dict[str, Callable[[torch.Tensor], torch.Tensor | None]] = {
    "wrong shape": grow,
    "wrong type": lambda tensor: tensor.to(torch.float16 if tensor.dtype != torch.float16 else torch.int8),
    "missing": lambda tensor: None,
}


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS)
def test_a_tensor_that_does_not_fit(
    run: Path,
    misfit: Callable[[torch.Tensor], torch.Tensor | None],
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
):
    checkpoint = generations(run)[-1]
    part, document = checkpoint / manifest.TENSORS, checkpoint / manifest.MANIFEST
    sound = part.read_bytes(), document.read_bytes()
    names = tensor_names(run)
    assert len(names) > 30
    for name in names:
        change_tensors(checkpoint, lambda key, tensor, at=name: misfit(tensor) if key == at else tensor)
        assert "does not fit" in refused(run, capsys, names=str(checkpoint))
        part.write_bytes(sound[0])
        document.write_bytes(sound[1])


def test_the_checkpoint_of_another_environment(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    train(CARTPOLE, tmp_path / "other")
    checkpoint = generations(run)[-1]
    shutil.rmtree(checkpoint)
    shutil.copytree(find_checkpoint(tmp_path / "other"), checkpoint)
    message = refused(run, capsys, names="CartPole-v1")
    assert "does not fit the run" in message
    assert "InvertedPendulum-v5" in message


def test_a_newer_format(run: Path, capsys: pytest.CaptureFixture[str]):
    sign(generations(run)[-1], format=99)
    message = refused(run, capsys, names=manifest.MANIFEST)
    assert "has format 99, newer than 2, which this vmpo-tui reads; update vmpo-tui" in message


def test_an_older_format(run: Path, capsys: pytest.CaptureFixture[str]):
    sign(generations(run)[-1], format=1)
    assert "has format 1, older than 2" in refused(run, capsys, names=manifest.MANIFEST)


UNSIGNED: dict[str, str] = {
    "an infinite format": '{"format": Infinity}',
    "a format of no size": '{"format": 1e999}',
    "a format that is none": '{"format": true}',
    "a format of 5000 digits": '{"format": ' + "9" * 5000 + "}",
    "nothing but the format": '{"format": 2}',
    "no table": "[]",
    "a number": "2",
}


@pytest.mark.parametrize("text", UNSIGNED.values(), ids=UNSIGNED)
def test_a_manifest_that_says_something_else(run: Path, text: str, capsys: pytest.CaptureFixture[str]):
    (generations(run)[-1] / manifest.MANIFEST).write_text(text)
    assert "is damaged" in refused(run, capsys, names=manifest.MANIFEST)


MISSING = object()
WRONG_FACTS: dict[str, tuple[str, object]] = {
    "parts of another kind": ("parts", []),
    "no parts": ("parts", MISSING),
    "no libraries": ("libraries", MISSING),
    "libraries of another kind": ("libraries", "x"),
    "versions of another kind": ("libraries", {"torch": 2}),
    "no threads": ("torch_threads", MISSING),
    "threads of another kind": ("torch_threads", "1"),
    "no environment": ("env_id", MISSING),
    "an environment of another kind": ("env_id", ["CartPole-v1"]),
    "no processor": ("cpu", MISSING),
    "infinite steps": ("env_steps", float("inf")),
    "negative steps": ("env_steps", -5),
    "steps of another kind": ("env_steps", None),
    "no steps": ("env_steps", MISSING),
    "updates of another kind": ("updates", "x"),
    "updates that are true": ("updates", True),
}


@pytest.mark.parametrize(("key", "value"), WRONG_FACTS.values(), ids=WRONG_FACTS)
def test_a_signed_manifest_with_a_fact_that_is_none(
    run: Path, key: str, value: object, capsys: pytest.CaptureFixture[str]
):
    file = generations(run)[-1] / manifest.MANIFEST
    document = {**json.loads(file.read_text()), key: value}
    document = {name: fact for name, fact in document.items() if fact is not MISSING and name != "sha256"}
    file.write_bytes(manifest._signed(document))
    assert f"is damaged: {key} is " in refused(run, capsys, names=manifest.MANIFEST)


CONFIGS = {
    "a number of 400 digits": "[vmpo]\ngamma = " + "9" * 400,
    "a count of 400 digits": "[vmpo]\nepochs = " + "9" * 400,
    "a number of 5000 digits": "[vmpo]\ngamma = " + "9" * 5000,
    "lists in lists": "x = " + "[" * 100_000,
    "layers of no size": "[network]\npolicy_layer_sizes = [1000000000000]",
}


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS)
def test_a_signed_configuration_without_a_meaning(run: Path, text: str, capsys: pytest.CaptureFixture[str]):
    checkpoint = generations(run)[-1]
    (checkpoint / manifest.CONFIG).write_text(text)
    sign(checkpoint)
    refused(run, capsys, names=manifest.CONFIG)


STATES: dict[str, Callable[[dict[str, Any]], object]] = {
    "best return a text": lambda state: {**state, "best_return": "x"},
    "best return infinite": lambda state: {**state, "best_return": float("inf")},
    "best return true": lambda state: {**state, "best_return": True},
    "no best return": lambda state: {"training": state["training"]},
    "infinite steps": lambda state: {**state, "training": {**state["training"], "env_steps": float("inf")}},
    "steps of 400 digits": lambda state: {**state, "training": {**state["training"], "seconds": 10**400}},
    "a list": lambda state: [],
    "nothing": lambda state: None,
    "a key that cannot be one": lambda state: {"training": {"__pairs__": [[[], 1]]}},
}


@pytest.mark.parametrize("change", STATES.values(), ids=STATES)
def test_a_signed_state_of_another_kind(
    run: Path, change: Callable[[dict[str, Any]], object], capsys: pytest.CaptureFixture[str]
):
    checkpoint = generations(run)[-1]
    file = checkpoint / manifest.STATE
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    sign(checkpoint)
    assert "does not fit" in refused(run, capsys, names=str(checkpoint))


@pytest.mark.parametrize("state", ["[]", "null", '{"training": {"__pairs__": [[[], 1]]}}'])
@pytest.mark.parametrize("command", [("eval", "--episodes", "1"), ("export", "-o", "x.safetensors")])
def test_a_signed_state_of_another_kind_is_neither_scored_nor_exported(
    run: Path,
    state: str,
    command: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(run.parent)
    older, checkpoint = generations(run)
    (checkpoint / manifest.STATE).write_text(state)
    sign(checkpoint)
    result = Runner(capsys)(command[0], str(run), *command[1:])
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert f"{checkpoint} does not fit" in result.err
    assert f"vmpo resume {older}" in result.err


def test_what_is_offered_works(run: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    truncate(generations(run)[-1] / manifest.TENSORS, 100)
    message = refused(run, capsys, names=manifest.TENSORS)
    offered = Path(message.rpartition("vmpo resume ")[2].strip())
    result = resume(offered, capsys)
    assert result.code == 0, result.err
    updates = [row["updates"] for row in rows(run)]
    assert updates == list(range(1, 9))  # 8 updates of 16 steps; none repeated, none missing


def test_when_no_generation_is_sound_that_is_said(run: Path, capsys: pytest.CaptureFixture[str]):
    for checkpoint in generations(run):
        (checkpoint / manifest.STATE).write_text("{}")
    result = resume(run, capsys)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert result.err.endswith("; there is no sound one before it\n")

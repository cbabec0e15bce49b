"""Exported policies act as evaluations do, without this program."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from engine.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from engine.config import Config
from engine.errors import CheckpointError
from engine.export import FORMATS, export_policy
from engine.training import evaluation_env, restore_agent
from tests.unit.cli_runner import Runner
from tests.unit.run_script import CARTPOLE, PENDULUM, TINY, train
from vmpo_tui.cli.export import PACKAGES

SWING = TINY.updated(
    {
        "env": {"id": "Pendulum-v1", "backend": "gymnasium", "clip_observation": 1.5},
        "network": {"activation": "silu", "state_dependent_std": True, "policy_layer_sizes": [8, 4]},
    }
)
"""Its actions lie in [-2, 2]."""
RAW = CARTPOLE.updated(
    {"env": {"normalize_observation": False}, "network": {"activation": "elu", "shared_encoder": True}}
)
CONFIGS = {"categorical": CARTPOLE, "gaussian": PENDULUM, "bounded": SWING, "raw": RAW}
BATCH = 64


@pytest.fixture(scope="module", params=CONFIGS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A policy of each kind, trained for a moment."""
    run_dir = tmp_path_factory.mktemp("runs") / request.param
    config: Config = CONFIGS[request.param]
    train(config, run_dir, optimizer={"policy_lr": 0.05})  # far from the zeros that it starts with
    return load_checkpoint(find_checkpoint(run_dir))


def cases(checkpoint: Checkpoint) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return observations, also far out, with the actions that an evaluation takes on them."""
    env = evaluation_env(checkpoint.config, 1)
    try:
        agent, moments = restore_agent(checkpoint, env.spec)
        generator = np.random.default_rng(0)
        spread = generator.choice([0.1, 1.0, 20.0], (BATCH, 1))
        observations = (generator.normal(size=(BATCH, env.spec.observation_size)) * spread).astype(np.float32)
        import torch

        inputs = moments.normalize(observations.astype(np.float64), checkpoint.config.env.clip_observation)
        actions = env.spec.actions.to_environment(agent.act(torch.from_numpy(inputs)).numpy())
        return observations, actions
    finally:
        env.close()


def test_an_onnx_policy_acts_as_the_evaluation(checkpoint: Checkpoint, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "policy.onnx"
    metadata = export_policy(checkpoint, path, producer="vmpo-tui 1.2.3")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    observations, expected = cases(checkpoint)
    [actions] = session.run(["action"], {"observation": observations})
    assert (actions.shape, actions.dtype.kind) == (expected.shape, expected.dtype.kind)
    np.testing.assert_allclose(actions, expected, rtol=1e-4, atol=1e-5)
    assert len(np.unique(expected.round(3))) > 1  # it does not always do the same
    [single] = session.run(None, {"observation": observations[:1]})
    np.testing.assert_allclose(single, actions[:1], rtol=1e-5, atol=1e-6)
    written = session.get_modelmeta().custom_metadata_map
    assert written == {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()
    }


def test_an_onnx_policy_is_valid_and_says_nothing_of_this_machine(
    checkpoint: Checkpoint, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    path = tmp_path / "policy.onnx"
    export_policy(checkpoint, path, producer="vmpo-tui 1.2.3")
    assert capfd.readouterr() == ("", "")
    onnx.checker.check_model(onnx.load(path), full_check=True)
    content = path.read_bytes()
    assert b".py" not in content
    assert str(Path(__file__).parents[2]).encode() not in content
    assert list(tmp_path.iterdir()) == [path]


def _act(
    tensors: dict[str, NDArray[Any]], metadata: dict[str, str], observations: NDArray[Any]
) -> NDArray[Any]:
    """Act with nothing but the file's content, as its reader would."""
    features = (observations.astype(np.float64) - tensors["mean"]) / tensors["deviation"]
    clip = json.loads(metadata["clip_observation"])
    features = np.clip(features, -clip, clip) if clip else features
    activation = {
        "tanh": np.tanh,
        "silu": lambda x: x / (1 + np.exp(-x)),
        "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    }[metadata["activation"]]
    for index in range(len(json.loads(metadata["layer_sizes"]))):
        layer = f"policy.encoder.layers.{index}"
        features = activation(features @ tensors[f"{layer}.weight"].T + tensors[f"{layer}.bias"])
    output = features @ tensors["policy.head.weight"].T + tensors["policy.head.bias"]
    if metadata["distribution"] == "categorical":
        return output.argmax(1)
    low, high = (np.array(json.loads(metadata[f"action_{end}"])) for end in ("low", "high"))
    return (low + high) / 2 + np.clip(output, -1, 1) * (high - low) / 2


def test_a_safetensors_policy_can_be_rebuilt_from_the_file_alone(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    path = tmp_path / "policy.safetensors"
    export_policy(checkpoint, path, producer="vmpo-tui 1.2.3")
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    observations, expected = cases(checkpoint)
    actions = _act(safetensors.numpy.load_file(path), metadata, observations)
    np.testing.assert_allclose(actions, expected, rtol=1e-4, atol=1e-5)
    assert metadata["producer"] == "vmpo-tui 1.2.3"
    assert metadata["env_id"] == checkpoint.config.env.id
    assert json.loads(metadata["env_steps"]) == checkpoint.env_steps


def test_the_command_line_knows_the_engines_formats() -> None:
    assert PACKAGES.keys() == FORMATS.keys()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMPO_RUNS", str(tmp_path / "runs"))
    return Runner(capsys)


def test_a_run_is_exported_by_its_name(run: Runner, tmp_path: Path) -> None:
    train(CARTPOLE, tmp_path / "runs" / "tiny", checkpoint={"interval": 16, "keep": 9})
    (tmp_path / "runs" / "tiny" / "checkpoints" / "best").write_text(f"{16:012d}")
    assert run("export", "tiny", "-o", "last.safetensors") == (0, "last.safetensors\n", "")
    told = json.loads(run("export", "tiny", "--best", "-o", "best.safetensors", "--json").out)
    assert told["checkpoint"].endswith(f"runs/tiny/checkpoints/{16:012d}")
    assert (told["env_id"], told["action_size"], told["layer_sizes"]) == ("CartPole-v1", 2, [8])
    for name, steps in (("last", "64"), ("best", "16")):
        with safetensors.safe_open(tmp_path / f"{name}.safetensors", "numpy") as file:
            assert file.metadata()["env_steps"] == steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tiny", "-o", "policy.pt"), "policy.pt must end in .onnx or .safetensors"),
        (("tiny", "-o", "absent/policy.safetensors"), "there is no directory"),
        (("tiny", "-o", "policy.safetensors"), "no run or checkpoint 'tiny'"),
        (("tiny",), "Missing option '--output'"),
    ],
)
def test_bad_usage_is_one_line(run: Runner, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run("export", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_missing_library_is_named_with_its_extra(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, err = run("export", "tiny", "-o", "policy.onnx")
    assert code == 2
    assert "onnx is not installed: pip install 'vmpo-tui[export]'" in err


def test_a_checkpoint_of_another_environment_is_refused(tmp_path: Path) -> None:
    train(CARTPOLE, tmp_path / "run")
    loaded = load_checkpoint(find_checkpoint(tmp_path / "run"))
    foreign = Checkpoint(
        loaded.path, loaded.tensors, loaded.state,
        loaded.config.updated({"env": {"id": "Acrobot-v1"}}), 0, 0, loaded.manifest,
    )  # fmt: skip
    with pytest.raises(CheckpointError, match="does not fit its environment Acrobot-v1"):
        export_policy(foreign, tmp_path / "policy.safetensors", producer="x")
    assert not (tmp_path / "policy.safetensors").exists()

"""The policy of a checkpoint as a file of its own: observations in, actions out, nothing else needed.

The observation statistics and the action bounds are inside. The action is the deterministic one that
evaluations take: the Gaussian's mean, clipped to the bounds, or the most likely of the discrete actions.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.agent import Policy
from engine.checkpoint import Checkpoint
from engine.envs.base import ContinuousActions, DiscreteActions, EnvSpec
from engine.errors import CheckpointError
from engine.files import replace_atomically
from engine.normalization import RunningMoments
from engine.training import evaluation_env, restore_agent

FORMAT = 1
"""Of the metadata and of the names of the tensors."""
OPSET = 18
"""Of ONNX; onnxruntime reads it since 1.14 (2023)."""


class DeterministicPolicy(nn.Module):
    """Maps raw observations to the environment's actions, as `engine.evaluation.evaluate` acts."""

    mean: Tensor
    deviation: Tensor
    limit: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        policy: Policy,
        moments: RunningMoments,
        actions: ContinuousActions | DiscreteActions,
        *,
        clip_observation: float,
    ) -> None:
        super().__init__()
        self.policy = policy
        known = moments.count > 0  # before the first update observations pass unchanged
        self.clip = clip_observation if known else 0.0
        mean = torch.from_numpy(moments.mean)
        deviation = torch.from_numpy(moments.variance + 1e-8).sqrt()
        self.register_buffer("mean", mean if known else torch.zeros_like(mean))
        self.register_buffer("deviation", deviation if known else torch.ones_like(deviation))
        if isinstance(actions, ContinuousActions):
            for name, values in zip(("shift", "scale", "limit"), actions.scaling, strict=True):
                self.register_buffer(name, torch.from_numpy(values).float())

    def forward(self, observation: Tensor) -> Tensor:
        """Return actions for raw observations [B, O]: [B, A] within the bounds, or indices [B]."""
        # Statistics are centred in float64, as in training: a float32 difference of large numbers is noise.
        normalised = ((observation.double() - self.mean) / self.deviation).float()
        if self.clip:
            normalised = normalised.clamp(-self.clip, self.clip)
        action: Tensor = self.policy(normalised).mode()
        if not self.policy.continuous:
            return action
        return torch.maximum(torch.minimum(action, self.limit), -self.limit) * self.scale + self.shift


def export_policy(checkpoint: Checkpoint, path: Path, *, producer: str) -> dict[str, Any]:
    """Write the policy of a checkpoint to a file whose name tells the format, a key of `FORMATS`.

    Args:
        checkpoint: its target policy is written, the one that acts and that evaluations score.
        path: replaced if it exists.
        producer: name and version of this program.

    Returns:
        The metadata in the file, where texts stay as they are and everything else is JSON.

    Raises:
        CheckpointError: the checkpoint does not fit its environment, or the disk refuses the file.
    """
    env = evaluation_env(checkpoint.config, 1)
    try:
        spec = env.spec
    finally:
        env.close()
    agent, moments = restore_agent(checkpoint, spec)
    policy = DeterministicPolicy(
        agent.target_policy, moments, spec.actions, clip_observation=checkpoint.config.env.clip_observation
    )
    metadata = {"producer": producer} | _metadata(checkpoint, spec, policy)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    content = FORMATS[path.suffix.lower()](policy.cpu().eval(), texts)
    try:
        replace_atomically(path, content)
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error
    return metadata


def _metadata(checkpoint: Checkpoint, spec: EnvSpec, policy: DeterministicPolicy) -> dict[str, Any]:
    """Return what a reader needs to know, and to rebuild the network from the tensors alone."""
    network = checkpoint.config.network
    entries: dict[str, Any] = {
        "format": FORMAT,
        "env_id": spec.id,
        "env_steps": checkpoint.env_steps,
        "updates": checkpoint.updates,
        "observation_size": spec.observation_size,
        "clip_observation": policy.clip,
        "action_size": spec.actions.size,
        "network": network.kind,
        "layer_sizes": network.policy_layer_sizes,
        "activation": network.activation,
    }
    if isinstance(spec.actions, ContinuousActions):
        bounds = {"action_low": _numbers(spec.actions.low), "action_high": _numbers(spec.actions.high)}
        entries |= {"distribution": "gaussian", "std_min": network.std_min} | bounds
    else:
        entries["distribution"] = "categorical"
    return entries


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Return numbers as JSON knows them; None where there is no bound."""
    return [float(value) if np.isfinite(value) else None for value in values]


def _safetensors(policy: DeterministicPolicy, metadata: Mapping[str, str]) -> bytes:
    tensors = {name: tensor.detach().contiguous() for name, tensor in policy.state_dict().items()}
    return safetensors.torch.save(tensors, dict(metadata))


def _onnx(policy: DeterministicPolicy, metadata: Mapping[str, str]) -> bytes:
    """Return an ONNX model with one input "observation" [batch, O] and one output "action"."""
    example = torch.zeros(2, policy.mean.numel())
    with _silence():
        program = torch.onnx.export(
            policy,
            (example,),
            dynamo=True,
            input_names=["observation"],
            output_names=["action"],
            dynamic_shapes={"observation": {0: torch.export.Dim("batch")}},
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]  # the traces of this machine's source files
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString())


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what the exporter's libraries say about one another off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


FORMATS: dict[str, Callable[[DeterministicPolicy, Mapping[str, str]], bytes]] = {
    ".onnx": _onnx,
    ".safetensors": _safetensors,
}
"""File name's ending -> what writes such a file."""

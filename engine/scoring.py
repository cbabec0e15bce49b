"""Scoring a saved policy."""

from __future__ import annotations

from pathlib import Path

from engine.checkpoint import MISFITS, find_checkpoint, load_checkpoint
from engine.errors import CheckpointError
from engine.evaluation import EvaluationResult, evaluate
from engine.normalization import RunningMoments
from engine.state_tree import join
from engine.training import build_agent, evaluation_env


def evaluate_checkpoint(
    path: Path, *, episodes: int, seed: int, deterministic: bool = True
) -> EvaluationResult:
    """Score the policy of a checkpoint on fresh episodes.

    Args:
        path: a checkpoint, or a run directory for its last one.
        episodes: number of episodes, run in parallel.
        seed: of the environments.
        deterministic: take the mode rather than a sample.

    Raises:
        CheckpointError: it cannot be used.
    """
    checkpoint = load_checkpoint(find_checkpoint(path))
    config = checkpoint.config
    env = evaluation_env(config, episodes)
    try:
        state = join(checkpoint.state, checkpoint.tensors)["training"]
        agent = build_agent(env.spec, config)
        agent.load_state_dict(state["learner"]["agent"])
        moments = RunningMoments((env.spec.observation_size,))
        moments.load_state_dict(state["collector"]["observation_moments"])
        return evaluate(
            agent, env, moments,
            clip_observation=config.env.clip_observation, seed=seed, deterministic=deterministic,
        )  # fmt: skip
    except MISFITS as error:
        raise CheckpointError(
            f"{checkpoint.path} does not fit its environment {env.spec.id}: {error}"
        ) from error
    finally:
        env.close()

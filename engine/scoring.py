"""Scoring a saved policy."""

from __future__ import annotations

from pathlib import Path

from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.evaluation import EvaluationResult, evaluate
from engine.training import evaluation_env, restore_agent


def evaluate_checkpoint(
    path: Path, *, episodes: int, seed: int, deterministic: bool = True, record: bool = False
) -> EvaluationResult:
    """Score the policy of a checkpoint on fresh episodes.

    Args:
        path: a checkpoint, or a run directory for its last one.
        episodes: number of episodes, run in parallel.
        seed: of the environments.
        deterministic: take the mode rather than a sample.
        record: record the first episode.

    Raises:
        CheckpointError: it cannot be used.
    """
    checkpoint = load_checkpoint(find_checkpoint(path))
    config = checkpoint.config
    env = evaluation_env(config, episodes)
    try:
        agent, moments = restore_agent(checkpoint, env.spec)
        return evaluate(
            agent, env, moments,
            clip_observation=config.env.clip_observation, seed=seed, deterministic=deterministic,
            record=record, env_steps=checkpoint.env_steps,
            max_episode_steps=config.evaluation.max_episode_steps,
        )  # fmt: skip
    finally:
        env.close()

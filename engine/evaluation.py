"""Scoring a frozen policy: environments and generator of its own, raw rewards, one episode each.

Looking never changes the run: nothing here touches the training environments, generators or statistics.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.agent import Agent
from engine.envs.actions import describe_actions, native_actions
from engine.envs.base import EnvSpec, StepBatch, VectorEnv
from engine.envs.infos import extract_episode_returns
from engine.envs.wrappers import apply_obs_rms_stats, running_returns
from engine.errors import EnvironmentFault
from engine.normalization import RunningMoments
from engine.recording import Recording
from engine.tape import Tape

if TYPE_CHECKING:
    import gymnasium as gym


UNLIMITED_STEPS = 10_000
"""Length that an evaluated episode is cut off at where its environment has no limit: it may never end."""


class EvaluationAbandoned(Exception):
    """An evaluation was broken off because that was asked for."""


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """Episodes of one evaluation."""

    returns: tuple[float, ...]
    """Undiscounted raw return of each episode."""
    lengths: tuple[int, ...]
    seconds: float
    recording: Recording | None = field(default=None, repr=False, compare=False)
    """The first episode, if it was recorded."""
    cut: int = 0
    """Episodes that were cut off, whose returns are those so far."""

    @property
    def mean(self) -> float:
        """Mean return."""
        return float(np.mean(self.returns))

    @property
    def std(self) -> float:
        """Standard deviation of the returns over the episodes."""
        return float(np.std(self.returns))

    @property
    def min(self) -> float:
        """Lowest return."""
        return min(self.returns)

    @property
    def max(self) -> float:
        """Highest return."""
        return max(self.returns)

    @property
    def length_mean(self) -> float:
        """Mean length in steps."""
        return float(np.mean(self.lengths))

    def describe_cuts(self) -> str:
        """Say in one line, for the user, that episodes were cut off; empty if none was."""
        if not self.cut:
            return ""
        return (
            f"{self.cut} of {len(self.returns)} evaluation episodes were cut off after {max(self.lengths):,} "
            "steps; their returns are those so far (evaluation.max_episode_steps)"
        )

    def metrics(self) -> dict[str, float]:
        """Figures by metric name."""
        return {
            "eval/return_mean": self.mean,
            "eval/return_std": self.std,
            "eval/return_min": self.min,
            "eval/return_max": self.max,
            "eval/length_mean": self.length_mean,
        }


def longest_episode(spec: EnvSpec, max_episode_steps: int) -> float:
    """Return the steps that an evaluated episode is cut off after.

    Args:
        spec: of the environment.
        max_episode_steps: the setting; 0 leaves it to the environment where that has a limit.
    """
    return max_episode_steps or (math.inf if spec.max_episode_steps else UNLIMITED_STEPS)


class _Episodes:
    """Scores of one episode in each of N environments."""

    def __init__(self, count: int, limit: float) -> None:
        self.returns, self.lengths = np.zeros(count), np.zeros(count, dtype=np.int64)
        self.running, self.whole = np.ones((2, count), dtype=np.bool_)
        self.cut = 0
        self._steps, self._limit = 0, limit

    def add(self, batch: StepBatch) -> None:
        """Count a step where the episode is still running."""
        counted = self.running & batch.valid
        self.returns += np.where(counted, batch.reward, 0.0)
        self.lengths += counted
        self.whole &= batch.valid | ~self.running
        self.running &= ~(batch.terminated | batch.truncated)
        self._steps += 1
        if self._steps >= self._limit:
            self.cut = int(self.running.sum())
            self.running[:] = False


def evaluate(
    agent: Agent,
    env: VectorEnv,
    moments: RunningMoments,
    *,
    clip_observation: float,
    seed: int,
    deterministic: bool = True,
    record: bool = False,
    env_steps: int = 0,
    max_episode_steps: int = 0,
    abandoned: Callable[[], bool] = lambda: False,
) -> EvaluationResult:
    """Run one episode in each of the environment's N copies and return their scores.

    Args:
        agent: acts with its target policy.
        env: used for nothing else; it is reset with ``seed``.
        moments: observation statistics, read only.
        clip_observation: limit of normalised observations; 0 for none.
        seed: of the environments, and of the actions unless deterministic.
        deterministic: take the distribution's mode rather than a sample.
        record: take down the episode of environment 0; its scores and those of the others stay the same.
        env_steps: what the policy had been trained for, noted in the recording.
        max_episode_steps: see `longest_episode`.
        abandoned: asked before each step whether to break off.

    Returns:
        Scores of the episodes that no fault of their environment cut off.

    Raises:
        EnvironmentFault: an environment broke, or no episode came to its end.
        EvaluationAbandoned: it was broken off.
    """
    started = time.monotonic()
    device = next(agent.parameters()).device
    generator = None if deterministic else torch.Generator(device).manual_seed(seed)
    episodes = _Episodes(env.spec.num_envs, longest_episode(env.spec, max_episode_steps))
    observations = env.reset(seed)
    tape = Tape(env, seed) if record else None
    while episodes.running.any():
        if abandoned():
            raise EvaluationAbandoned
        inputs = torch.from_numpy(moments.normalize(observations, clip_observation)).to(device)
        actions = env.spec.actions.to_environment(agent.act(inputs, generator).cpu().numpy())
        batch = env.step(actions)
        if tape and episodes.running[0]:
            tape.add(actions[0], batch.reward[0])
        episodes.add(batch)
        observations = batch.observation
    whole, faults = episodes.whole, env.take_faults()
    if not whole.any():
        raise EnvironmentFault(f"no episode of the evaluation came to its end: {faults[-1]}")
    scores, lengths = episodes.returns[whole], episodes.lengths[whole]
    recording = tape.recording(env_steps, float(scores.mean())) if tape and whole[0] else None
    seconds = time.monotonic() - started
    return EvaluationResult(tuple(scores.tolist()), tuple(lengths.tolist()), seconds, recording, episodes.cut)


def evaluate_vectorized(
    agent: Agent,
    eval_envs: gym.vector.VectorEnv[Any, Any, Any],
    seed: int = 42,
    obs_rms_stats: tuple[NDArray[np.float64], NDArray[np.float64], float] | None = None,
    max_episode_steps: int = UNLIMITED_STEPS,
) -> dict[str, float]:
    """Run all episodes of a Gymnasium vector environment in parallel, one deterministic episode each.

    The seed's interface: the environments are made by `engine.envs.wrappers.make_env`, normalise their
    observations themselves and record raw episode returns.

    Args:
        agent: acts with the mode of its target policy.
        eval_envs: N environments.
        seed: of their reset.
        obs_rms_stats: (mean, variance, count) that they normalise with, frozen; None leaves theirs.
        max_episode_steps: an episode that is still running then counts with its return so far.

    Returns:
        ``eval/return_mean``, ``_std``, ``_min``, ``_max`` and ``eval/length_mean``.
    """
    started = time.monotonic()
    apply_obs_rms_stats(eval_envs, obs_rms_stats)
    count, space = eval_envs.num_envs, eval_envs.single_action_space
    policy_actions = describe_actions("this environment", space)
    returns, lengths = np.zeros(count), np.zeros(count, dtype=np.int64)
    running = np.ones(count, dtype=np.bool_)
    device = next(agent.parameters()).device
    observations, _ = eval_envs.reset(seed=seed)
    while running.any() and lengths.max() < max_episode_steps:
        inputs = torch.as_tensor(observations, dtype=torch.float32, device=device)
        actions = policy_actions.to_environment(agent.act(inputs).cpu().numpy())
        taken = native_actions(space, actions, count)
        observations, rewards, terminated, truncated, infos = eval_envs.step(taken)
        returns += np.where(running, rewards, 0.0)
        lengths += running
        done = running & (np.asarray(terminated) | np.asarray(truncated))
        for index, recorded in extract_episode_returns(infos):
            if done[index]:
                returns[index] = recorded  # raw, whatever the wrappers made of the rewards
        running &= ~done
    if running.any() and (so_far := running_returns(eval_envs)):
        returns[running] = np.asarray(so_far, dtype=np.float64)[running]
    seconds = time.monotonic() - started
    return EvaluationResult(tuple(returns.tolist()), tuple(lengths.tolist()), seconds).metrics()

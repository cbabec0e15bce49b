"""The state of a run and what one iteration does to it; stateful, with public save and load."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from engine.agent import Agent
from engine.checkpoint import MISFITS, Checkpoint, sound_alternative
from engine.collector import Collector, Episodes
from engine.config import Config
from engine.envs import make_vector_env, resolve_backend
from engine.envs.base import ContinuousActions, EnvSpec, FaultPolicy, VectorEnv
from engine.errors import CheckpointError, ConfigError, EnvironmentFault
from engine.evaluation import EvaluationResult, evaluate
from engine.events import RunStarted
from engine.learner import Learner
from engine.normalization import RunningMoments
from engine.state_tree import clone, join, require_like

EVALUATION_SEED_OFFSET = 1_000_003
"""Added to the run's seed for evaluation environments, away from the training ones."""


def torch_device(config: Config) -> torch.device:
    """Return the device that a configuration asks for.

    Raises:
        ConfigError: cuda is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if config.run.device == "cuda" and not available:
        raise ConfigError("run.device is cuda, but PyTorch finds no CUDA device; use cpu or auto")
    return torch.device("cuda" if available and config.run.device != "cpu" else "cpu")


def build_agent(spec: EnvSpec, config: Config) -> Agent:
    """Build a freshly initialised agent; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.run.seed)
        agent = Agent(spec.observation_size, spec.actions, config.network, popart=config.vmpo.popart)
    return agent.to(torch_device(config))


class Training:
    """Environments, agent, learner and counters of one run."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.env = make_vector_env(
            config.env.id,
            backend=config.env.backend,
            num_envs=config.env.num_envs,
            threads=config.run.threads,
            faults=fault_policy(config),
        )
        self.restarts = 0
        """Environments that broke and were restarted."""
        self.faults: tuple[str, ...] = ()
        """Those of the last iteration, for the user."""
        self._evaluation_env: VectorEnv | None = None
        self.agent = build_agent(self.env.spec, config)
        device = next(self.agent.parameters()).device
        self._generators = {
            "policy": torch.Generator(device).manual_seed(config.run.seed + 1),
            "shuffle": torch.Generator(device).manual_seed(config.run.seed + 2),
        }
        self.learner = Learner(self.agent, config, self._generators["shuffle"])
        self.collector = Collector(self.env, self.agent, config, self._generators["policy"])
        self.env_steps = 0
        self.seconds = 0.0
        self.before_update: dict[str, Any] | None = None
        """What learns, as it was before the update under way or the last one; None while collecting."""

    @property
    def collecting(self) -> bool:
        """Whether a rollout has begun and its update has not."""
        return self.before_update is None

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return self.env_steps / self.config.run.total_steps

    @property
    def updates(self) -> int:
        """Iterations done."""
        return self.learner.updates

    def started(self, run_dir: str) -> RunStarted:
        """Return the event that says what the run in a directory is and where it begins."""
        spec, run = self.env.spec, self.config.run
        return RunStarted(
            run_dir=run_dir,
            env_id=spec.id,
            backend=spec.backend,
            num_envs=spec.num_envs,
            observation_size=spec.observation_size,
            action_size=spec.actions.size,
            continuous=isinstance(spec.actions, ContinuousActions),
            seed=run.seed,
            total_steps=run.total_steps,
            env_steps=self.env_steps,
            updates=self.updates,
            config=self.config.to_dict(),
        )

    def start(self) -> None:
        """Reset the training environments of a new run."""
        self.collector.reset(self.config.run.seed)

    def iterate(self) -> tuple[dict[str, float], Episodes]:
        """Collect a rollout and update on it; return the metrics of the row and the episodes that ended.

        Raises:
            NonFiniteError: a parameter, loss, gradient or statistic is not finite; see `undo_update`.
            EnvironmentFault: an environment broke.
        """
        started = time.monotonic()
        self.before_update = None
        episodes = self.collector.collect()
        if not self.collector.rollout.valid.any():
            raise EnvironmentFault(f"no step of a rollout succeeded: {self.env.take_faults()[-1]}")
        collected = time.monotonic()
        self.before_update = self._learning_state()
        metrics = self.learner.update(self.collector.rollout, self.progress)
        self.collector.fold_statistics()
        steps = int(self.collector.rollout.valid.sum())
        self.env_steps += steps
        self.faults = self.env.take_faults()
        self.restarts += len(self.faults)
        finished = time.monotonic()
        self.seconds += finished - started
        metrics |= {
            "env_steps": float(self.env_steps),
            "updates": float(self.updates),
            "seconds": self.seconds,
            "steps_per_second": steps / (finished - started),
            "time/collect": collected - started,
            "time/update": finished - collected,
        }
        if isinstance(self.env.spec.actions, ContinuousActions):
            rollout = self.collector.rollout
            chosen = rollout.actions.cpu().numpy()[rollout.valid]
            metrics["policy/saturated"] = self.env.spec.actions.saturation(chosen)
        if self.config.env.on_fault == "restart":
            metrics["env/restarts"] = float(self.restarts)
        if episodes.returns:
            metrics["train/episode_return_mean"] = sum(episodes.returns) / len(episodes.returns)
            metrics["train/episode_return_min"] = min(episodes.returns)
            metrics["train/episode_return_max"] = max(episodes.returns)
            metrics["train/episodes"] = float(len(episodes.returns))
            metrics["train/episode_length_mean"] = sum(episodes.lengths) / len(episodes.lengths)
        return metrics, episodes

    def describe_faults(self) -> str:
        """Say in one line what was restarted during the last iteration; empty where nothing was."""
        if not self.faults:
            return ""
        others = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        total = f"{self.restarts:,} {'restart' if self.restarts == 1 else 'restarts'} so far"
        return f"{self.faults[0]}{others}; {total}"

    def _learning_state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "learner": self.learner.state_dict(),
            "statistics": self.collector.statistics(),
            "shuffle": self._generators["shuffle"].get_state(),
        }
        return dict(clone(state))

    def undo_update(self) -> None:
        """Go back to before an update that failed; only its rollout is lost."""
        before = self.before_update
        assert before is not None, "no update has begun"
        self.learner.load_state_dict(before["learner"])
        self.collector.load_statistics(before["statistics"])
        self._generators["shuffle"].set_state(before["shuffle"])

    def reconfigure(self, config: Config) -> None:
        """Take over settings that changed while the run is under way (`engine.config.LIVE`)."""
        self.config = config
        self.learner.reconfigure(config)

    def evaluate(self, abandoned: Callable[[], bool] = lambda: False) -> EvaluationResult:
        """Score the policy deterministically on environments of its own.

        Args:
            abandoned: asked before each step whether to break off, which raises `EvaluationAbandoned`.
        """
        if self._evaluation_env is None:
            self._evaluation_env = evaluation_env(self.config, self.config.evaluation.episodes)
        result = evaluate(
            self.agent, self._evaluation_env, self.collector.moments,
            clip_observation=self.config.env.clip_observation,
            seed=self.config.run.seed + EVALUATION_SEED_OFFSET,
            record=self.config.evaluation.record,
            env_steps=self.env_steps,
            max_episode_steps=self.config.evaluation.max_episode_steps,
            abandoned=abandoned,
        )  # fmt: skip
        self.seconds += result.seconds
        return result

    def close(self) -> None:
        """Release the environments."""
        self.env.close()
        if self._evaluation_env is not None:
            self._evaluation_env.close()

    def state_dict(self, *, episodes: bool = True) -> dict[str, Any]:
        """Everything needed to continue.

        Args:
            episodes: whether those under way are kept; environments that broke have none to keep.
        """
        return {
            "learner": self.learner.state_dict(),
            "collector": self.collector.state_dict(episodes=episodes),
            "generators": {name: generator.get_state() for name, generator in self._generators.items()},
            "env_steps": self.env_steps,
            "restarts": self.restarts,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> str:
        """Continue from `state_dict`; random generators last.

        Returns:
            Why this is not exact, for the user; empty if it is.

        Raises:
            ValueError: it is the state of something else.
        """
        expected = self.state_dict(episodes=False)  # which the environments check themselves
        require_like(state, expected, "training")
        self.learner.load_state_dict(state["learner"])
        self.env_steps, self.restarts = int(state["env_steps"]), int(state["restarts"])
        restart_seed = (self.config.run.seed + self.env_steps) % 2**31
        inexact = self.collector.load_state_dict(state["collector"], restart_seed)
        self.seconds = float(state["seconds"])
        for name, generator in self._generators.items():
            generator.set_state(state["generators"][name])
        return inexact


def crossing(before: int, after: int) -> Callable[[int], bool]:
    """Return whether a multiple of an interval lies in (before, after]; an interval of 0 never does."""
    return lambda interval: interval > 0 and before // interval != after // interval


def restore_agent(checkpoint: Checkpoint, spec: EnvSpec) -> tuple[Agent, RunningMoments]:
    """Return the agent of a checkpoint and the statistics that its observations are normalised with.

    Raises:
        CheckpointError: it does not fit the environment.
    """
    try:
        state = join(checkpoint.state, checkpoint.tensors)["training"]
        agent = build_agent(spec, checkpoint.config)
        agent.load_state_dict(state["learner"]["agent"])
        moments = RunningMoments((spec.observation_size,))
        moments.load_state_dict(state["collector"]["observation_moments"])
    except MISFITS as error:
        raise CheckpointError(
            f"{checkpoint.path} does not fit its environment {spec.id}: {error}"
            f"{sound_alternative(checkpoint.path)}"
        ) from error
    return agent, moments


def build_training(config: Config) -> Training:
    """Return a new run's state.

    Raises:
        ConfigError: the memory does not hold it.
    """
    try:
        return Training(config)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate" not in str(
            error
        ):  # PyTorch has no other word for it
            raise
        raise ConfigError(
            f"the memory does not hold env.num_envs={config.env.num_envs:,}, vmpo.rollout_steps="
            f"{config.vmpo.rollout_steps:,} and these networks: take fewer, or smaller ones"
        ) from error


def fault_policy(config: Config) -> FaultPolicy:
    """Return what a configuration wants to happen when an environment breaks."""
    return FaultPolicy(restart=config.env.on_fault == "restart", timeout=config.env.timeout)


def evaluation_env(config: Config, episodes: int) -> VectorEnv:
    """Build environments for an evaluation: the run's backend, in this process."""
    backend = resolve_backend(config.env.id, config.env.backend)
    backend = "gymnasium" if backend == "gymnasium-async" else backend
    return make_vector_env(
        config.env.id,
        backend=backend,
        num_envs=episodes,
        threads=config.run.threads,
        faults=fault_policy(config),
    )

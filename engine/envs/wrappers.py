"""Single Gymnasium environments: found by id, made with clear errors, wrapped as is usual.

`make_env` is for those who want Gymnasium's own normalising wrappers. The trainer steps
`engine.envs.make_vector_env` instead and normalises in float64, with one set of statistics for all
environments (`engine.normalization`).
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np
from gymnasium import wrappers
from gymnasium.envs.registration import EnvSpec as Registration
from gymnasium.wrappers.utils import RunningMeanStd
from numpy.typing import NDArray

from engine.errors import BackendUnavailableError, ConfigError, EnvironmentFault, nearest
from engine.normalization import RunningMoments

Env = gym.Env[Any, Any]
Moments = tuple[NDArray[np.floating], NDArray[np.floating], float]
"""Mean [O], variance [O] and count of observations."""
WrapperT = TypeVar("WrapperT", bound="gym.Wrapper[Any, Any, Any, Any]")

DM_CONTROL = "dm_control/"
_ADAPTERS = {"GymV21Environment-v0", "GymV26Environment-v0", "dm_control/compatibility-env-v0"}
"""Registrations that wrap an environment given as an argument."""
_NEEDS = {
    "box2d": ("Box2D", "pip install 'vmpo-tui[box2d]'"),
    "phys2d": ("jax", "pip install 'gymnasium[jax]'"),
    "tabular": ("jax", "pip install 'gymnasium[jax]'"),
}
"""Module that the environments of a suite need, and the command that installs it."""
_DM_CONTROL_COMMAND = "pip install 'vmpo-tui[dm-control]'"


def registered_ids() -> list[str]:
    """Return every id that `find_registration` knows, dm_control tasks as dm_control/<domain>/<task>."""
    with contextlib.suppress(BackendUnavailableError):
        _register_dm_control()
    return [_public_id(registration) for registration in _trainable()]


def _trainable() -> list[Registration]:
    """Return what is registered, but for adapters and for dm_control beyond its suite.

    The rest of dm_control draws pictures, and without a display aborts the process.
    """
    return [
        registration
        for registration in gym.registry.values()
        if registration.id not in _ADAPTERS
        and (registration.namespace != "dm_control" or "-" in registration.name)
    ]


def newest_registrations() -> list[tuple[str, str]]:
    """Return (id, family) of the newest version of every environment, adapters left out."""
    registered_ids()
    newest: dict[tuple[str | None, str], Registration] = {}
    for registration in _trainable():
        key = (registration.namespace, registration.name)
        if key not in newest or (registration.version or 0) > (newest[key].version or 0):
            newest[key] = registration
    return [(_public_id(registration), _family(registration)) for registration in newest.values()]


def _family(registration: Registration) -> str:
    """Return the suite: the namespace, or the package inside gymnasium.envs."""
    modules = str(registration.entry_point).partition(":")[0].split(".")
    packaged = modules[:2] == ["gymnasium", "envs"] and len(modules) > 2
    return registration.namespace or (modules[2] if packaged else "other")


def find_registration(env_id: str) -> Registration:
    """Return Gymnasium's registration of an environment.

    Args:
        env_id: A registered id, or ``dm_control/<domain>/<task>``.

    Raises:
        ConfigError: the id is unknown, or would import code.
        BackendUnavailableError: a dm_control task without dm_control.
    """
    if ":" in env_id:
        raise ConfigError(
            f"environment {env_id!r} would import the module before the colon, which is refused; "
            "name the module with --import and give the environment's id alone"
        )
    if env_id.startswith(DM_CONTROL):
        _register_dm_control()
    for registration in _trainable():
        if _public_id(registration) == env_id:
            return registration
    hint = nearest(env_id, registered_ids()) or "; `vmpo envs` lists what can be trained"
    raise ConfigError(f"unknown environment {env_id!r}{hint}")


def instantiate(registration: Registration, render_mode: str | None = None) -> Env:
    """Make an environment, without Gymnasium's checker and its advice about newer versions.

    Args:
        registration: what to make.
        render_mode: Gymnasium's, such as rgb_array; None draws nothing.

    Raises:
        BackendUnavailableError: a package that it needs is missing.
        EnvironmentFault: its constructor raised.
    """
    env_id = _public_id(registration)
    if env_id.startswith(DM_CONTROL):
        _register_dm_control()  # a worker process has not been through `find_registration`
    options: dict[str, Any] = (
        {} if render_mode is None else {"render_mode": render_mode}
    )  # which not every one takes
    try:
        with _without_advice(registration):
            return gym.make(registration, disable_env_checker=True, **options)
    except (gym.error.DependencyNotInstalled, ImportError) as error:
        reason = " ".join(str(error).split())
        raise BackendUnavailableError(
            f"{env_id} needs a package that is not installed: {reason}{_command(registration)}"
        ) from error
    except Exception as error:
        raise EnvironmentFault(f"{env_id} cannot be made: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _without_advice(registration: Registration) -> Iterator[None]:
    """Keep warnings off the screen, and MuJoCo's (HalfCheetah has one) out of MUJOCO_LOG.TXT as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if registration.namespace != "dm_control" and "mujoco" not in str(registration.entry_point):
            yield
            return
        import mujoco

        handler = mujoco.get_mju_user_warning()
        mujoco.set_mju_user_warning(lambda message: None)
        try:
            yield
        finally:
            mujoco.set_mju_user_warning(handler)


def missing_package(family: str) -> str:
    """Return the command that installs what a suite needs; empty if nothing is known to be missing."""
    module, command = _NEEDS.get(family, ("", ""))
    return command if module and importlib.util.find_spec(module) is None else ""


def _command(registration: Registration) -> str:
    needed = _NEEDS.get(_family(registration))
    return f" ({needed[1]})" if needed else ""


def _public_id(registration: Registration) -> str:
    """Return the id that users write: shimmy registers dm_control/<domain>/<task> with a dash and -v0."""
    if registration.namespace != "dm_control":
        return registration.id
    domain, _, task = registration.name.partition("-")
    return f"{DM_CONTROL}{domain}/{task}"


def _register_dm_control() -> None:
    """Import shimmy, which registers the tasks.

    Raises:
        BackendUnavailableError: shimmy or dm_control is missing or does not load.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a missing display
            importlib.import_module("dm_control")
            _drop_stale_fields()
            importlib.import_module("shimmy")
    except Exception as error:  # dm_control also fails on drivers and on other versions of MuJoCo
        raise BackendUnavailableError(
            f"{DM_CONTROL} environments need shimmy and dm_control ({error}): {_DM_CONTROL_COMMAND}"
        ) from error


def _drop_stale_fields() -> None:
    """Let dm_control 1.0.50 load models: it indexes fields by name, nine of which MuJoCo 4 has dropped."""
    import mujoco
    from dm_control.mujoco.wrapper.mjbindings import sizes

    for struct, owner in (("mjmodel", mujoco.MjModel), ("mjdata", mujoco.MjData)):
        fields = sizes.array_sizes[struct]
        for stale in [name for name in fields if not hasattr(owner, name)]:
            del fields[stale]


def transform_observation(env: Env, fn: Callable[[Any], Any]) -> Env:
    """Apply ``fn`` to every observation, under any version of Gymnasium.

    The observation space stays: ``fn`` must not change shape or type.
    """
    return _transform(wrappers.TransformObservation, env, fn, env.observation_space)


def transform_reward(env: Env, fn: Callable[[Any], Any]) -> Env:
    """Apply ``fn`` to every reward, under any version of Gymnasium."""
    return _transform(wrappers.TransformReward, env, fn, None)


def _transform(wrapper: Callable[..., Env], env: Env, fn: Callable[[Any], Any], space: Any) -> Env:
    """Wrap, giving the space as third argument where the signature has one (Gymnasium 1.0 and later)."""
    takes_space = len(inspect.signature(wrapper).parameters) > 2
    return wrapper(env, fn, space) if takes_space else wrapper(env, fn)


def find_wrapper(env: Env, wrapper_type: type[WrapperT]) -> WrapperT | None:
    """Return the outermost wrapper of a type in a chain of wrappers, or None."""
    layer: Any = env
    while isinstance(layer, gym.Wrapper):
        if isinstance(layer, wrapper_type):
            return layer
        layer = layer.env
    return None


def make_env(
    env_id: str,
    *,
    seed: int | None = None,
    gamma: float = 0.99,
    normalize_observation: bool = True,
    clip_observation: float | None = 10.0,
    normalize_reward: bool = True,
    clip_reward: float | None = 10.0,
) -> Env:
    """Make one flattened environment that records its episodes, normalises and clips.

    Args:
        env_id: A registered id, or ``dm_control/<domain>/<task>``.
        seed: Seed of the environment and its spaces, applied by a first reset; None for none.
        gamma: Discount of the return that rewards are scaled by.
        normalize_observation: Whether observations are centred and scaled.
        clip_observation: Limit of observations; None or 0 for none.
        normalize_reward: Whether rewards are scaled.
        clip_reward: Limit of rewards; None or 0 for none.

    Raises:
        ConfigError: an unknown id.
        BackendUnavailableError: a package is missing.
        EnvironmentFault: the environment cannot be made.
    """
    # Episodes are recorded below the normalisation: their returns are raw.
    env: Env = wrappers.RecordEpisodeStatistics(
        wrappers.FlattenObservation(instantiate(find_registration(env_id)))
    )
    if normalize_observation:
        env = wrappers.NormalizeObservation(env)
    if clip_observation:
        env = transform_observation(env, _clip(clip_observation))
    if normalize_reward:
        env = wrappers.NormalizeReward(env, gamma=gamma)
    if clip_reward:
        env = transform_reward(env, _clip(clip_reward))
    if seed is not None:
        env.reset(seed=seed)
        env.action_space.seed(seed)
        env.observation_space.seed(seed)
    return env


def _clip(limit: float) -> Callable[[Any], Any]:
    def clipped(values: Any) -> Any:
        return np.clip(values, -limit, limit)

    return clipped


def merge_obs_rms_stats(stats: Sequence[Moments]) -> Moments | None:
    """Merge statistics of separate sets of observations into those of their union.

    Args:
        stats: (mean [O], variance [O], count) triples; those without a positive count are skipped.

    Returns:
        The merged triple in float64, or None if there is nothing to merge.

    Raises:
        ValueError: a variance is negative, or shapes differ.
    """
    counted = [entry for entry in stats if math.isfinite(entry[2]) and entry[2] > 0]
    for index, (mean, variance, _) in enumerate(counted):
        if np.shape(mean) != np.shape(variance) or np.shape(mean) != np.shape(counted[0][0]):
            shapes = f"{np.shape(mean)} and {np.shape(variance)}, expected {np.shape(counted[0][0])}"
            raise ValueError(f"mean and variance of statistics {index} have shapes {shapes}")
        if np.min(variance, initial=0.0) < 0:
            raise ValueError(f"the variance of statistics {index} is negative: {np.min(variance)}")
    if not counted:
        return None
    merged = RunningMoments(np.shape(counted[0][0]))
    for mean, variance, count in counted:
        merged.merge(np.asarray(mean, np.float64), np.asarray(variance, np.float64), float(count))
    return merged.mean, merged.variance, merged.count


def collect_vector_obs_rms_stats(vec_env: Any) -> Moments | None:
    """Return the merged statistics of the `NormalizeObservation` wrappers of a vector environment.

    Args:
        vec_env: A Gymnasium `SyncVectorEnv` or `AsyncVectorEnv`.

    Returns:
        (mean [O], variance [O], count), or None if nothing normalises.
    """
    if hasattr(vec_env.unwrapped, "envs"):
        found = [layer.obs_rms for layer in _normalizers(vec_env)]
    elif _every_one_has(vec_env, "obs_rms"):
        found = vec_env.get_attr("obs_rms")
    else:
        return None
    return merge_obs_rms_stats([(rms.mean, rms.var, float(rms.count)) for rms in found])


def apply_obs_rms_stats(vec_env: Any, stats: Moments | None) -> None:
    """Copy statistics into every `NormalizeObservation` of an evaluation's environments, and freeze them.

    Args:
        vec_env: A Gymnasium `SyncVectorEnv` or `AsyncVectorEnv`.
        stats: (mean [O], variance [O], count); None only freezes.
    """
    if hasattr(vec_env.unwrapped, "envs"):
        for layer in _normalizers(vec_env):
            layer.update_running_mean = False
            if stats is not None:
                layer.obs_rms = _running_moments(stats)
    elif _every_one_has(vec_env, "obs_rms"):
        vec_env.set_attr("update_running_mean", False)
        if stats is not None:
            vec_env.set_attr("obs_rms", _running_moments(stats))


def _normalizers(vec_env: Any) -> list[Any]:
    layers = [find_wrapper(env, wrappers.NormalizeObservation) for env in vec_env.unwrapped.envs]
    return [layer for layer in layers if layer is not None]


def running_returns(vec_env: Any) -> list[float] | None:
    """Return the raw return so far of each environment's episode, or None if nothing records episodes."""
    if not _every_one_has(vec_env, "episode_returns"):
        return None
    return [float(value) for value in vec_env.get_attr("episode_returns")]


def _every_one_has(vec_env: Any, name: str) -> bool:
    """Whether every environment has an attribute; asking a worker for one that it lacks would end it.

    An environment that is vectorised itself has no environments inside that could be asked.
    """
    return hasattr(vec_env, "call") and all(vec_env.call("has_wrapper_attr", name))


def _running_moments(stats: Moments) -> RunningMeanStd:
    moments = RunningMeanStd()  # type: ignore[no-untyped-call]
    moments.mean, moments.var, moments.count = np.array(stats[0]), np.array(stats[1]), float(stats[2])
    return moments

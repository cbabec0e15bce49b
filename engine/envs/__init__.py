"""Environments, stepped many at a time behind one contract (`engine.envs.base`).

A backend is one entry of `BACKENDS`. Importing this package is cheap: what a backend needs is imported
when it is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from engine.envs.base import STOP, EnvSpec, FaultPolicy, VectorEnv
from engine.errors import ConfigError, nearest

__all__ = [
    "BACKENDS",
    "EnvListing",
    "check_env",
    "list_environments",
    "make_vector_env",
    "resolve_backend",
]


@dataclass(frozen=True, slots=True)
class EnvListing:
    """An environment that can be trained."""

    id: str
    backend: str
    """What steps it under ``auto``."""
    family: str
    """The suite that it belongs to, such as mujoco or classic_control."""
    requires: str
    """Command that installs what it lacks; empty if it can be trained now."""


@dataclass(frozen=True, slots=True)
class Backend:
    """How a backend makes and describes environments."""

    make: Callable[[str, int, int, FaultPolicy], VectorEnv]
    """(env_id, num_envs, threads, faults) -> environments."""
    describe: Callable[[str], EnvSpec]
    """env_id -> what one environment is; raises what `check_env` raises."""


def _make_mujoco(env_id: str, num_envs: int, threads: int, faults: FaultPolicy) -> VectorEnv:
    from engine.envs.mujoco_batch import MujocoBatchEnv

    return MujocoBatchEnv(env_id, num_envs, threads=threads, faults=faults)


def _describe_mujoco(env_id: str) -> EnvSpec:
    env = _make_mujoco(env_id, 1, 1, STOP)
    env.close()
    return env.spec


def _make_gymnasium(env_id: str, num_envs: int, threads: int, faults: FaultPolicy) -> VectorEnv:
    from engine.envs.gymnasium import GymnasiumEnv

    return GymnasiumEnv(env_id, num_envs, asynchronous=False, faults=faults)


def _make_gymnasium_async(env_id: str, num_envs: int, threads: int, faults: FaultPolicy) -> VectorEnv:
    from engine.envs.gymnasium import GymnasiumEnv

    return GymnasiumEnv(env_id, num_envs, asynchronous=True, faults=faults)


def _describe_gymnasium(env_id: str) -> EnvSpec:
    from engine.envs.gymnasium import describe

    return describe(env_id)


BACKENDS: dict[str, Backend] = {
    "mujoco": Backend(_make_mujoco, _describe_mujoco),
    "gymnasium": Backend(_make_gymnasium, _describe_gymnasium),
    "gymnasium-async": Backend(_make_gymnasium_async, _describe_gymnasium),
}
"""Everything that steps environments, by the name that ``env.backend`` takes."""


def resolve_backend(env_id: str, backend: str = "auto") -> str:
    """Return the name of the backend that steps an environment.

    Args:
        env_id: A Gymnasium id, or ``dm_control/<domain>/<task>``.
        backend: A name in `BACKENDS`, or auto: mujoco where it knows the environment.

    Raises:
        ConfigError: no such backend, or mujoco for an environment that it does not know.
    """
    if backend not in ("auto", *BACKENDS):
        known = ("auto", *BACKENDS)
        raise ConfigError(f"unknown backend {backend!r}{nearest(backend, known)} (known: {', '.join(known)})")
    if backend not in ("auto", "mujoco"):
        return backend
    supported = _mujoco_ids()
    if env_id in supported:
        return "mujoco"
    if backend == "auto":
        return "gymnasium"
    raise ConfigError(
        f"the mujoco backend does not know {env_id!r}{nearest(env_id, supported)} "
        f"(it knows {', '.join(sorted(supported))}); use backend auto or gymnasium"
    )


def make_vector_env(
    env_id: str,
    *,
    backend: str = "auto",
    num_envs: int,
    threads: int = 0,
    faults: FaultPolicy = STOP,
) -> VectorEnv:
    """Make N environments of one kind.

    Args:
        env_id: A Gymnasium id, or ``dm_control/<domain>/<task>``.
        backend: A name in `BACKENDS`, or auto.
        num_envs: Number of environments (N), at least 1.
        threads: CPU threads for physics, for backends that have them; 0 means one per available core.
        faults: what happens when an environment breaks.

    Raises:
        ConfigError: an unknown id or backend, or spaces that are not supported.
        BackendUnavailableError: a package is missing.
        EnvironmentFault: an environment cannot be made.
    """
    if num_envs < 1:
        raise ConfigError(f"env.num_envs must be at least 1, not {num_envs}")
    return BACKENDS[resolve_backend(env_id, backend)].make(env_id, num_envs, threads, faults)


def check_env(env_id: str, backend: str = "auto") -> EnvSpec:
    """Say what an environment is, or why it cannot be trained, before anything is started.

    Makes one environment and closes it.

    Raises:
        ConfigError: an unknown id or backend, or spaces that are not supported.
        BackendUnavailableError: a package is missing; the message has the command that installs it.
        EnvironmentFault: the environment cannot be made.
    """
    resolved = resolve_backend(env_id, backend)
    return dataclasses.replace(BACKENDS[resolved].describe(env_id), backend=resolved)


def list_environments() -> list[EnvListing]:
    """Return the newest version of everything that Gymnasium and installed suites offer, by family and id."""
    from engine.envs.wrappers import missing_package, newest_registrations

    supported = _mujoco_ids()
    listings = [
        EnvListing(env_id, "mujoco" if env_id in supported else "gymnasium", family, missing_package(family))
        for env_id, family in newest_registrations()
    ]
    return sorted(listings, key=lambda listing: (listing.family, listing.id))


def _mujoco_ids() -> frozenset[str]:
    from engine.envs.mujoco_batch import SUPPORTED_IDS

    return SUPPORTED_IDS

"""Observations of any space as flat numbers, refused where they are not what the space promises.

`gymnasium.spaces.flatten` would cut a number to the space's type, count a negative index from the end and
pass on a part of another size, all without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from engine.envs.base import Floats

_RANKS = {"b": 0, "i": 1, "u": 1, "f": 2}
"""Kinds of numbers; a higher one holds the lower ones."""
_NAME = "its observation"


def flat_observation(space: spaces.Space[Any], observation: Any, size: int) -> Floats:
    """Return an observation as numbers [O] in the order of `gymnasium.spaces.flatten`.

    Args:
        space: what it should belong to.
        observation: what the environment returned.
        size: flattened size of the space (O).

    Raises:
        ValueError: another shape, part, type or size of number than the space has, or a number that is
            not finite.
    """
    # Copied in any case: an environment may use its arrays again.
    if isinstance(space, spaces.Box):  # as most are: without detours
        flat = np.array(_fitting(space, observation, _NAME), dtype=np.float64).ravel()
    else:
        flat = np.concatenate([*_parts(space, observation, _NAME)], dtype=np.float64)
    if flat.shape != (size,):
        raise ValueError(f"{_NAME} has {flat.size} numbers, its observation space {size}")
    if not np.isfinite(flat).all():
        broken = np.flatnonzero(~np.isfinite(flat))
        raise ValueError(f"{_NAME} is not finite: element {broken[0]} of {flat.size} is {flat[broken[0]]}")
    return flat


def _parts(space: spaces.Space[Any], observation: Any, name: str) -> Iterator[NDArray[Any]]:
    """Yield the flat parts of an observation, leaf by leaf."""
    match space:
        case spaces.Box() | spaces.MultiBinary():
            yield _fitting(space, observation, name).ravel()
        case spaces.Discrete():
            yield _one_hot_index(space, observation, name)
        case spaces.MultiDiscrete():
            yield _one_hot_indices(space, observation, name)
        case spaces.Dict():
            yield from _dict_parts(space, observation, name)
        case spaces.Tuple():
            yield from _tuple_parts(space, observation, name)
        case _:
            yield np.asarray(spaces.flatten(space, observation))


def _dict_parts(space: spaces.Dict, observation: Any, name: str) -> Iterator[NDArray[Any]]:
    missing = [key for key in space.spaces if not (isinstance(observation, Mapping) and key in observation)]
    if missing:
        raise ValueError(f"{name} lacks {missing[0]!r}, which its observation space has")
    for key, part in space.spaces.items():
        yield from _parts(part, observation[key], f"{name}[{key!r}]")


def _tuple_parts(space: spaces.Tuple[Any], observation: Any, name: str) -> Iterator[NDArray[Any]]:
    if len(observation) != len(space.spaces):
        raise ValueError(f"{name} has {len(observation)} parts, its observation space {len(space.spaces)}")
    for index, part in enumerate(space.spaces):
        yield from _parts(part, observation[index], f"{name}[{index}]")


def _fitting(space: spaces.Box | spaces.MultiBinary, observation: Any, name: str) -> NDArray[Any]:
    """Return numbers of the space's type and shape that are those of the observation."""
    array = np.asarray(observation)
    if array.shape != space.shape:
        raise ValueError(f"{name} has shape {array.shape}, its observation space {space.shape}")
    kind = space.dtype
    assert kind is not None
    if array.dtype == kind:
        return array
    if _RANKS.get(array.dtype.kind, 3) > _RANKS[kind.kind]:
        raise ValueError(f"{name} is of {array.dtype}, its observation space of {kind}")
    with np.errstate(over="ignore"):  # rounding to float32 is fine, and what overflows is not finite
        cast: NDArray[Any] = array.astype(kind)
    if array.dtype.kind != "f" and not np.array_equal(cast, array):
        changed = int(np.flatnonzero(cast != array)[0])
        raise ValueError(
            f"{name} does not fit its observation space's {kind}: element {changed} is {array.flat[changed]}"
        )
    return cast


def _one_hot_index(space: spaces.Discrete, observation: Any, name: str) -> NDArray[Any]:
    index = observation
    if isinstance(observation, (np.ndarray, np.generic)):
        if observation.size != 1:
            raise ValueError(f"{name} has shape {observation.shape}, its observation space ()")
        index = observation.item()
    if not isinstance(index, int):
        kind = type(index).__name__
        raise ValueError(f"{name} is of {kind}, its observation space of whole numbers")
    chosen = index - int(space.start)
    if not 0 <= chosen < space.n:
        raise ValueError(f"{name} is {index}, which is not in its observation space {space}")
    flat = np.zeros(int(space.n))
    flat[chosen] = 1.0
    return flat


def _one_hot_indices(space: spaces.MultiDiscrete, observation: Any, name: str) -> NDArray[Any]:
    """Return the one-hot vectors of several indices, one after the other."""
    array, counts = np.asarray(observation), space.nvec.ravel()
    if array.size != counts.size:
        raise ValueError(f"{name} has shape {array.shape}, its observation space {space.shape}")
    if array.dtype.kind not in "biu":
        raise ValueError(f"{name} is of {array.dtype}, its observation space of whole numbers")
    chosen = array.ravel().astype(np.int64) - space.start.ravel()
    outside = np.flatnonzero((chosen < 0) | (chosen >= counts))
    if outside.size:
        wrong = array.flat[outside[0]]
        raise ValueError(f"{name} is {wrong}, which is not in its observation space {space}")
    flat = np.zeros(int(counts.sum()))
    flat[np.cumsum(counts) - counts + chosen] = 1.0
    return flat

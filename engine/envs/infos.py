"""Reading what Gymnasium's vector environments say about finished episodes.

Three generations of layouts are understood. ``final_info`` is a list or object array with one dict
an environment and a ``_final_info`` mask (0.29), one dict of arrays with a mask beside each (1.x), or a
dict keyed by environment index. Without a mask every entry present counts. Environments are free to
put anything into their infos, so malformed entries are left out and never raise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_OBSERVATION_KEYS = ("final_obs", "final_observation")


def iter_final_info_entries(infos: Any) -> list[tuple[int, dict[str, Any]]]:
    """Return (environment index, final info) of each finished episode, by index.

    Args:
        infos: What a vector environment's `step` returned last.
    """
    if not isinstance(infos, Mapping):
        return []
    final, mask = infos.get("final_info"), _mask(infos, "final_info")
    if not isinstance(final, Mapping) or _keyed_by_index(final):
        entries = _entries(final, mask)
    elif mask is None and not (indices := _indices(final)):
        entries = iter([(0, final)])  # a single environment's own dict
    else:
        chosen = np.flatnonzero(mask).tolist() if mask is not None else indices
        entries = ((index, _slice(final, index)) for index in chosen)
    return [(index, dict(entry)) for index, entry in entries if isinstance(entry, Mapping)]


def extract_final_observations(infos: Any, num_envs: int) -> list[NDArray[Any] | None]:
    """Return each environment's last observation before its reset, None where no episode ended.

    Args:
        infos: What a vector environment's `step` returned last.
        num_envs: Number of environments (N), the length of the result.
    """
    found: list[NDArray[Any] | None] = [None] * num_envs
    if not isinstance(infos, Mapping):
        return found
    finished = iter_final_info_entries(infos)
    for key in _OBSERVATION_KEYS:
        beside = _entries(infos.get(key), _mask(infos, key))
        inside = [(index, entry.get(key)) for index, entry in finished]
        for index, value in (*beside, *inside):
            if index < num_envs and found[index] is None:
                found[index] = _as_numbers(value)
    return found


def extract_episode_returns(infos: Any) -> list[tuple[int, float]]:
    """Return (environment index, return) of each finished episode, by index.

    Args:
        infos: What a vector environment's `step` returned last.
    """
    if not isinstance(infos, Mapping):
        return []
    found: dict[int, float] = {}
    for index, entry in iter_final_info_entries(infos):
        if isinstance(episode := entry.get("episode"), Mapping):
            _add_return(found, index, episode.get("r"))
    episode = infos.get("episode")
    mask = _mask(infos, "episode")
    if isinstance(episode, Mapping) and "r" in episode:
        mask = _mask(episode, "r") if mask is None else mask
        returns = episode["r"]
        single = np.isscalar(returns) or (isinstance(returns, np.ndarray) and returns.ndim == 0)
        for index, value in _entries([returns] if single else returns, mask):
            _add_return(found, index, value)
    else:
        for index, value in _entries(episode, mask):
            _add_return(found, index, value.get("r") if isinstance(value, Mapping) else None)
    return sorted(found.items())


def _add_return(found: dict[int, float], index: int, value: Any) -> None:
    number = _as_numbers(value)
    if number is not None and number.size == 1:
        found[index] = float(number.reshape(()))


def _as_numbers(value: Any) -> NDArray[Any] | None:
    """Return a value as an array of numbers, or None if it is nothing of the kind."""
    if value is None:
        return None
    try:
        array = np.asarray(value)
    except Exception:  # ragged lists, hostile objects
        return None
    return array if array.dtype.kind in "biuf" else None


def _mask(infos: Mapping[Any, Any], key: str) -> NDArray[np.bool_] | None:
    """Return the flags [N] that say which entries of ``key`` count, or None without usable ones."""
    flags = _as_numbers(infos.get(f"_{key}"))
    return flags.astype(bool) if flags is not None and flags.ndim == 1 else None


def _is_index(key: Any) -> bool:
    return isinstance(key, (int, np.integer)) and not isinstance(key, bool) and bool(key >= 0)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _keyed_by_index(values: Mapping[Any, Any]) -> bool:
    return bool(values) and all(_is_index(key) for key in values)


def _entries(values: Any, mask: NDArray[np.bool_] | None) -> Iterator[tuple[int, Any]]:
    """Yield (index, value) of a sequence or a dict keyed by index, where the mask allows."""
    pairs: Iterator[tuple[Any, Any]]
    if isinstance(values, Mapping):
        pairs = iter(sorted((key, value) for key, value in values.items() if _is_index(key)))
    elif _is_sequence(values):
        pairs = iter(enumerate(values))
    else:
        return
    for index, value in pairs:
        if value is not None and (mask is None or (index < len(mask) and mask[index])):
            yield int(index), value


def _indices(values: Mapping[Any, Any]) -> list[int]:
    """Return the environments that any mask inside a dict of arrays names."""
    masks = [_mask(values, key) for key in values if isinstance(key, str)]
    return sorted({int(index) for mask in masks if mask is not None for index in np.flatnonzero(mask)})


def _slice(values: Mapping[Any, Any], index: int) -> dict[str, Any]:
    """Return one environment's part of a dict of arrays, masks left out."""
    part: dict[str, Any] = {}
    for key, value in values.items():
        if not isinstance(key, str) or (key.startswith("_") and key[1:] in values):
            continue
        mask = _mask(values, key)
        if mask is not None and not (index < len(mask) and mask[index]):
            continue
        if isinstance(value, Mapping):
            part[key] = _slice(value, index)
        elif _is_sequence(value):
            part.update({key: value[index]} if index < len(value) else {})
        else:
            part[key] = value
    return part

"""Nested training state split into tensors and JSON, so that a checkpoint needs no pickle.

A tree is made of dicts, lists, tuples, tensors, arrays and JSON scalars. `split` takes the tensors out and
leaves a JSON document with references; `join` puts them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

_TENSOR, _ARRAY, _PAIRS, _TUPLE = "__tensor__", "__array__", "__pairs__", "__tuple__"


def split(tree: Any, path: str = "state") -> tuple[dict[str, Tensor], Any]:
    """Return the tensors by dotted path, and the JSON document that refers to them.

    Raises:
        TypeError: the tree holds something that is neither.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _encode(tree, path, tensors)


def join(document: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Rebuild the tree that `split` took apart.

    Raises:
        KeyError: a tensor that the document refers to is missing.
    """
    if isinstance(document, list):
        return [join(item, tensors) for item in document]
    if not isinstance(document, dict):
        return document
    match document:
        case {"__tensor__": name}:
            return tensors[name]
        case {"__array__": name}:
            return tensors[name].numpy()
        case {"__pairs__": pairs}:
            return {key: join(value, tensors) for key, value in pairs}
        case {"__tuple__": items}:
            return tuple(join(item, tensors) for item in items)
    return {key: join(value, tensors) for key, value in document.items()}


def clone(tree: Any) -> Any:
    """Return a tree with tensors and arrays of its own; much faster than `copy.deepcopy`."""
    match tree:
        case Tensor():
            return tree.detach().clone()
        case np.ndarray():
            return tree.copy()
        case dict():
            return {key: clone(value) for key, value in tree.items()}
        case list() | tuple():
            return type(tree)(clone(item) for item in tree)
    return tree


def optional_number(value: Any, path: str) -> float | None:
    """Return a finite number, or None for None.

    Raises:
        ValueError: it is something else; names it by its path.
    """
    if value is None:
        return None
    if type(value) not in (int, float) or not -1e300 < value < 1e300:
        raise ValueError(f"{path} is {value!r:.40}, expected a number")
    return float(value)


def require_like(found: Any, expected: Any, path: str) -> None:
    """Check that a tree has the shape of another: same keys, kinds, tensor shapes and types.

    Args:
        found: the tree to check, from a file say.
        expected: one that is right; where it has None or an empty dict, anything goes.
        path: name of the trees.

    Raises:
        ValueError: names the first place that differs.
    """
    if expected is None or (isinstance(expected, dict) and not expected):
        return
    if type(found) is not type(expected):
        raise ValueError(f"{path} is a {type(found).__name__}, expected a {type(expected).__name__}")
    if isinstance(expected, (Tensor, np.ndarray)):
        _require_like_array(found, expected, path)
        return
    pairs, others = _entries(expected), _entries(found)
    if pairs.keys() != others.keys():
        odd = ", ".join(sorted(map(str, pairs.keys() ^ others.keys())))
        raise ValueError(f"{path} has other entries than expected: {odd}")
    for key, value in pairs.items():
        require_like(others[key], value, f"{path}.{key}")


def _entries(tree: Any) -> dict[Any, Any]:
    """Return what a tree holds by key or index; a scalar holds nothing."""
    if isinstance(tree, dict):
        return tree
    return dict(enumerate(tree)) if isinstance(tree, (list, tuple)) else {}


def _require_like_array(found: Any, expected: Any, path: str) -> None:
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        raise ValueError(
            f"{path} is {tuple(found.shape)} of {found.dtype}, "
            f"expected {tuple(expected.shape)} of {expected.dtype}"
        )


def _encode(tree: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    match tree:
        case Tensor():
            tensors[path] = tree.detach().cpu().clone()  # of its own: safetensors refuses views
            return {_TENSOR: path}
        case np.ndarray():
            tensors[path] = torch.from_numpy(tree.copy())
            return {_ARRAY: path}
        case dict():
            return _encode_dict(tree, path, tensors)
        case list() | tuple():
            items = [_encode(item, f"{path}.{index}", tensors) for index, item in enumerate(tree)]
            return {_TUPLE: items} if isinstance(tree, tuple) else items
        case None | bool() | int() | float() | str():
            return tree
    raise TypeError(f"{path}: a checkpoint cannot hold a {type(tree).__name__}")


def _encode_dict(tree: dict[Any, Any], path: str, tensors: dict[str, Tensor]) -> Any:
    encoded = {key: _encode(value, f"{path}.{key}", tensors) for key, value in tree.items()}
    if all(isinstance(key, str) for key in tree):
        return encoded
    return {_PAIRS: [[key, value] for key, value in encoded.items()]}

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

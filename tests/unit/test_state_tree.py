from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from engine.state_tree import join, split


def test_round_trip_through_json_keeps_values_types_and_keys() -> None:
    tree = {
        "weights": torch.arange(6.0).reshape(2, 3),
        "state": {0: {"step": torch.tensor(3.0), "betas": (0.9, 0.999)}, 1: {"step": torch.tensor(4.0)}},
        "rows": [np.arange(3, dtype=np.uint64), np.array(2.5)],
        "none": None,
        "flag": True,
        "name": "x",
        "number": 0.1,
        "empty": {},
    }
    tensors, document = split(tree)
    rebuilt = join(json.loads(json.dumps(document)), tensors)
    assert torch.equal(rebuilt["weights"], tree["weights"])
    assert rebuilt["state"][0]["betas"] == (0.9, 0.999)
    assert torch.equal(rebuilt["state"][1]["step"], torch.tensor(4.0))
    np.testing.assert_array_equal(rebuilt["rows"][0], np.arange(3, dtype=np.uint64))
    assert rebuilt["rows"][0].dtype == np.uint64
    assert rebuilt["rows"][1].shape == ()
    assert {key: rebuilt[key] for key in ("none", "flag", "name", "number", "empty")} == {
        "none": None,
        "flag": True,
        "name": "x",
        "number": 0.1,
        "empty": {},
    }


def test_tensors_are_named_by_their_path() -> None:
    tensors, _ = split({"a": {"b": [torch.zeros(1)]}}, "run")
    assert list(tensors) == ["run.a.b.0"]


def test_anything_else_is_refused_by_path() -> None:
    with pytest.raises(TypeError, match=r"state\.a\.1: .*set"):
        split({"a": [1, {2}]})


def test_a_missing_tensor_is_an_error() -> None:
    _, document = split({"a": torch.zeros(1)})
    with pytest.raises(KeyError):
        join(document, {})

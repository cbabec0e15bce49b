"""The negative control of exact resume: drop each saved part in turn, and the run goes on otherwise.

A part that could be dropped unnoticed would be saved for nothing, or the comparison would be blind to it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from engine.envs.mujoco_batch import MujocoBatchEnv
from engine.training import Training
from tests.unit.run_script import CARTPOLE, TIMES, TINY, without

SETTINGS = {
    "run": {"total_steps": 2000},
    "optimizer": {"schedule": "linear"},
    "vmpo": {"temperature_mode": "gradient", "target_update_period": 3, "popart": True, "epochs": 2},
    "network": {"shared_encoder": True},
    "env": {"num_envs": 2, "stagger": False},
}
"""Under which everything that can be saved matters."""
CONFIGS = {
    "mujoco": TINY.updated({"env": {"id": "HalfCheetah-v5", "backend": "mujoco"}}).updated(SETTINGS),
    "ant": TINY.updated({"env": {"id": "Ant-v5", "backend": "mujoco"}}).updated(SETTINGS),
    "humanoid": TINY.updated({"env": {"id": "Humanoid-v5", "backend": "mujoco"}}).updated(SETTINGS),
    "gymnasium": CARTPOLE.updated(SETTINGS),
}
BEFORE, AFTER = 4, 6
"""Updates up to the cut, and from there."""
Path = tuple[Any, ...]
DERIVED = {
    ("seconds",): "time taken is no part of the run",
    ("learner", "optimizer", "param_groups"): "follows from the configuration and the progress",
    ("learner", "temperature_optimizer", "param_groups"): "follows from the configuration",
}
"""What is saved and may differ or be dropped, and why."""


def go_on(state: dict[str, Any], backend: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Continue from a state in a new `Training`; return the rows and the state that it ends in."""
    training = Training(CONFIGS[backend])
    try:
        training.load_state_dict(copy.deepcopy(state))
        rows = [training.iterate()[0] for _ in range(AFTER)]
        return without(rows, *TIMES), training.state_dict()
    finally:
        training.close()


def parts(saved: Any, fresh: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of everything in a saved tree that differs from a fresh one."""
    if path in DERIVED:
        return
    if isinstance(saved, dict) and isinstance(fresh, dict) and saved.keys() == fresh.keys():
        for key in saved:
            yield from parts(saved[key], fresh[key], (*path, key))
    elif isinstance(saved, dict) and path[-1:] == ("env",):  # histories of episodes have no fixed keys
        yield from ((*path, key) for key in saved)
    elif not same(saved, fresh):
        yield path


def same(first: Any, second: Any) -> bool:
    match first:
        case torch.Tensor():
            return torch.equal(first, second)
        case np.ndarray():
            return np.array_equal(first, second)
        case dict():
            return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
        case list() | tuple():
            return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def dropped(saved: dict[str, Any], fresh: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a saved tree with one part as a fresh one has it, or without it where that has none."""
    tree = copy.deepcopy(saved)
    holder, source = tree, fresh
    for key in path[:-1]:
        holder, source = holder[key], source.get(key, {})
    if path[-1] in source:
        holder[path[-1]] = source[path[-1]]
    else:
        del holder[path[-1]]
    return tree


def prepare(backend: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the state of a run after a while, and that of a run about to start."""
    training = Training(CONFIGS[backend])
    training.start()
    fresh = copy.deepcopy(training.state_dict())
    for _ in range(BEFORE):
        training.iterate()
    saved = copy.deepcopy(training.state_dict())
    training.close()
    return saved, fresh


def differs(saved: dict[str, Any], backend: str, expected: tuple[Any, Any]) -> bool:
    """Whether a state leads elsewhere, or is refused (by the learner's own assertion, in one case)."""
    try:
        rows, state = go_on(saved, backend)
    except (ValueError, KeyError, RuntimeError, AssertionError):
        return True
    whole = state | {"seconds": 0}
    return not (rows == expected[0] and same(whole, expected[1] | {"seconds": 0}))


def positions_of(state: dict[str, Any], env_id: str) -> np.ndarray:
    """Return the positions [N] that the simulations' coordinates alone give."""
    env = MujocoBatchEnv(env_id, 2, threads=1)
    env.load_state_dict(state, 0)
    found = []
    for index in range(2):
        simulation = env.simulation(index)
        data = mujoco.MjData(simulation.model)
        data.qpos[:] = simulation.qpos
        mujoco.mj_kinematics(simulation.model, data)
        masses = simulation.model.body_mass
        centre = masses @ data.xipos[:, 0] / masses.sum()
        found.append(data.xpos[1, 0] if env_id == "Ant-v5" else centre)
    return np.array(found)


@pytest.mark.parametrize("name", ["ant", "humanoid"])
def test_positions_that_lag_the_state_can_neither_be_dropped_nor_made_up(name: str):
    saved, fresh = prepare(name)
    expected = go_on(saved, name)
    assert not differs(saved, name, expected)
    held = saved["collector"]["env"]
    made_up = positions_of(held, CONFIGS[name].env.id)
    np.testing.assert_allclose(made_up, held["position"], atol=0.1)  # it is the same thing, a substep later
    for position in (made_up, fresh["collector"]["env"]["position"]):
        changed = copy.deepcopy(saved)
        changed["collector"]["env"]["position"] = position
        assert differs(changed, name, expected)


@pytest.mark.parametrize("backend", [pytest.param("mujoco", marks=pytest.mark.faults), "gymnasium"])
def test_no_saved_part_can_be_dropped_unnoticed(backend: str):
    saved, fresh = prepare(backend)
    expected = go_on(saved, backend)
    assert not differs(saved, backend, expected)
    found = list(parts(saved, fresh))
    assert {"learner", "collector", "generators", "env_steps"} == {path[0] for path in found}
    unnoticed = [path for path in found if not differs(dropped(saved, fresh, path), backend, expected)]
    assert unnoticed == []

"""What does not fit into the memory is refused before it is made, or named when it could not be made."""

from __future__ import annotations

import pytest

from engine import training
from engine.envs import check_env
from engine.errors import ConfigError
from engine.room import check_room
from engine.training import build_training
from tests.unit.run_script import CARTPOLE, PENDULUM


@pytest.mark.parametrize("config", [CARTPOLE, PENDULUM], ids=["discrete", "continuous"])
def test_the_settings_that_take_too_much_are_named(config):
    spec = check_env(config.env.id)
    check_room(config, spec)
    large = config.updated({"env": {"num_envs": 10**6}, "vmpo": {"rollout_steps": 10**7}})
    with pytest.raises(
        ConfigError, match=r"env\.num_envs=1,000,000 with vmpo\.rollout_steps=10,000,000 needs"
    ):
        check_room(large, spec)


@pytest.mark.parametrize(
    "error",
    [MemoryError("std::bad_alloc"), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")],
    ids=["an environment's", "PyTorch's"],
)
def test_a_machine_that_refuses_memory_is_an_error_of_one_line(monkeypatch, error):
    def refuse(*_):
        raise error

    monkeypatch.setattr(training, "build_agent", refuse)
    with pytest.raises(ConfigError, match=r"the memory does not hold env\.num_envs=2, vmpo\.rollout_steps=8"):
        build_training(CARTPOLE)


def test_other_errors_stay_what_they_are(monkeypatch):
    def refuse(*_):
        raise RuntimeError("something else")

    monkeypatch.setattr(training, "build_agent", refuse)
    with pytest.raises(RuntimeError, match="something else"):
        build_training(CARTPOLE)

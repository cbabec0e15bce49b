"""What the user is told about an environment that cannot be trained, before anything starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from engine.envs import check_env, list_environments, make_vector_env, resolve_backend
from engine.envs.base import ContinuousActions, DiscreteActions
from engine.errors import BackendUnavailableError, ConfigError, EngineError, EnvironmentFault
from tests.unit import fault_envs


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with fault_envs.registered():
        yield


def message(env_id: str, backend: str = "auto", kind: type[EngineError] = ConfigError) -> str:
    with pytest.raises(kind) as caught:
        check_env(env_id, backend)
    text = str(caught.value)
    assert "\n" not in text
    with pytest.raises(kind):
        make_vector_env(env_id, backend=backend, num_envs=2)
    return text


@pytest.mark.parametrize("env_id", ["CartPole", "CartPol-v1", "cartpole-v1", "CartPole-v7"])
def test_an_unknown_id_gets_the_nearest(env_id: str) -> None:
    text = message(env_id)
    assert text.startswith(f"unknown environment '{env_id}'; did you mean ")
    assert "'CartPole-v1'" in text


@pytest.mark.parametrize("env_id", ["", "zzzzzzzzzzzz", "../../etc", "a/b/c/d"])
def test_an_id_like_nothing_gets_the_command_that_lists_them(env_id: str) -> None:
    assert message(env_id) == f"unknown environment '{env_id}'; `vmpo envs` lists what can be trained"


@pytest.mark.parametrize("backend", ["auto", "gymnasium", "gymnasium-async"])
def test_an_id_that_imports_code_is_refused(backend: str) -> None:
    text = message("antigravity:Fly-v0", backend)
    assert text == (
        "environment 'antigravity:Fly-v0' would import the module before the colon, which is refused; "
        "name the module with --import and give the environment's id alone"
    )
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("name", "space"),
    [("MultiDiscreteActionEnv", "MultiDiscrete([2 3])"), ("IntegerBoxActionEnv", "Box(0, 5, (2,), int64)")],
)
def test_an_unsupported_action_space_is_named(name: str, space: str) -> None:
    assert message(f"Faulty/{name}-v0") == (
        f"Faulty/{name}-v0 takes actions from {space}, which is not supported; "
        "supported are Box (of floating-point numbers) and Discrete"
    )


def test_an_observation_without_a_size_is_named() -> None:
    text = message("Faulty/SequenceObservationEnv-v0")
    assert "observes Sequence(Discrete(2), stack=False), whose size varies; supported are Box" in text


def test_a_constructor_that_raises_is_named() -> None:
    text = message("Faulty/UnmakeableEnv-v0", kind=EnvironmentFault)
    assert text == "Faulty/UnmakeableEnv-v0 cannot be made: RuntimeError: no display"


def test_a_missing_package_is_named() -> None:
    text = message("Faulty/PackagelessEnv-v0", kind=BackendUnavailableError)
    assert text == (
        "Faulty/PackagelessEnv-v0 needs a package that is not installed: "
        "frobnicator is not installed, run `pip install frobnicator`"
    )


def test_missing_box2d_gets_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Box2D", None)
    monkeypatch.delitem(sys.modules, "gymnasium.envs.box2d", raising=False)
    monkeypatch.delitem(sys.modules, "gymnasium.envs.box2d.lunar_lander", raising=False)
    assert message("LunarLander-v3", kind=BackendUnavailableError).endswith("(pip install 'vmpo-tui[box2d]')")


@pytest.mark.parametrize("env_id", ["phys2d/CartPole-v1", "tabular/Blackjack-v0"])
def test_missing_jax_gets_the_command(monkeypatch: pytest.MonkeyPatch, env_id: str) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    for name in [
        name for name in sys.modules if name.startswith(("gymnasium.envs.phys2d", "gymnasium.envs.tabular"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    text = message(env_id, kind=BackendUnavailableError)
    assert text.startswith(f"{env_id} needs a package that is not installed: ")
    assert text.endswith("(pip install 'gymnasium[jax]')")


@pytest.mark.parametrize("package", ["shimmy", "dm_control"])
def test_missing_dm_control_gets_the_command(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    text = message("dm_control/cartpole/swingup", kind=BackendUnavailableError)
    assert text.startswith("dm_control/ environments need shimmy and dm_control (")
    assert text.endswith("): pip install 'vmpo-tui[dm-control]'")


def test_an_unknown_dm_control_task_gets_the_nearest() -> None:
    pytest.importorskip("dm_control")
    assert "did you mean 'dm_control/cartpole/swingup'" in message("dm_control/cartpole/swingupp")
    for beyond_the_suite in ("dm_control/cartpole-swingup-v0", "dm_control/compatibility-env-v0"):
        assert message(beyond_the_suite).startswith(f"unknown environment '{beyond_the_suite}'")


def test_mujoco_lists_what_it_knows() -> None:
    text = message("CartPole-v1", "mujoco")
    assert text.startswith("the mujoco backend does not know 'CartPole-v1'")
    assert "Ant-v5, HalfCheetah-v5, Hopper-v5" in text
    assert text.endswith("use backend auto or gymnasium")
    assert "did you mean 'HalfCheetah-v5'" in message("HalfCheeta-v5", "mujoco")


def test_an_unknown_backend_gets_the_nearest() -> None:
    text = message("CartPole-v1", "mujoko")
    assert text == (
        "unknown backend 'mujoko'; did you mean 'mujoco'? (known: auto, mujoco, gymnasium, gymnasium-async)"
    )


@pytest.mark.parametrize("num_envs", [0, -3])
def test_environments_are_at_least_one(num_envs: int) -> None:
    with pytest.raises(ConfigError, match=f"num_envs must be at least 1, not {num_envs}"):
        make_vector_env("CartPole-v1", num_envs=num_envs)


def test_auto_takes_mujoco_where_it_knows_the_environment() -> None:
    assert resolve_backend("HalfCheetah-v5") == "mujoco"
    assert resolve_backend("HalfCheetah-v5", "gymnasium-async") == "gymnasium-async"
    assert resolve_backend("CartPole-v1") == "gymnasium"


def test_what_can_be_trained_is_described() -> None:
    continuous = check_env("HalfCheetah-v5")
    assert (continuous.backend, continuous.observation_size, continuous.max_episode_steps) == (
        "mujoco",
        17,
        1000,
    )
    assert isinstance(continuous.actions, ContinuousActions)
    discrete = check_env("CartPole-v1", "gymnasium-async")
    assert (discrete.backend, discrete.observation_size, discrete.max_episode_steps) == (
        "gymnasium-async",
        4,
        500,
    )
    assert discrete.actions == DiscreteActions(2)


def test_listed_environments_are_the_newest_of_each_family() -> None:
    listings = {listing.id: listing for listing in list_environments()}
    assert (listings["HalfCheetah-v5"].backend, listings["HalfCheetah-v5"].family) == ("mujoco", "mujoco")
    assert (listings["CartPole-v1"].backend, listings["CartPole-v1"].family) == (
        "gymnasium",
        "classic_control",
    )
    assert not {"HalfCheetah-v4", "CartPole-v0", "GymV21Environment-v0"} & set(listings)
    assert listings["CartPole-v1"].requires == ""


def test_listed_environments_without_their_package_name_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    listings = {listing.id: listing for listing in list_environments()}
    assert listings["LunarLander-v3"].requires == "pip install 'vmpo-tui[box2d]'"


def test_importing_the_package_imports_no_backend() -> None:
    script = (
        "import sys, engine.envs; print([m for m in ('gymnasium', 'mujoco', 'torch') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"

"""Every layout in which Gymnasium has reported finished episodes, and none of the ways to break them."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import RecordEpisodeStatistics
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.envs.infos import extract_episode_returns, extract_final_observations, iter_final_info_entries


def objects(*values: Any) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


ENDED = np.array([False, True, False, True])
FIRST = {"episode": {"r": 1.5, "l": 3}, "final_observation": np.array([1.0, 2.0])}
SECOND = {"episode": {"r": np.array([-2.0]), "l": 4}, "final_obs": [3.0, 4.0]}

ONE_DICT = {
    "episode": {"r": np.array([0, 1.5, 0, -2]), "_r": ENDED, "l": np.array([0, 3, 0, 4]), "_l": ENDED},
    "_episode": ENDED,
    "final_obs": objects(None, [1, 2], None, [3, 4]),
    "_final_obs": ENDED,
}
LAYOUTS = {
    "list with mask": {"final_info": [None, FIRST, None, SECOND], "_final_info": ENDED},
    "tuple with list mask": {"final_info": (None, FIRST, {}, SECOND), "_final_info": ENDED.tolist()},
    "object array with mask": {"final_info": objects({}, FIRST, {}, SECOND), "_final_info": ENDED},
    "list without mask": {"final_info": [None, FIRST, None, SECOND]},
    "one dict with mask": {"final_info": ONE_DICT, "_final_info": ENDED},
    "one dict, masks only inside": {"final_info": ONE_DICT},
    "dict keyed by index": {"final_info": {3: SECOND, 1: FIRST}},
    "dict keyed by index, with mask": {
        "final_info": {np.int64(1): FIRST, 2: FIRST, 3: SECOND},
        "_final_info": ENDED,
    },
}


@pytest.mark.parametrize("infos", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_says_the_same(infos: dict[str, Any]) -> None:
    entries = iter_final_info_entries(infos)
    assert [index for index, _ in entries] == [1, 3]
    assert [int(entry["episode"]["l"]) for _, entry in entries] == [3, 4]
    assert extract_episode_returns(infos) == [(1, 1.5), (3, -2.0)]
    observations = [o if o is None else o.tolist() for o in extract_final_observations(infos, 4)]
    assert observations == [None, [1, 2], None, [3, 4]]


def test_a_dict_without_arrays_is_the_only_environment_s() -> None:
    infos = {"final_info": {"episode": {"r": 7.0}, "final_obs": np.array([1.0])}}
    assert iter_final_info_entries(infos) == [(0, infos["final_info"])]
    assert extract_episode_returns(infos) == [(0, 7.0)]


def test_constants_in_one_dict_belong_to_every_environment_that_ended() -> None:
    infos = {"final_info": {"map": "maze", "depth": np.float64(2)}, "_final_info": ENDED[:2]}
    assert iter_final_info_entries(infos) == [(1, {"map": "maze", "depth": 2.0})]


@pytest.mark.parametrize("key", ["final_obs", "final_observation"])
@pytest.mark.parametrize(
    ("values", "mask"),
    [
        (objects(None, np.array([1, 2]), None), np.array([False, True, False])),
        (objects([9, 9], [1, 2], [9, 9]), np.array([False, True, False])),
        ([None, [1, 2], None], None),
        (np.array([[9, 9], [1, 2], [9, 9]]), np.array([False, True, False])),
        ({1: np.array([1, 2])}, None),
    ],
)
def test_observations_beside_the_infos(key: str, values: Any, mask: Any) -> None:
    infos = {key: values} | ({} if mask is None else {f"_{key}": mask})
    first, second, third = extract_final_observations(infos, 3)
    assert first is None
    assert third is None
    assert second is not None
    assert second.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("infos", "expected"),
    [
        ({"episode": {"r": np.array([5.0, 6.0])}, "_episode": np.array([False, True])}, [(1, 6.0)]),
        ({"episode": {"r": np.array([5.0, 6.0]), "_r": np.array([True, False])}}, [(0, 5.0)]),
        ({"episode": {"r": np.array([5.0, 6.0])}}, [(0, 5.0), (1, 6.0)]),
        ({"episode": {"r": np.float32(5)}}, [(0, 5.0)]),
        ({"episode": {"r": np.array(5.0), "l": np.array(3)}}, [(0, 5.0)]),
        ({"final_info": {"episode": {"r": np.array(5.0)}}}, [(0, 5.0)]),
        ({"episode": [None, {"r": 6.0}], "_episode": [False, True]}, [(1, 6.0)]),
        ({"episode": {"r": [[5.0], [6.0]]}, "_episode": [True, False]}, [(0, 5.0)]),
    ],
)
def test_returns_beside_the_infos(infos: dict[str, Any], expected: list[tuple[int, float]]) -> None:
    assert extract_episode_returns(infos) == expected


def test_a_return_given_twice_counts_once() -> None:
    infos = {"final_info": [FIRST], "episode": {"r": np.array([1.5])}, "_episode": np.array([True])}
    assert extract_episode_returns(infos) == [(0, 1.5)]


NOTHING = [
    None,
    [],
    "infos",
    {},
    {"final_info": None},
    {"final_info": 3, "final_obs": 3, "episode": 3},
    {"final_info": "text", "final_obs": "text", "episode": "text"},
    {"final_info": [], "_final_info": []},
    {"final_info": [None, 1, "x", ["y"]], "final_obs": [None, "x", object(), [[1], [1, 2]]]},
    {"final_info": [FIRST], "_final_info": np.array([False])},
    {"final_info": [None, FIRST], "_final_info": np.array([True])},  # the mask ends before the entry
    {"final_info": {"episode": {"r": np.array([1.0])}}, "_final_info": np.array([False, False])},
    {"final_info": {"episode": {"r": np.array([])}, "_episode": [True]}},
    {"final_info": [{"episode": None}, {"episode": {}}, {"episode": {"r": "high"}}, {"final_obs": None}]},
    {"final_info": {True: FIRST, -1: FIRST}},
    {"final_obs": np.array(3.0), "final_observation": objects({"a": 1}), "_final_obs": "yes"},
    {"episode": {"r": None}},
    {"episode": {"r": np.array([[1.0, 2.0]])}, "_episode": [True]},
    {"episode": {"r": [1.0]}, "_episode": [False]},
    {"episode": [1, None, {"l": 2}], "_episode": [True, True, True]},
]


@pytest.mark.parametrize("infos", NOTHING, ids=range(len(NOTHING)))
def test_absent_and_malformed_entries_are_left_out(infos: Any) -> None:
    iter_final_info_entries(infos)
    assert extract_final_observations(infos, 4) == [None] * 4
    assert extract_episode_returns(infos) == []


def test_a_usable_entry_survives_malformed_neighbours_and_masks() -> None:
    infos = {
        "final_info": [3, FIRST, "x"],
        "_final_info": [[1], [2, 3]],  # ragged: no mask at all
        "final_obs": [None, None, [5.0, 6.0], [7.0], [8.0]],  # more than there are environments
    }
    assert extract_episode_returns(infos) == [(1, 1.5)]
    first, second, third = extract_final_observations(infos, 3)
    assert first is None
    assert second is not None
    assert third is not None
    assert second.tolist() == [1, 2]
    assert third.tolist() == [5, 6]


KEYS = ("final_info", "final_obs", "final_observation", "episode", "r", "l")
LEAVES = st.none() | st.booleans() | st.integers(-2, 4) | st.floats() | st.text(max_size=2)
ARRAYS = st.lists(st.integers(-2, 4), max_size=4).map(np.array) | st.lists(LEAVES, max_size=4).map(
    lambda values: objects(*values)
)
VALUES = st.recursive(
    LEAVES | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.sampled_from([*KEYS, *(f"_{key}" for key in KEYS), 0, 1, -1]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(VALUES)
def test_nothing_that_an_environment_says_raises(infos: Any) -> None:
    assert all(type(index) is int and type(entry) is dict for index, entry in iter_final_info_entries(infos))
    assert len(extract_final_observations(infos, 3)) == 3
    assert all(type(value) is float for _, value in extract_episode_returns(infos))


def test_the_installed_gymnasium_is_understood() -> None:
    makers = [
        lambda limit=limit: RecordEpisodeStatistics(gym.make("Pendulum-v1", max_episode_steps=limit))
        for limit in (3, 5)
    ]
    envs = SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset(seed=0)
    total = 0.0
    for _ in range(2):
        _, rewards, *_, infos = envs.step(np.zeros((2, 1), np.float32))
        total += rewards[0]
        assert extract_episode_returns(infos) == []
        assert extract_final_observations(infos, 2) == [None, None]
    observations, rewards, _, truncated, infos = envs.step(np.zeros((2, 1), np.float32))
    assert truncated.tolist() == [True, False]
    ((index, episode_return),) = extract_episode_returns(infos)
    assert index == 0
    assert episode_return == pytest.approx(total + rewards[0])
    final, running = extract_final_observations(infos, 2)
    assert running is None
    assert final is not None
    assert final.shape == (3,)
    assert not np.array_equal(final, observations[0])
    envs.close()

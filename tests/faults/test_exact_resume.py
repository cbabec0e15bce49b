"""A run that goes on in another process equals the uninterrupted one: every tensor, generator and row."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.checkpoint import find_checkpoint
from tests.faults.resume_matrix import CUTS, GYMNASIUM, MUJOCO, WAYS, Case, run_and_cut, state_at
from tests.unit.run_script import TIMES, rows, without

PACKAGES = {"LunarLander-v3": "Box2D", "dm_control/cartpole/swingup": "shimmy"}
SHORT = {"mujoco-Hopper-v5", "gymnasium-CartPole-v1"}
"""Cases that every test run goes through; the others need ``-m faults``."""


def matrix() -> list[object]:
    """Return every case; one whose package is missing here is reported as skipped."""
    return [pytest.param(case, id=case.name, marks=marks(case)) for case in (*MUJOCO, *GYMNASIUM)]


def marks(case: Case) -> list[pytest.MarkDecorator]:
    package = PACKAGES.get(case.env_id, "gymnasium")
    missing = importlib.util.find_spec(package) is None
    found = [pytest.mark.skip(reason=f"{case.env_id} needs {package}")] if missing else []
    return found if case.name in SHORT else [*found, pytest.mark.faults]


@pytest.fixture(scope="module", params=matrix())
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Path]:
    """A case run to its end here, and its copies gone on from their cuts in another process."""
    case: Case = request.param
    folder = tmp_path_factory.mktemp(case.name)
    copies = run_and_cut(case, folder)
    command = [sys.executable, "-m", "tests.faults.resume_matrix", *map(str, copies)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return case, folder


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cut", CUTS)
def test_a_run_gone_on_in_a_new_process_equals_the_uninterrupted_one(
    finished: tuple[Case, Path], cut: str, way: str
):
    case, folder = finished
    straight, resumed = folder / "straight", folder / f"{cut}-{way}"
    written = [without(rows(path), *TIMES) for path in (straight, resumed)]
    assert [row["updates"] for row in written[0]] == list(range(1, case.updates + 1))
    assert written[1] == written[0]
    (first, tensors), (second, others) = (state_at(find_checkpoint(path)) for path in (straight, resumed))
    assert first == second
    assert tensors.keys() == others.keys()
    assert [name for name in tensors if not torch.equal(tensors[name], others[name])] == []
    assert "not exact" not in (resumed / "events.jsonl").read_text()

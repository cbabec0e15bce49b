"""A run that goes on in another process equals the uninterrupted one: every tensor, generator and row."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.checkpoint import find_checkpoint
from tests.faults.resume_matrix import GYMNASIUM, MUJOCO, Case, run_and_cut, state_at
from tests.unit.run_script import TIMES, rows, without

PACKAGES = {"LunarLander-v3": "Box2D", "dm_control/cartpole/swingup": "shimmy"}
CASES = [
    case
    for case in (*MUJOCO, *GYMNASIUM)
    if importlib.util.find_spec(PACKAGES.get(case.env_id, "gymnasium")) is not None
]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case run to its end here, and its copies gone on from their cuts in one other process."""
    root = tmp_path_factory.mktemp("matrix")
    jobs = [
        f"{root / case.name / cut}={case.updates}"
        for case in CASES
        for cut in run_and_cut(case, root / case.name)
    ]
    subprocess.run([sys.executable, "-m", "tests.faults.resume_matrix", *jobs], check=True)
    return root


@pytest.mark.parametrize("cut", ["early", "middle", "done"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_run_gone_on_in_a_new_process_equals_the_uninterrupted_one(matrix: Path, case: Case, cut: str):
    straight, resumed = matrix / case.name / "straight", matrix / case.name / cut
    written = [without(rows(path), *TIMES) for path in (straight, resumed)]
    assert [row["updates"] for row in written[0]] == list(range(1, case.updates + 1))
    assert written[1] == written[0]
    (first, tensors), (second, others) = (state_at(find_checkpoint(path)) for path in (straight, resumed))
    assert first == second
    assert tensors.keys() == others.keys()
    assert [name for name in tensors if not torch.equal(tensors[name], others[name])] == []
    assert "not exact" not in (resumed / "events.jsonl").read_text()

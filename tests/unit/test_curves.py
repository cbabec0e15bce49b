"""Learning curves: read from files as they are, smoothed, put together over seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config import Config
from engine.errors import CheckpointError
from engine.run_directory import RunDirectory
from vmpo_tui.curves import EVALUATION, TRAINING, Curve, grouped, read_history, smoothed, summarize
from vmpo_tui.figure import BAND_NOTE, FAINT_NOTE, compose


def write_run(
    path: Path,
    rows: Sequence[Mapping[str, Any]] = (),
    events: Sequence[Mapping[str, Any]] = (),
    **sections: Mapping[str, Any],
) -> Path:
    """Write the files of a run."""
    directory = RunDirectory.create(path, Config().updated(sections))
    directory.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    directory.events.write_text("".join(json.dumps(row) + "\n" for row in events))
    return path


def row(steps: int, **metrics: float | None) -> dict[str, Any]:
    """Return a row of metrics; an update takes 10 steps and 2 seconds."""
    return {"env_steps": steps, "updates": steps / 10, "seconds": steps / 5} | metrics


def evaluation(steps: int, *returns: float) -> dict[str, Any]:
    """Return the event of an evaluation."""
    return {
        "event": "EvaluationCompleted",
        "env_steps": steps,
        "updates": steps // 10,
        "returns": list(returns),
    }


def curve(x: Sequence[float], y: Sequence[float]) -> Curve:
    return Curve(np.array(x, dtype=np.float64), np.array(y, dtype=np.float64))


def test_metrics_and_evaluations_are_read_over_any_abscissa(tmp_path: Path) -> None:
    rows = [row(10, loss=1.0), row(20, loss=None), row(30, loss=3.0)]
    path = write_run(tmp_path / "run", rows, [evaluation(10, 1.0, 2.0), evaluation(30, 5.0)])
    history = read_history(path, ["loss", EVALUATION])
    assert history.names == {"env_steps", "updates", "seconds", "loss", EVALUATION}
    assert history.curve("loss").x.tolist() == [10, 30]  # null was not finite
    assert history.curve("loss", "updates").x.tolist() == [1, 3]
    assert history.curve(EVALUATION).y.tolist() == [1.5, 5.0]
    assert history.curve(EVALUATION, "updates").x.tolist() == [1, 3]
    assert history.curve(EVALUATION, "seconds").x.tolist() == [2, 6]  # of the updates they followed


def test_evaluations_beyond_the_checkpoint_that_was_resumed_are_dropped(tmp_path: Path) -> None:
    events = [
        evaluation(10, 1.0),
        evaluation(20, 9.0),
        {"event": "RunStarted", "env_steps": 10},
        evaluation(20, 2.0),
    ]
    history = read_history(write_run(tmp_path / "run", [row(20)], events), [EVALUATION])
    assert history.curve(EVALUATION).y.tolist() == [1.0, 2.0]


def test_damaged_files_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", [row(10, loss=1.0), row(20, loss=1e305)], [evaluation(10)])
    with (path / "metrics.jsonl").open("a") as file:
        file.write('["no row"]\n{"env_steps": "ten", "loss": "high"}\n{"env_steps": 40, "lo')
    history = read_history(path, ["loss"])
    assert history.curve("loss").y.tolist() == [1.0]
    assert not len(history.curve(EVALUATION).x)
    with pytest.raises(CheckpointError, match="not a run directory"):
        read_history(tmp_path, ["loss"])


def test_smoothing_is_a_running_mean_that_keeps_the_ends() -> None:
    noisy = curve(range(5), [0, 3, 0, 3, 0])
    assert smoothed(noisy, 3).y.tolist() == [1.5, 1.0, 2.0, 1.0, 1.5]
    assert smoothed(noisy, 1) is noisy
    assert smoothed(noisy, None) is noisy  # a fiftieth of five points is none
    assert len(smoothed(curve([], []), 9).y) == 0
    long = smoothed(curve(range(200), [0.0, 1.0] * 100), None)  # two points to either side
    assert long.y[100] == pytest.approx(0.4)


def test_seeds_are_put_together_as_far_as_half_of_them_got() -> None:
    band = summarize([curve([0, 2, 4], [0, 2, 4]), curve([0, 2], [4, 4]), curve([], [])])
    assert band.x.tolist() == [0, 2, 4]
    assert band.median.tolist() == [2, 3, 4]
    assert band.low.tolist() == [1.0, 2.5, 4]
    assert band.high.tolist() == [3.0, 3.5, 4]
    three = summarize([curve([0, 4], [0, 4]), curve([0, 2], [1, 1]), curve([0, 2], [2, 2])])
    assert three.x.tolist() == [0, 2]  # one of three is not half of them
    assert len(summarize([]).x) == 0


def test_many_points_of_many_seeds_are_thinned() -> None:
    grids = [np.union1d([0.0, 3000.0], np.arange(3000) + 0.1 * seed) for seed in range(3)]
    band = summarize([curve(grid, np.full(len(grid), seed)) for seed, grid in enumerate(grids)])
    assert len(band.x) == 1000
    assert (band.x[0], band.x[-1]) == (0.0, 3000.0)
    assert set(band.median) == {1.0}


def test_runs_that_differ_by_seed_only_are_one_group(tmp_path: Path) -> None:
    def run(name: str, seed: int, **vmpo: float) -> Path:
        return write_run(tmp_path / name, [row(10)], run={"seed": seed}, vmpo=vmpo)

    paths = [run("a", 0), run("b", 1), run("c", 0, gamma=0.5), run("d", 0)]
    paths.append(write_run(tmp_path / "e", [row(10)], env={"id": "CartPole-v1"}))
    groups = grouped(read_history(path, []) for path in paths)
    assert [[run.name for run in group.runs] for group in groups] == [["a", "b", "d"], ["c"], ["e"]]
    # a and d have the same seed
    assert [group.label for group in groups] == [
        "HalfCheetah-v5, gamma 0.99, 3 runs",
        "HalfCheetah-v5, gamma 0.5",
        "CartPole-v1",
    ]


def test_groups_that_differ_in_much_are_named_after_a_run(tmp_path: Path) -> None:
    other = {"gamma": 0.5, "gae_lambda": 0.5, "epochs": 3, "topk_fraction": 1.0}
    paths = [write_run(tmp_path / name, run={"seed": seed}) for seed, name in enumerate("ab")]
    paths.append(write_run(tmp_path / "c", vmpo=other))
    groups = grouped(read_history(path, []) for path in paths)
    assert [group.label for group in groups] == ["HalfCheetah-v5, as in a, 2 seeds", "HalfCheetah-v5, c"]


def test_returns_show_evaluations_over_faint_training(tmp_path: Path) -> None:
    rows = [row(steps, **{TRAINING: float(steps)}) for steps in (10, 20, 30)]
    evaluated = write_run(tmp_path / "a", rows, [evaluation(10, 1.0), evaluation(30, 3.0)])
    once = write_run(tmp_path / "b", rows, [evaluation(10, 1.0)], env={"id": "CartPole-v1"})
    histories = [read_history(path, (EVALUATION, TRAINING)) for path in (evaluated, once)]
    figure = compose(grouped(histories), (), "steps", None)
    cheetah, cartpole = figure.panels
    assert [(line.faint, line.band.median.tolist()) for line in cheetah.lines] == [
        (True, [10, 20, 30]),
        (False, [1, 3]),
    ]
    assert [(line.faint, line.band.median.tolist()) for line in cartpole.lines] == [(False, [10, 20, 30])]
    assert (cheetah.title, cartpole.title) == ("HalfCheetah-v5", "CartPole-v1")
    assert figure.note == FAINT_NOTE


def test_each_metric_of_each_environment_has_a_panel(tmp_path: Path) -> None:
    paths = [
        write_run(
            tmp_path / f"{env_id}-{seed}", [row(10, a=1.0, b=2.0)], env={"id": env_id}, run={"seed": seed}
        )
        for env_id in ("X-v0", "Y-v0")
        for seed in (0, 1)
    ]
    groups = grouped(read_history(path, ("a", "b")) for path in paths)
    figure = compose(groups, ("a", "b"), "updates", None)
    assert [(panel.title, panel.y_label) for panel in figure.panels] == [
        ("X-v0", "a"), ("Y-v0", "a"), ("X-v0", "b"), ("Y-v0", "b"),
    ]  # fmt: skip
    assert [[line.group for line in panel.lines] for panel in figure.panels] == [[0], [1], [0], [1]]
    assert (figure.x_label, figure.note) == ("updates", BAND_NOTE)

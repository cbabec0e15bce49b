"""Evaluations inside a run: that they end, and what commands do meanwhile."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest
import torch

from engine import evaluation
from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.commands import Command, Pause, Resume, Stop
from engine.config import Config
from engine.envs.base import DiscreteActions, EnvSpec
from engine.errors import ConfigError
from engine.evaluation import longest_episode
from engine.events import EvaluationCompleted, Event, RunPaused, UpdateCompleted, Warned
from engine.run import Trainer
from engine.scoring import evaluate_checkpoint
from tests.unit import fault_envs
from tests.unit.run_script import CARTPOLE, ITERATION, TIMES, ScriptedChannel, rows, train, without
from vmpo_tui.cli.commands import app
from vmpo_tui.cli.entry import execute
from vmpo_tui.cli.training import find_start

EVERY = {"interval": ITERATION}
ENDLESS = CARTPOLE.updated({"env": {"id": "Faulty/EndlessEnv-v0"}, "evaluation": EVERY})


class During(ScriptedChannel):
    """Sends a command while an evaluation is at one of its steps, and another one when an event comes."""

    def __init__(self, command: Command, *script: tuple[type[Event], tuple[Command, ...]], step: int = 3):
        super().__init__(*script)
        self.command, self.step = command, step
        self.asked = 0

    def stop_requested(self) -> bool:
        self.asked += 1
        if self.asked == self.step:
            self.send(self.command)
        return super().stop_requested()


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with fault_envs.registered():
        yield


def scores(channel: ScriptedChannel) -> list[tuple[tuple[float, ...], tuple[int, ...]]]:
    return [
        (event.returns, event.lengths) for event in channel.events if isinstance(event, EvaluationCompleted)
    ]


def warnings(channel: ScriptedChannel) -> list[str]:
    return [event.message for event in channel.events if isinstance(event, Warned)]


def test_the_limit_of_an_episode_is_the_settings_or_the_environments_or_ours():
    limited, unlimited = (EnvSpec("X", "toy", 1, 1, DiscreteActions(2), limit) for limit in (500, None))
    assert [longest_episode(limited, setting) for setting in (0, 7)] == [math.inf, 7]
    assert [longest_episode(unlimited, setting) for setting in (0, 7)] == [10_000, 7]


def test_an_episode_without_end_is_cut_off_counted_and_told_of_once(tmp_path):
    channel = ScriptedChannel()
    summary = train(ENDLESS, tmp_path / "run", channel, evaluation={"max_episode_steps": 7})
    assert (summary.reason, summary.best_return) == ("completed", 7.0)
    assert scores(channel) == 4 * [((7.0, 7.0), (7, 7))]
    assert warnings(channel) == [
        "2 of 2 evaluation episodes were cut off after 7 steps; "
        "their returns are those so far (evaluation.max_episode_steps)"
    ]
    assert evaluate_checkpoint(tmp_path / "run", episodes=3, seed=0).returns == (7.0, 7.0, 7.0)


def test_the_command_line_says_what_was_cut_off(tmp_path, capsys):
    train(ENDLESS, tmp_path / "run", evaluation={"max_episode_steps": 7})
    assert execute(app, "vmpo", ["eval", str(tmp_path / "run"), "--episodes", "3", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["cut_off"] == 3
    assert err.startswith("warning: 3 of 3 evaluation episodes were cut off after 7 steps; ")
    train(CARTPOLE, tmp_path / "cartpole")
    assert execute(app, "vmpo", ["eval", str(tmp_path / "cartpole"), "--episodes", "3", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["cut_off"], err) == (0, "")


def test_an_environment_without_a_limit_gets_one(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "UNLIMITED_STEPS", 9)
    channel = ScriptedChannel()
    train(ENDLESS, tmp_path / "run", channel)
    assert scores(channel) == 4 * [((9.0, 9.0), (9, 9))]


def test_an_episode_that_ends_is_not_cut_off(tmp_path):
    channel = ScriptedChannel()
    train(CARTPOLE, tmp_path / "run", channel, evaluation={"max_episode_steps": 500})
    again = ScriptedChannel()
    train(CARTPOLE, tmp_path / "again", again)
    assert scores(channel) == scores(again)
    assert warnings(channel) == []


def test_a_stop_breaks_an_evaluation_off_that_would_never_end(tmp_path):
    forever = {"evaluation": {"max_episode_steps": 10**9}}
    channel = During(Stop(), step=50)
    summary = train(ENDLESS.updated(forever), tmp_path / "run", channel)
    assert (summary.reason, summary.updates, summary.final_evaluation) == ("stopped", 1, None)
    assert channel.asked == 50
    assert warnings(channel) == ["the evaluation was broken off, as the run is to stop"]
    assert load_checkpoint(find_checkpoint(tmp_path / "run")).updates == 1
    assert [row["updates"] for row in rows(tmp_path / "run")] == [1]
    assert not any("eval/return_mean" in row for row in rows(tmp_path / "run"))


def test_a_stop_that_discards_breaks_it_off_too(tmp_path):
    summary = train(ENDLESS, tmp_path / "run", During(Stop(save=False)))
    assert (summary.reason, summary.updates, summary.checkpoint) == ("discarded", 1, None)


def final_state(name: str, config: Config, tmp_path, channel: ScriptedChannel | None = None):
    """Train, and go on if that was stopped; return the last checkpoint and the rows without evaluations."""
    run_dir = tmp_path / name
    if train(config, run_dir, channel).reason == "stopped":
        assert Trainer.resume(run_dir, channel=channel).run(run_dir).reason == "completed"
    checkpoint = load_checkpoint(find_checkpoint(run_dir))
    del checkpoint.state["training"]["seconds"]
    return checkpoint, without(rows(run_dir), "eval/", *TIMES)


@pytest.mark.parametrize("step", [3, 1])
def test_a_run_makes_up_for_an_evaluation_that_was_broken_off_and_equals_an_uninterrupted_one(tmp_path, step):
    config = CARTPOLE.updated({"evaluation": {"interval": 2 * ITERATION}})
    straight, expected = final_state("straight", config, tmp_path, unbroken := ScriptedChannel())
    stopped, written = final_state("stopped", config, tmp_path, channel := During(Stop(), step=step))
    assert written == expected
    assert stopped.state == straight.state  # the best return, too
    assert [
        name for name in straight.tensors if not torch.equal(straight.tensors[name], stopped.tensors[name])
    ] == []
    assert scores(channel) == scores(unbroken)
    # Broken off after the second update, and made up for before the third.
    assert channel.kinds.count("RunFinished") == 2
    following = channel.events[channel.kinds.index("RunFinished") :]
    assert [kind for kind in map(type, following) if kind in {EvaluationCompleted, UpdateCompleted}] == [
        EvaluationCompleted, UpdateCompleted, EvaluationCompleted, UpdateCompleted,
    ]  # fmt: skip


def test_a_last_evaluation_that_was_broken_off_is_made_up_for(tmp_path):
    straight, expected = final_state("straight", CARTPOLE, tmp_path)
    stopped, written = final_state("stopped", CARTPOLE, tmp_path, During(Stop()))
    assert written == expected
    assert stopped.state == straight.state
    assert stopped.state["best_return"] is not None


def test_the_command_line_resumes_a_run_whose_last_evaluation_is_owed(tmp_path):
    run_dir = tmp_path / "run"
    assert train(CARTPOLE, run_dir, During(Stop())).env_steps == CARTPOLE.run.total_steps
    start, _ = find_start(str(run_dir), None)
    assert Trainer.resume(start).run(run_dir).final_evaluation is not None
    with pytest.raises(ConfigError, match="has already taken 64 of 64 steps"):
        find_start(str(run_dir), None)


def test_a_pause_waits_until_the_evaluation_is_over(tmp_path):
    channel = During(Pause(), (RunPaused, (Resume(),)))
    train(CARTPOLE, tmp_path / "run", channel, evaluation=EVERY)
    assert len(scores(channel)) == 4
    assert channel.kinds.index("RunPaused") > channel.kinds.index("EvaluationCompleted")
    assert channel.kinds.index("RunPaused") < channel.kinds.index("EvaluationCompleted") + 5

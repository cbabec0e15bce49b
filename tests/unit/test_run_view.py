"""The view model: what each event makes of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from engine import events
from tests.tui.scripted_engine import STARTED, update
from vmpo_tui.history import Series
from vmpo_tui.run_view import LOG_LINES, RunView, apply, note, request_pause, request_stop

FAILED = events.RunFailed("no", "ValueError", "trace", 4096, 2)
FINISHED = events.RunFinished("completed", 4096, 2, 12.5)


def after(*happened: events.Event, view: RunView | None = None) -> RunView:
    view = view or RunView()
    for event in happened:
        view = apply(view, event)
    return view


def test_a_series_grows_and_keeps_every_point():
    series = Series()
    for index in range(1000):
        series.append(index, -2.0 * index)
    assert len(series) == 1000
    assert np.array_equal(series.x, np.arange(1000.0))
    assert np.array_equal(series.y, -2.0 * np.arange(1000.0))


def test_a_started_run_has_its_names_and_bounds():
    view = after(STARTED)
    assert (view.env_id, view.backend, view.num_envs, view.seed) == ("HalfCheetah-v5", "mujoco", 32, 0)
    assert view.total_steps == 1_000_000
    vmpo = STARTED.config["vmpo"]
    assert view.bounds == {
        "kl/mean": vmpo["epsilon_mu"],
        "kl/policy": vmpo["epsilon_mu"],
        "kl/covariance": vmpo["epsilon_sigma"],
        "estep/kl": vmpo["epsilon_eta"],
    }
    assert view.log[-1].text == "started HalfCheetah-v5, seed 0, in runs/HalfCheetah-v5-s0"


def test_a_resumed_run_says_so_and_begins_where_it_stood():
    fields = {name: getattr(STARTED, name) for name in STARTED.__slots__}
    view = after(events.RunStarted(**fields | {"env_steps": 4096, "updates": 2}))
    assert (view.env_steps, view.updates) == (4096, 2)
    assert view.log[-1].text.startswith("resumed ")


def test_updates_fill_the_histories():
    view = after(STARTED, *(update(number) for number in (1, 2, 3)))
    assert (view.env_steps, view.updates, view.seconds) == (6144, 3, 1.5)
    assert view.latest == update(3).metrics
    kl = view.history.metrics["kl/mean"]
    assert list(kl.x) == [2048.0, 4096.0, 6144.0]
    assert list(kl.y) == [update(number).metrics["kl/mean"] for number in (1, 2, 3)]
    assert len(view.history.episodes) == 6
    assert view.steps_per_second == pytest.approx(4096.0)
    assert view.progress == 6144 / 1_000_000
    assert view.eta == (1_000_000 - 6144) / view.steps_per_second


def test_the_training_return_is_the_same_whether_episodes_end_one_by_one_or_together():
    def row(number, count, mean):
        figures = {"train/episodes": float(count), "train/episode_return_mean": mean}
        others = {name: value for name, value in update(number).metrics.items() if "/episode" not in name}
        return events.UpdateCompleted({**others, **figures})

    together = after(row(1, 1, 50.0), row(2, 3, 100.0), row(3, 2, -10.0))
    singly = after(row(1, 1, 50.0), *(row(2, 1, 100.0),) * 3, *(row(3, 1, -10.0),) * 2)
    assert together.episode_return == pytest.approx(singly.episode_return)
    assert len(together.history.returns) == 3
    nothing = {name: value for name, value in update(4).metrics.items() if "/episode" not in name}
    assert after(events.UpdateCompleted(nothing), view=together).episode_return == together.episode_return


def test_what_a_run_shows_of_its_episodes_is_in_its_files():
    view = after(STARTED, update(1), update(2))
    read_back = [event_from_metrics for event_from_metrics in (update(1).metrics, update(2).metrics)]
    attached = after(STARTED, *(events.UpdateCompleted(metrics) for metrics in read_back))
    for name in ("returns", "lowest", "highest", "counts"):
        live, read = getattr(view.history, name), getattr(attached.history, name)
        assert list(live.x) == list(read.x)
        assert list(live.y) == list(read.y)
    assert view.episode_return == attached.episode_return
    low, high = sorted(update(2).episode_returns)
    assert (view.history.lowest.y[-1], view.history.highest.y[-1]) == (low, high)


def test_evaluations_keep_the_newest_and_the_best():
    evaluations = [
        events.EvaluationCompleted(1000 * k, k, returns, (1,), 0.1, best)
        for k, (returns, best) in enumerate([((1.0, 3.0), True), ((4.0, 6.0), True), ((2.0, 2.0), False)], 1)
    ]
    view = after(STARTED, *evaluations)
    assert view.score == (2.0, 0.0)
    assert view.best == 5.0
    assert list(view.history.evaluations.y) == [2.0, 5.0, 2.0]
    assert list(view.history.deviations.y) == [1.0, 1.0, 0.0]
    assert [line.kind for line in view.log[1:]] == ["score"] * 3
    assert "the best so far" in view.log[2].text
    assert "the best so far" not in view.log[3].text


def test_the_state_follows_the_engine():
    view = after(STARTED)
    assert view.state == "starting"
    view = after(events.PhaseChanged("building environments"), view=view)
    assert (view.state, view.phase) == ("starting", "building environments")
    assert request_pause(view).state == "pausing"
    view = after(events.PhaseChanged("training"), view=view)
    assert view.state == "training"
    view = request_pause(view)
    assert view.state == "pausing"
    view = after(events.PhaseChanged("evaluating"), view=view)
    assert view.state == "pausing"  # until the engine confirms
    view = after(events.RunPaused(0, 0), view=view)
    assert view.state == "paused"
    assert request_pause(view).state == "paused"
    view = after(events.RunResumed(0, 0), view=view)
    assert view.state == "training"
    view = request_stop(view)
    assert view.state == "stopping"
    assert after(events.PhaseChanged("training"), view=view).state == "stopping"


@pytest.mark.parametrize(("end", "state"), [(FINISHED, "finished"), (FAILED, "failed")])
def test_the_last_word_ends_a_run(end, state):
    view = after(STARTED, end)
    assert view.over
    assert view.state == state
    assert request_stop(view) == view


def test_the_first_failure_is_kept():
    view = after(STARTED, FAILED, replace(FAILED, error="an echo"))
    assert view.failure == FAILED
    assert [line.text for line in view.log].count("ValueError: no") == 1


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("completed", "target reached at 4.1k steps"),
        ("stopped", "saved and stopped at 4.1k steps"),
        ("discarded", "stopped, not saved at 4.1k steps"),
    ],
)
def test_how_a_run_ended(reason, text):
    assert after(replace(FINISHED, reason=reason)).log[-1].text == text


def test_the_log_is_bounded_and_numbered():
    view = RunView()
    for index in range(LOG_LINES + 50):
        view = note(view, str(index))
    assert len(view.log) <= LOG_LINES + 1
    assert view.log[-1].number == LOG_LINES + 50
    assert [line.number for line in view.log] == list(range(view.log[0].number, view.log[-1].number + 1))


def test_an_unknown_event_changes_nothing():
    @dataclass(frozen=True, slots=True)
    class FromTheFuture(events.Event):
        pass

    view = after(STARTED)
    assert apply(view, FromTheFuture()) is view


def test_a_run_without_speed_or_target_has_no_end_in_sight():
    assert RunView().eta == float("inf")
    assert RunView().progress == 0.0
    assert replace(RunView(), total_steps=100, env_steps=150, steps_per_second=1.0).eta == 0.0
    assert replace(RunView(), total_steps=100, env_steps=150).progress == 1.0


def test_an_evaluation_during_a_pause_leaves_the_run_held():
    view = apply(after(STARTED), events.RunPaused(1, 1))
    view = apply(view, events.PhaseChanged("evaluating"))
    assert (view.state, view.held) == ("evaluating", True)
    view = apply(view, events.PhaseChanged("paused"))
    assert (view.state, view.held) == ("paused", True)
    view = apply(view, events.RunResumed(1, 1))
    assert (view.state, view.held) == ("training", False)


def test_a_pause_asked_for_twice_is_confirmed_by_the_phase():
    view = replace(apply(after(STARTED), events.RunPaused(1, 1)), state="pausing")
    assert apply(view, events.PhaseChanged("evaluating")).state == "pausing"
    assert apply(view, events.PhaseChanged("paused")).state == "paused"
    assert apply(request_stop(view), events.PhaseChanged("paused")).state == "stopping"

"""Announcements, how many there may be, calls to a user who looks elsewhere, and hints."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from engine import events
from vmpo_tui.announcements import KIND_SECONDS, MOST_AT_ONCE, SHOWN_SECONDS, Announcement, Limiter, announce
from vmpo_tui.call import desktop_notification
from vmpo_tui.hints import HINTS, QUIET_SECONDS, Lessons
from vmpo_tui.keymap import key_names
from vmpo_tui.run_view import RunView

NAMES = key_names({})


def evaluated(*returns: float) -> events.EvaluationCompleted:
    return events.EvaluationCompleted(4096, 2, returns, (10,) * len(returns), 0.1, best=True)


@pytest.mark.parametrize(
    ("best", "returns", "text", "calls"),
    [
        (None, (1.0, 3.0), "first score: 2.000", False),
        (1000.0, (1500.0,), "score 1,500: best so far, +500.0", True),
        (1000.0, (900.0, 700.0), "score 800.0: 200.0 under the best", False),
        (1000.0, (1000.0,), "score 1,000: as good as the best", False),
    ],
)
def test_an_evaluation_is_compared_with_the_best_before_it(best, returns, text, calls):
    said = announce(RunView(best=best), evaluated(*returns))
    assert said == Announcement("evaluation", text, calls=calls)


def test_what_else_is_announced():
    view = RunView(best=12.0)
    saved = announce(view, events.CheckpointSaved("x", 8192, 4, False, 0.1))
    assert saved == Announcement("checkpoint", "checkpoint saved at 8.19k steps")
    warned = announce(view, events.Warned("env 3\x1b[2J was restarted"))
    assert warned == Announcement("warning", "env 3\\x1b[2J was restarted", "warning")
    finished = announce(view, events.RunFinished("completed", 1_000_000, 9, 1.0))
    assert finished == Announcement("end", "target reached at 1M steps, best score 12.00", calls=True)
    failed = announce(view, events.RunFailed("broken", "ValueError", "", 1, 1))
    assert failed == Announcement("failure", "the run failed: ValueError: broken", "error", calls=True)
    assert announce(view, events.PhaseChanged("training")) is None


def test_a_flood_of_announcements_is_thinned():
    limiter, shown = Limiter(), []
    for tenth in range(1000):
        for kind in ("evaluation", "checkpoint", "warning"):
            if limiter.admits(Announcement(kind, ""), tenth / 10):
                shown.append((tenth / 10, kind))
    for now, _ in shown:
        assert sum(0 <= now - when < SHOWN_SECONDS for when, _ in shown) <= MOST_AT_ONCE
    for kind, seconds in KIND_SECONDS.items():
        said = [when for when, what in shown if what == kind]
        assert len(said) >= 2
        assert all(after - before >= seconds for before, after in itertools.pairwise(said))
    assert len(shown) >= 20


def test_an_end_is_always_announced():
    limiter = Limiter()
    assert all(limiter.admits(Announcement("end", ""), 0.0) for _ in range(5))


def test_a_notification_in_the_words_of_the_terminal():
    assert desktop_notification("run", "ended", {}) == "\x1b]9;run: ended\x1b\\"
    assert desktop_notification("run", "ended", {"VTE_VERSION": "7600"}) == "\x1b]777;notify;run;ended\x1b\\"
    assert desktop_notification("run", "ended", {"TERM": "rxvt-unicode-256color"}).startswith("\x1b]777;")
    tmux = desktop_notification("run", "ended", {"TMUX": "/tmp/x"})
    assert tmux == "\x1bPtmux;\x1b\x1b]9;run: ended\x1b\x1b\\\x1b\\"


def test_a_notification_steers_no_terminal():
    sequence = desktop_notification("a\x1b]2;x\a;b", "c\x1b\\\x9c\x07\n;d" + "x" * 9999, {})
    inside = sequence.removeprefix("\x1b]9;").removesuffix("\x1b\\")
    assert inside.isprintable()
    assert ";" not in inside
    assert len(inside) < 500


def test_every_hint_teaches_a_key_that_there_is():
    names = {hint.binding for hint in HINTS}
    assert names <= set(NAMES)


def test_hints_come_one_at_a_time_with_quiet_between_them():
    lessons = Lessons((), NAMES, steers=True)
    view = replace(RunView(), updates=100)
    assert lessons.look(RunView(), 0.0) is None  # nothing to pause yet
    hint = lessons.look(view, 1.0)
    assert hint is not None
    assert hint.binding == "run.toggle_pause"
    assert lessons.look(view, 1000.0) is hint  # until it is followed
    assert not lessons.learn("run.freeze", 1000.0)
    assert lessons.learn("run.toggle_pause", 1000.0)
    assert not lessons.learn("run.toggle_pause", 1000.0)
    assert lessons.look(view, 1000.0 + QUIET_SECONDS - 1) is None
    following = lessons.look(view, 1000.0 + QUIET_SECONDS)
    assert following is not None
    assert following.binding == "run.evaluate"
    assert lessons.dismiss(2000.0)
    assert lessons.learned == {"run.toggle_pause", "run.evaluate"}
    lessons.end()
    assert lessons.look(view, 9000.0) is None
    assert not lessons.dismiss(9000.0)


def test_what_is_known_is_not_taught():
    learned = {hint.binding for hint in HINTS} - {"run.help"}
    hint = Lessons(learned, NAMES, steers=True).look(replace(RunView(), updates=100), 0.0)
    assert hint is not None
    assert hint.binding == "run.help"


def test_who_may_not_steer_is_not_taught_to():
    lessons = Lessons((), NAMES, steers=False)
    view, taught = replace(RunView(), updates=100), []
    for turn in range(len(HINTS)):
        if hint := lessons.look(view, turn * 100.0):
            taught.append(hint.binding)
            lessons.dismiss(turn * 100.0)
    assert taught == ["screen.duals", "run.help"]

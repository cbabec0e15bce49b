from __future__ import annotations

import io

import pytest
from rich.console import Console

from engine.channel import Channel
from engine.events import EvaluationCompleted, Event, PhaseChanged, RunFailed, Warned
from tests.unit.cli_runner import row, started
from vmpo_tui.console import LINE_SECONDS, ConsoleChannel, PlainDisplay, ProgressDisplay, describe


class Clock:
    """Monotonic seconds that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def _terminal(width: int = 80) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    console = Console(
        file=stream, force_terminal=True, width=width, markup=False, highlight=False, color_system=None
    )
    return console, stream


def test_plain_lines_are_key_figures_in_order(clock):
    stream = io.StringIO()
    display = PlainDisplay(stream, clock=clock)
    display.show(row(1024, 1.0, 2.0))
    # sorted by key, 4 decimals; return is the mean of 1 and 2
    assert stream.getvalue() == (
        "dual/temperature=0.2500 env_steps=1024.0000 kl/policy=0.0125 loss/value=0.5000 "
        "return=1.5000 steps_per_second=12345.6000\n"
    )


def test_plain_lines_come_once_an_interval(clock):
    stream = io.StringIO()
    display = PlainDisplay(stream, clock=clock)
    for step in range(1, 4):
        display.show(row(1024 * step))
        clock.now += LINE_SECONDS / 2
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == [
        "env_steps=1024.0000",
        "env_steps=3072.0000",
    ]


def test_without_progress_only_lines_worth_keeping_remain(clock):
    stream = io.StringIO()
    display = PlainDisplay(stream, progress=False, clock=clock)
    for event in (started(), PhaseChanged("training"), row(1024, 1.0), Warned("disk full")):
        display.show(event)
    assert stream.getvalue().splitlines() == [
        "training CartPole-v1 (gymnasium, 8 environments) to 4,096 steps in runs/x",
        "warning: disk full",
    ]


def test_texts_from_outside_stay_texts(clock):
    stream = io.StringIO()
    PlainDisplay(stream, clock=clock).show(Warned("[red]\x1b[2J\nsecond"))
    assert stream.getvalue() == "warning: [red]\\x1b[2J second\n"
    console, terminal = _terminal()
    with ProgressDisplay(console, clock=clock) as display:
        display.show(Warned("[red]\x1b[2J[/nonsense]"))
    assert "warning: [red]\\x1b[2J[/nonsense]" in terminal.getvalue()
    assert "\x1b[2J" not in terminal.getvalue()


def test_lifecycle_lines():
    assert describe(started(total_steps=8192, env_steps=4096)) == (
        "continuing CartPole-v1 (gymnasium, 8 environments) from 4,096 to 8,192 steps in runs/x"
    )
    # mean of 1 and 3 is 2, both 1 away from it
    assert describe(EvaluationCompleted(2048, 2, (1.0, 3.0), (10, 12), 0.5, True)) == (
        "evaluated at 2,048 steps: 2.0 +- 1.0 over 2 episodes, the best so far"
    )
    assert describe(RunFailed("broke", "EnvironmentFault", "", 1, 1, "runs/x/checkpoints/5")) == (
        "the last good checkpoint is runs/x/checkpoints/5"
    )
    assert describe(RunFailed("broke", "EnvironmentFault", "", 1, 1)) is None
    assert describe(PhaseChanged("training")) is None


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_bar_keeps_to_one_line(clock, width):
    console, terminal = _terminal(width)
    with ProgressDisplay(console, clock=clock) as display:
        for event in (started(), PhaseChanged("building environments"), row(2048, 1234.5)):
            display.show(event)
    frame = terminal.getvalue().rstrip("\n\x1b[?25h").splitlines()[-1].rpartition("\x1b[2K")[2]
    assert "50%" in frame
    assert "12,346/s" in frame if width >= 80 else "building environments" in frame
    assert len(frame) <= width
    assert ("eta 0.250" in frame) == (width == 200)


def test_the_bar_is_drawn_a_few_times_a_second(clock):
    console, terminal = _terminal()
    with ProgressDisplay(console, clock=clock) as display:
        display.show(started())
        display.show(row(1024))
        size = len(terminal.getvalue())
        display.show(row(2048))
        assert len(terminal.getvalue()) == size
        clock.now += 1
        display.show(row(3072))
        assert "75%" in terminal.getvalue()[size:]


def test_a_lost_terminal_never_stops_the_run():
    class Lost(PlainDisplay):
        calls = 0

        def show(self, event: Event) -> None:
            self.calls += 1
            raise OSError(5, "Input/output error")

    display = Lost(io.StringIO())
    channel: Channel = ConsoleChannel(display)
    channel.emit(row(1024))
    channel.emit(row(2048))
    assert display.calls == 1
    assert channel.drain() == []

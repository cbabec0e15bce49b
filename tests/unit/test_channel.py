from __future__ import annotations

import pickle
import threading

from engine.channel import Channel
from engine.commands import EvaluateNow, Pause, Stop
from engine.events import PhaseChanged, RunPaused, UpdateCompleted


def row(number: int) -> UpdateCompleted:
    return UpdateCompleted({"updates": float(number)})


def test_events_arrive_once_and_in_order() -> None:
    channel = Channel()
    events = [PhaseChanged("a"), row(1), PhaseChanged("b"), row(2)]
    for event in events:
        channel.emit(event)
    assert channel.drain() == events
    assert channel.drain() == []


def test_unread_rows_make_room_for_newer_ones_and_lifecycle_events_stay() -> None:
    channel = Channel(capacity=3)
    channel.emit(RunPaused(0, 0))
    for number in range(10):
        channel.emit(row(number))
        channel.emit(PhaseChanged(str(number)))
    events = channel.drain()
    rows = [event for event in events if isinstance(event, UpdateCompleted)]
    assert [event.metrics["updates"] for event in rows] == [7.0, 8.0, 9.0]
    assert len(events) - len(rows) == 11
    assert channel.coalesced == 7


def test_capacity_counts_waiting_rows_only() -> None:
    channel = Channel(capacity=2)
    for number in range(6):
        channel.emit(row(number))
        channel.drain()
    assert channel.coalesced == 0


def test_commands_arrive_in_order_and_none_means_none() -> None:
    channel = Channel()
    assert channel.receive() is None
    for command in (Pause(), EvaluateNow(), Stop(save=False)):
        channel.send(command)
    assert [channel.receive() for _ in range(4)] == [Pause(), EvaluateNow(), Stop(save=False), None]
    assert channel.receive(timeout=0.001) is None


def test_a_waiting_stop_is_seen_before_its_turn_and_leaves_the_commands_in_order() -> None:
    channel = Channel()
    channel.send(Pause())
    assert not channel.stop_requested()
    for command in (Stop(), Stop(save=False)):
        channel.send(command)
    assert channel.stop_requested()
    assert [channel.receive() for _ in range(2)] == [Pause(), Stop()]
    assert channel.stop_requested()  # the second one
    assert channel.receive() == Stop(save=False)
    assert not channel.stop_requested()


def test_a_waiting_engine_wakes_for_a_command() -> None:
    channel = Channel()
    received: list[object] = []
    engine = threading.Thread(target=lambda: received.append(channel.receive(timeout=30.0)))
    engine.start()
    channel.send(Pause())
    engine.join(timeout=30.0)
    assert received == [Pause()]


def test_nothing_is_lost_between_threads() -> None:
    channel, seen = Channel(capacity=100_000), []
    writers = [threading.Thread(target=lambda: [channel.emit(row(n)) for n in range(2000)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen += channel.drain()
    seen += channel.drain()
    assert len(seen) == 8000


def test_messages_are_picklable_and_frozen() -> None:
    for message in (row(3), Stop(), RunPaused(1, 2)):
        assert pickle.loads(pickle.dumps(message)) == message

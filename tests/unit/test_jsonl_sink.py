from __future__ import annotations

import json
from pathlib import Path

from engine.events import EvaluationCompleted
from engine.sinks import JsonlSink
from engine.sinks.jsonl import event_row, read_rows


def test_a_row_is_a_line_that_is_there_at_once(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "m.jsonl")
    sink.write({"updates": 1, "loss": 0.5})
    sink.write({"updates": 2, "nested": {"x": (1, 2)}})
    assert list(read_rows(tmp_path / "m.jsonl")) == [
        {"updates": 1, "loss": 0.5},
        {"updates": 2, "nested": {"x": [1, 2]}},
    ]
    sink.close()


def test_numbers_json_does_not_know_become_null(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "m.jsonl")
    sink.write({"a": float("nan"), "b": [float("inf"), 1.0]})
    sink.close()
    assert json.loads((tmp_path / "m.jsonl").read_text()) == {"a": None, "b": [None, 1.0]}


def test_rows_after_a_torn_line_start_a_line_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"updates": 1}\n{"updates": 2, "lo')
    sink = JsonlSink(path)
    sink.write({"updates": 2})
    sink.close()
    assert [row["updates"] for row in read_rows(path)] == [1, 2]


def test_readers_survive_garbage_and_missing_files(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'\xff\xfe\n{"updates": 1}\n[1]\n\n3\n{"updates": 2}\nnull\n{"upd')
    assert [row["updates"] for row in read_rows(path)] == [1, 2]
    assert list(read_rows(tmp_path / "none.jsonl")) == []


def test_resuming_drops_the_rows_after_the_checkpoint_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    sink = JsonlSink(path)
    for updates in range(1, 8):
        sink.write({"updates": updates})
    sink.truncate_after(4)
    sink.write({"updates": 5})
    sink.close()
    assert [row["updates"] for row in read_rows(path)] == [1, 2, 3, 4, 5]


def test_a_closed_sink_writes_nothing_and_closes_again(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "m.jsonl")
    sink.close()
    sink.write({"updates": 1})
    sink.close()
    assert not list(read_rows(tmp_path / "m.jsonl"))


def test_an_event_row_says_what_and_when() -> None:
    row = event_row(EvaluationCompleted(10, 2, (1.0, 2.0), (5, 6), 0.5, best=True))
    assert row["event"] == "EvaluationCompleted"
    assert row["returns"] == (1.0, 2.0)
    assert row["time"].endswith("+00:00")

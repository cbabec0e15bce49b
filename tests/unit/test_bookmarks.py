"""Bookmarks: kept with the run, taken back by asking again, and read without trust."""

from __future__ import annotations

import pytest

from vmpo_tui import bookmarks


def test_they_are_kept_in_order_and_taken_back(tmp_path):
    marks = bookmarks.toggled(bookmarks.toggled((), 2048), 123_456)
    marks = bookmarks.toggled(marks, 5)
    bookmarks.save(tmp_path, marks)
    assert bookmarks.load(tmp_path) == marks
    assert [(mark.env_steps, mark.text) for mark in marks] == [
        (5, "bookmark at 5"), (2048, "bookmark at 2.05k"), (123_456, "bookmark at 123k"),
    ]  # fmt: skip
    assert [mark.env_steps for mark in bookmarks.toggled(marks, 2048)] == [5, 123_456]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"7", b"[1.5, true, -1, 1e99, null, 1000000000000000000]", b"[" * 100_000, b"\xff",
        b"1" * (1 << 21),
    ],
    ids=range(7),
)  # fmt: skip
def test_a_damaged_file_holds_none(tmp_path, content):
    (tmp_path / bookmarks.NAME).write_bytes(content)
    assert bookmarks.load(tmp_path) == ()


def test_a_run_without_any_has_none(tmp_path):
    assert bookmarks.load(tmp_path) == ()
    assert bookmarks.load(tmp_path / "absent") == ()

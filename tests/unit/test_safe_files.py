"""Files of others: read as far as there is room, as they grow, and never waited for."""

from __future__ import annotations

import os

from vmpo_tui.safe_files import LINE_CHARACTERS, NEWEST_BYTES, GrowingText, read_tail


def texts(growing: GrowingText) -> list[str]:
    return [text for _, text in growing.lines]


def test_a_log_is_followed_line_by_line(tmp_path):
    path = tmp_path / "engine.log"
    growing = GrowingText(path, 3)
    assert not growing.read()  # it may come later
    path.write_bytes(b"one\ntwo\nthr")
    assert growing.read()
    assert list(growing.lines) == [(1, "one"), (2, "two")]
    assert not growing.read()
    with path.open("ab") as file:
        file.write(b"ee\nfour\n")
    assert growing.read()
    assert list(growing.lines) == [(2, "two"), (3, "three"), (4, "four")]  # the newest ones
    path.write_bytes(b"anew\n")
    assert growing.read()
    assert texts(growing)[-1] == "anew"


def test_of_a_long_log_the_newest_lines_are_read(tmp_path):
    path = tmp_path / "engine.log"
    path.write_bytes(b"".join(b"line %06d\n" % number for number in range(100_000)))
    growing = GrowingText(path, 10_000)
    growing.read()
    assert texts(growing)[-1] == "line 099999"
    assert len(growing.lines) == NEWEST_BYTES // len(b"line 000000\n")
    assert all(len(text) == 11 for text in texts(growing))  # none has lost its beginning
    assert not growing.read()


def test_a_line_without_end_takes_no_more_than_there_is_room(tmp_path):
    path = tmp_path / "engine.log"
    growing = GrowingText(path, 5)
    for _ in range(5):
        with path.open("ab") as file:
            file.write(b"x" * 3000)
        growing.read()
    with path.open("ab") as file:
        file.write(b"\n  1%\r 50%\r100%\r\n")
    growing.read()
    assert [len(text) for text in texts(growing)] == [LINE_CHARACTERS, 4]
    assert texts(growing)[-1] == "100%"  # what is left of a bar that was drawn over itself


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    for name in ("pipe", "link", ".", "absent", "nul\0"):
        assert read_tail(tmp_path / name, 100) == (b"", True)
        assert not GrowingText(tmp_path / name, 5).read()

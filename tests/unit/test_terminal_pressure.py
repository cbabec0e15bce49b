"""Whether the terminal keeps up with what is written to it."""

from __future__ import annotations

import io
import os
import sys

from vmpo_tui.terminal import terminal_is_behind


def test_a_terminal_that_nobody_reads_is_behind(monkeypatch):
    reader, writer = os.openpty()
    os.set_blocking(writer, False)
    with os.fdopen(writer, "wb", buffering=0) as terminal:
        monkeypatch.setattr(sys, "__stdout__", terminal)
        assert not terminal_is_behind()
        try:
            while terminal.write(b"x" * 4096):
                pass
        except BlockingIOError:
            pass
        assert terminal_is_behind()
        while terminal_is_behind():
            os.read(reader, 65_536)
    os.close(reader)


def test_where_there_is_no_terminal_nothing_is_behind(monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", None)
    assert not terminal_is_behind()
    monkeypatch.setattr(sys, "__stdout__", io.StringIO())
    assert not terminal_is_behind()

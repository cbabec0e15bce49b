"""The application keeps the terminal to itself, whatever libraries write to it."""

from __future__ import annotations

import pytest

from tests.terminal import Terminal
from tests.test_end_to_end import APPLICATION, TINY, Run


@pytest.mark.e2e
def test_what_libraries_print_goes_to_the_runs_log(tmp_path):
    run = Run(tmp_path / "runs" / "tiny")
    program = f"import tests.loud_env\n{APPLICATION}"
    with Terminal(program, "Loud-v0", *TINY[1:], "--run-dir", str(run.path), cwd=tmp_path) as terminal:
        terminal.wait_for("a first update", lambda: bool(run.rows()))
        terminal.wait_for_text("● training")
        assert "library" not in terminal.text
        terminal.press("q")
        terminal.wait_for_text("stop training?")
        terminal.press("d")
        assert terminal.wait_for_exit() == 0
    said = (run.path / "engine.log").read_text().splitlines()
    assert set(said) == {"words of a library", "and its errors"}

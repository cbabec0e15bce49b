"""`vmpo serve`: what it refuses, and the viewer that it starts."""

from __future__ import annotations

import importlib.util
import shlex
import socket
from pathlib import Path

import pytest

from tests.unit.cli_runner import Runner
from tests.unit.test_curves import write_run
from vmpo_tui.cli.opening import in_a_browser
from vmpo_tui.cli.serve import viewer_command


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    monkeypatch.setenv("VMPO_RUNS", str(tmp_path / "runs"))
    write_run(tmp_path / "runs" / "tiny")
    return Runner(capsys)


def test_the_viewer_may_only_look_unless_control_is_given() -> None:
    path = Path("/tmp/it's; a $(path)/run")
    looking, steering = (shlex.split(viewer_command(path, control=control)) for control in (False, True))
    assert looking[3:] == ["vmpo_tui", "attach", str(path), "--read-only"]
    assert steering == looking[:-1]


def test_a_missing_library_is_named_with_its_extra(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, err = run("serve", "tiny")
    assert code == 2
    assert "textual_serve is not installed: pip install 'vmpo-tui[serve]'" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("tinny",), "did you mean 'tiny'?"), (("tiny", "--port", "70000"), "--port")],
)
def test_bad_usage_is_one_line(run: Runner, arguments: tuple[str, ...], message: str) -> None:
    pytest.importorskip("textual_serve")
    code, out, err = run("serve", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_taken_port_is_told(run: Runner) -> None:
    pytest.importorskip("textual_serve")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run("serve", "tiny", "--port", str(port))
    assert (code, out) == (2, "")
    assert err == f"error: --port {port}: Address already in use\n"


def test_a_viewer_without_a_terminal_is_refused_unless_a_browser_shows_it(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = run("attach", "tiny", "--read-only")
    assert code == 2
    assert "attaching needs a terminal" in err
    assert not in_a_browser()
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.web_driver:WebDriver")
    assert in_a_browser()

"""A resume that cannot be exact says so, with the reason: console, screen and events."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine import manifest
from engine.channel import Channel
from engine.checkpoint import find_checkpoint
from engine.run import Trainer
from engine.summary import RunSummary
from tests.unit.cli_runner import Runner
from tests.unit.run_script import PENDULUM, train
from vmpo_tui.app import VmpoApp
from vmpo_tui.cli.commands import app
from vmpo_tui.screens.log import Log
from vmpo_tui.session import Session

VERSION = "resume is not exact: mujoco is {} and was 3.0.0"
THREADS = "resume is not exact: PyTorch computes on 1 threads and did on 9"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose checkpoint says that another version of MuJoCo and more threads made it."""
    run = tmp_path_factory.mktemp("moved") / "run"
    train(PENDULUM, run)
    file = find_checkpoint(run) / manifest.MANIFEST
    document = json.loads(file.read_text())
    document.pop("sha256")
    document |= {"libraries": {**document["libraries"], "mujoco": "3.0.0"}, "torch_threads": 9}
    file.write_bytes(manifest._signed(document))
    return run


@pytest.fixture
def run(moved: Path, tmp_path: Path) -> Path:
    shutil.copytree(moved, tmp_path / "run")
    return tmp_path / "run"


def expected() -> list[str]:
    return [VERSION.format(manifest._libraries()["mujoco"]), THREADS]


def recorded(run: Path) -> list[str]:
    events = map(json.loads, (run / "events.jsonl").read_text().splitlines())
    return [event["message"] for event in events if event["event"] == "Warned"]


def test_on_the_console_and_in_the_events(run: Path, capsys: pytest.CaptureFixture[str]):
    code, _, err = Runner(capsys)("resume", str(run), "--steps", "128", "--no-progress", app=app)
    assert code == 0
    for message in expected():
        assert message in err
    assert recorded(run) == expected()


async def test_on_the_screen(run: Path):
    def resume(channel: Channel) -> RunSummary:
        return Trainer.resume(run, total_steps=128, channel=channel).run(run)

    application = VmpoApp(Session(resume))
    async with application.run_test(size=(120, 40)) as pilot:
        while not application.view.over:
            await pilot.pause(0.05)
        await pilot.press("6")
        await pilot.pause()
        assert isinstance(application.screen, Log)
        picture = application.export_screenshot().replace("&#160;", " ")
        for message in expected():
            assert message in picture
    assert recorded(run) == expected()

"""The robot: what is shown of the newest evaluation, and the replay of any other."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.recording import list_recordings, save_recording
from tests.recordings import record
from tests.tui.scripted_engine import STARTED, ScriptedEngine, shown, until
from tests.tui.test_snapshots import THEMES, settle
from vmpo_tui.robot import film
from vmpo_tui.screens.robot import Robot
from vmpo_tui.widgets.facts import Bars, Choices, Facts
from vmpo_tui.widgets.robot import RobotTile, RobotView
from vmpo_tui.widgets.timeline import Timeline

SIZES = [(80, 24), (120, 40), (200, 50)]


class Recorded(ScriptedEngine):
    """An engine whose evaluations leave recordings behind."""

    def __init__(self, run_dir: Path, env_id: str = "HalfCheetah-v5") -> None:
        super().__init__(dataclasses.replace(STARTED, run_dir=str(run_dir), env_id=env_id))
        self.recordings = run_dir.absolute() / "evaluations"
        self.recordings.parent.mkdir()
        self.env_id = env_id

    def evaluate(self, *, best: bool = True, steps: int = 40) -> None:
        recording = record(self.env_id, steps=steps, env_steps=self.env_steps)
        save_recording(self.recordings, recording)
        super().evaluate(best=best)

    def learn(self, evaluations: int = 3) -> None:
        """Learn, evaluating now and then."""
        for number in range(evaluations):
            self.update(10)
            self.evaluate(steps=20 + 10 * number)

    @property
    def robot(self) -> RobotView:
        return self.app.screen.query_one(RobotView)

    def text(self, kind: type[Facts | Choices | Timeline | Bars]) -> str:
        return self.app.screen.query_one(kind).text


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.chdir(tmp_path)  # no picture shows where that is
    engine = Recorded(Path("run"))
    yield engine
    engine.stop()


async def open_robot(pilot: Pilot[int], engine: Recorded, *, hold: bool = True) -> RobotView:
    """Go to the screen and wait for the newest recording; hold it at its beginning."""
    await settle(pilot, engine)
    await pilot.press("4")
    await until(pilot, "the screen", lambda: isinstance(engine.app.screen, Robot))
    await loaded(pilot, engine, -1)
    if hold:
        engine.robot.player.playing = False
        await pilot.press("home")
    return engine.robot


async def loaded(pilot: Pilot[int], engine: Recorded, index: int) -> None:
    """Wait until a recording is on the screen."""

    def there() -> bool:
        path, replay = list_recordings(engine.recordings)[index], engine.robot.replay
        return replay is not None and replay.recording.env_steps == int(path.stem) == int(
            engine.robot.path.stem
        )

    await until(pilot, f"recording {index}", there)


def colours(robot: RobotView) -> set[object]:
    return {segment.style.bgcolor for strip in robot._strips for segment in strip if segment.style}


async def test_before_the_first_evaluation_it_says_what_to_do(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await settle(pilot, engine)
        await pilot.press("4")
        await until(pilot, "the words", lambda: "nothing to see yet" in engine.robot.text)
        await pilot.press("enter", "left", "up", "plus", "t", "v", "end")  # nothing breaks
        assert engine.robot.replay is None
        engine.learn(1)
        await loaded(pilot, engine, 0)
        assert "nothing to see" not in engine.robot.text
        assert len(colours(engine.robot)) > 20


async def test_the_newest_evaluation_is_followed_until_another_is_chosen(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.learn()
        await open_robot(pilot, engine)
        assert engine.robot.replay.recording.length == 40
        await pilot.press("down", "down")
        await loaded(pilot, engine, 0)
        assert "20" in engine.text(Facts).splitlines()[1]
        engine.update(10)
        engine.evaluate(steps=7)
        await until(pilot, "four recordings", lambda: len(engine.text(Choices).split()) == 8)
        assert engine.robot.replay.recording.length == 20  # still the chosen one
        await pilot.press("l")
        await loaded(pilot, engine, -1)
        assert engine.robot.replay.recording.length == 7
        engine.update(10)
        engine.evaluate(steps=9)
        await loaded(pilot, engine, -1)
        assert engine.robot.replay.recording.length == 9


async def test_the_list_names_steps_and_score_and_chooses_by_click(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.learn()
        await open_robot(pilot, engine)
        lines = [line.split() for line in engine.text(Choices).splitlines() if line.strip()]
        assert [steps for steps, _ in lines] == ["61.4k", "41k", "20.5k"]
        assert all(score != "-" for _, score in lines)
        await pilot.click(Choices, offset=(3, 2))
        await loaded(pilot, engine, 0)


async def test_scrubbing_moves_the_picture_the_figures_and_the_timeline(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.learn(1)
        robot = await open_robot(pilot, engine)
        first, line = list(robot._strips), engine.text(Timeline).splitlines()[-1]
        await pilot.press("full_stop", "full_stop", "full_stop")
        assert robot.player.step == 3
        assert robot._strips != first
        rewards = robot.replay.recording.rewards
        facts = dict(row.rsplit(maxsplit=1) for row in engine.text(Facts).splitlines() if "m/s" not in row)
        assert facts["step"] == "3"
        assert float(facts["return so far"]) == pytest.approx(float(rewards[:3].sum()), abs=1e-3)
        await pilot.press("comma")
        assert robot.player.step == 2
        await pilot.press("end")
        assert robot.player.step == robot.replay.recording.length - 1
        assert engine.text(Timeline).splitlines()[-1] != line
        await pilot.press("left")
        assert robot.player.step == 0  # an episode of a second
        await pilot.click(Timeline, offset=(60, 2))
        assert 0 < robot.player.step < robot.replay.recording.length - 1
        await pilot.press("x")
        assert "2x" in engine.text(Timeline)


async def test_it_plays_unless_held_or_frozen(engine):
    async with engine.app.run_test(size=(80, 24)) as pilot:
        engine.learn(1)
        robot = await open_robot(pilot, engine, hold=False)
        seen = set()
        await until(pilot, "some steps", lambda: seen.add(robot.player.step) or len(seen) > 4)
        await pilot.press("f")
        held = robot.player.position
        for _ in range(10):
            await pilot.pause(0.02)
        assert robot.player.position == held
        await pilot.press("f")
        await until(pilot, "movement", lambda: robot.player.position != held)
        await pilot.press("enter")
        held = robot.player.position
        for _ in range(10):
            await pilot.pause(0.02)
        assert robot.player.position == held


async def test_a_slow_terminal_is_sent_nothing(engine, monkeypatch):
    behind = [False]
    monkeypatch.setattr("vmpo_tui.widgets.robot.terminal_is_behind", lambda: behind[0])
    async with engine.app.run_test(size=(80, 24)) as pilot:
        engine.learn(1)
        robot = await open_robot(pilot, engine, hold=False)
        behind[0] = True
        await pilot.pause()
        before, position = list(robot._strips), robot.player.position
        await until(pilot, "time to pass", lambda: robot.player.position > position + 0.2)
        assert robot._strips == before
        behind[0] = False
        await until(pilot, "a new picture", lambda: robot._strips != before)


async def test_over_ssh_it_waits_to_be_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 22 10.0.0.2 22")
    engine = Recorded(tmp_path / "run")
    async with engine.app.run_test(size=(80, 24)) as pilot:
        engine.learn(1)
        robot = await open_robot(pilot, engine, hold=False)
        for _ in range(10):
            await pilot.pause(0.02)
        assert robot.player.position == 0.0
        await pilot.press("enter")
        await until(pilot, "movement", lambda: robot.player.position > 0.0)
    engine.stop()


async def test_the_camera_moves_and_options_are_marked(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.learn(1)
        robot = await open_robot(pilot, engine)
        views = [list(robot._strips)]
        for key in ("a", "w", "plus", "t", "m"):
            await pilot.press(key)
            views.append(list(robot._strips))
        assert all(before != after for before, after in itertools.pairwise(views[:4]))
        assert robot.look.contacts
        assert "bthigh" in engine.text(Bars)
        await pilot.press("t", "m", "0")
        assert list(robot._strips) == views[0]
        assert not engine.app.screen.query_one("#motors").display
        await pilot.mouse_down(RobotView, offset=(20, 10))
        await pilot.hover(RobotView, offset=(30, 10))
        await pilot.mouse_up(RobotView, offset=(30, 10))
        assert robot.look.turn != 0.0


async def test_any_environment_is_shown_as_it_draws_itself(tmp_path):
    engine = Recorded(tmp_path / "run", "CartPole-v1")
    async with engine.app.run_test(size=(80, 24)) as pilot:
        engine.learn(1)
        robot = await open_robot(pilot, engine)
        assert robot.replay.scene is None
        assert len(colours(robot)) > 3
        await pilot.press("t", "a", "plus")  # there is no camera to move
        assert "m/s" not in engine.text(Facts)
    engine.stop()


async def test_a_damaged_recording_says_so_and_the_others_play_on(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.learn(2)
        await open_robot(pilot, engine)
        list_recordings(engine.recordings)[0].write_bytes(b"torn [red]markup[/red]")
        await pilot.press("down")
        await until(pilot, "the reason", lambda: "cannot be replayed" in " ".join(engine.robot.text.split()))
        assert engine.robot.replay is None
        await pilot.press("up")
        await loaded(pilot, engine, -1)


async def test_a_recording_dropped_meanwhile_is_passed_over(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.learn(2)
        await open_robot(pilot, engine)
        list_recordings(engine.recordings)[0].unlink()
        await pilot.press("down")
        await pilot.pause()
        assert engine.robot.replay is not None


def filmed_by(monkeypatch, program: str) -> list[tuple]:
    """Have a program of Python stand for filming; return what each call of it is asked for."""
    called: list[tuple] = []
    monkeypatch.setattr(film, "require_encoder", lambda: None)
    monkeypatch.setattr(film, "command", lambda *args: called.append(args) or [sys.executable, "-c", program])
    return called


@pytest.mark.parametrize(("code", "words"), [(0, "video written"), (1, "no video: no luck")])
async def test_v_films_in_another_process(engine, monkeypatch, code, words):
    program = f"import sys; sys.stderr.write('more\\nno luck\\n'); sys.exit({code})"
    called = filmed_by(monkeypatch, program)
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.learn(1)
        await open_robot(pilot, engine)
        await pilot.press("a", "v")
        notes = engine.app._notifications
        await until(pilot, words, lambda: any(words in note.message for note in notes))
        ((path, out, look),) = called
        assert path == list_recordings(engine.recordings)[0]
        assert out == engine.recordings.parent / "videos" / f"{path.stem}.mp4"
        assert look.turn == 345.0


async def test_v_again_makes_no_second_video_of_one_recording(engine, monkeypatch, tmp_path):
    go_on = tmp_path / "go on"
    program = (
        "import pathlib, sys, time; sys.stdout.write('42\\n'); sys.stdout.flush()\n"
        f"while not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.01)"
    )
    called = filmed_by(monkeypatch, program)
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.learn(1)
        await open_robot(pilot, engine)
        await pilot.press("v")
        box = engine.app.screen.query_one("#recordings")
        await until(pilot, "how far it is", lambda: box.border_subtitle == "filming 42%")
        await pilot.press("v")
        notes = engine.app._notifications
        await until(pilot, "no", lambda: any("already being filmed" in note.message for note in notes))
        assert len(called) == 1
        go_on.touch()
        await until(pilot, "the end", lambda: "video" in str(box.border_subtitle))
        assert engine.app.view.log[-1].text == f"filmed: {called[0][1]}"
        await pilot.press("v")  # another one may be made once it is there
        filmed = f"filmed: {called[0][1]}"
        await until(pilot, "another", lambda: [line.text for line in engine.app.view.log].count(filmed) == 2)
        assert len(called) == 2


async def test_one_that_is_killed_leaves_nothing_behind(engine, monkeypatch):
    program = (
        "import os, pathlib, signal, sys\n"
        "out = pathlib.Path(sys.argv[1]); out.parent.mkdir(exist_ok=True)\n"
        "out.with_name(f'.tmp-{os.getpid()}-{out.name}').touch(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    monkeypatch.setattr(film, "require_encoder", lambda: None)
    monkeypatch.setattr(film, "command", lambda path, out, _: [sys.executable, "-c", program, str(out)])
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.learn(1)
        await open_robot(pilot, engine)
        await pilot.press("v")
        await until(pilot, "the end", lambda: "no video of" in engine.app.view.log[-1].text)
        assert engine.app.view.log[-1].text.endswith("exit code -9")
        videos = engine.recordings.parent / "videos"
        assert videos.is_dir()
        assert list(videos.iterdir()) == []


async def test_the_dashboard_shows_the_robot_where_there_is_room(engine):
    async with engine.app.run_test(size=(80, 24)) as pilot:
        engine.learn(1)
        await settle(pilot, engine)
        tile = engine.app.screen.query_one(RobotTile)
        assert not tile.display
        assert tile.robot.replay is None  # nothing is loaded for nobody
        await pilot.resize_terminal(120, 40)
        await until(pilot, "the tile", lambda: tile.display)
        await until(pilot, "the robot", lambda: tile.robot.replay is not None)
        assert "20.5k" in str(tile.border_subtitle)
        await shown(pilot, "RobotTile")
        await pilot.click(RobotTile)
        await until(pilot, "the screen", lambda: isinstance(engine.app.screen, Robot))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_screen(engine, snap_compare, size, theme):
    async def before(pilot: Pilot[int]) -> None:
        engine.app.theme = theme
        engine.learn()
        await open_robot(pilot, engine)
        await pilot.press("t", "m", *["full_stop"] * 12)

    assert snap_compare(engine.app, terminal_size=size, run_before=before)


def test_the_screen_with_another_environment(tmp_path, snap_compare):
    engine = Recorded(tmp_path / "run", "CartPole-v1")

    async def before(pilot: Pilot[int]) -> None:
        engine.learn()
        await open_robot(pilot, engine)

    assert snap_compare(engine.app, terminal_size=(80, 24), run_before=before)
    engine.stop()


@pytest.mark.parametrize("size", [(120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_dashboard_with_a_robot(engine, snap_compare, size):
    async def before(pilot: Pilot[int]) -> None:
        engine.learn()
        await settle(pilot, engine)
        tile = engine.app.screen.query_one(RobotTile)
        tile.robot.player.playing = False
        await until(pilot, "the robot", lambda: tile.robot.replay is not None)
        tile.robot.player.seek(12)
        tile.robot.show_now()

    assert snap_compare(engine.app, terminal_size=size, run_before=before)

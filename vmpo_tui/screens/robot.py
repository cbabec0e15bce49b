"""Screen 4, the robot: the policy that was last evaluated, and the replay of any recorded evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.markup import escape

from engine.recording import list_recordings
from engine.run_directory import RunDirectory
from vmpo_tui.run_view import RunView
from vmpo_tui.screens.base import RunScreen
from vmpo_tui.screens.filming import Films
from vmpo_tui.text import number, printable, si
from vmpo_tui.widgets.facts import Bars, Choices, Facts
from vmpo_tui.widgets.robot import RobotView
from vmpo_tui.widgets.timeline import Timeline

SHARE = 0.15
"""Part of a processor that drawing the robot may take while this screen is in front."""
OPTIONS = {"contacts": ("t", "contacts"), "motors": ("m", "effort")}
"""Usual key and field of `Look` of each thing that a key shows or hides."""
CAMERA = {
    "turn": ("raise_camera", "turn_left", "lower_camera", "turn_right"),
    "zoom": ("zoom_in", "zoom_out"),
}
"""Bindings that move the camera."""
SCRUB_SECONDS = 1.0
TURN_DEGREES = 15.0
TILT_DEGREES = 5.0


def _key(name: str, key: str, action: str, label: str, text: str, *, display: str = "") -> Binding:
    return Binding(
        key, action, label, show=False, key_display=display or None, tooltip=text, id=f"robot.{name}"
    )


class Robot(RunScreen):
    """Plays recordings; follows the newest one until another is chosen."""

    LABEL = "robot"
    CSS_PATH = "robot.tcss"
    KEYS = [
        _key("play", "enter", "play", "play", "play or hold the replay", display="↵"),
        _key("back", "left", f"scrub({-SCRUB_SECONDS})", "back", "scrub back by a second", display="←"),
        _key("ahead", "right", f"scrub({SCRUB_SECONDS})", "ahead", "scrub ahead by a second", display="→"),
        _key("step_back", "comma", "scrub(-0.001)", "step back", "scrub back by a step", display=","),
        _key("step_ahead", "full_stop", "scrub(0.001)", "step ahead", "scrub ahead by a step", display="."),
        _key("beginning", "home", "edge(0)", "beginning", "go to the beginning of the episode"),
        _key("end", "end", "edge(1)", "end", "go to the end of the episode"),
        _key("speed", "x", "speed", "speed", "play slower or faster"),
        _key("newer", "up", "choose(1)", "newer", "the evaluation after this one", display="↑"),
        _key("older", "down", "choose(-1)", "older", "the evaluation before this one", display="↓"),
        _key("newest", "l", "live", "newest", "follow the newest evaluation"),
        _key("turn_left", "a", f"turn({-TURN_DEGREES}, 0)", "left", "turn the camera to the left"),
        _key("turn_right", "d", f"turn({TURN_DEGREES}, 0)", "right", "turn the camera to the right"),
        _key("raise_camera", "w", f"turn(0, {TILT_DEGREES})", "up", "raise the camera"),
        _key("lower_camera", "s", f"turn(0, {-TILT_DEGREES})", "down", "lower the camera"),
        _key("zoom_in", "plus,equals_sign", "zoom(1.2)", "nearer", "zoom in", display="+"),
        _key("zoom_out", "minus", "zoom(0.8333)", "farther", "zoom out", display="-"),
        _key("reset", "0", "reset", "reset", "look from where one looked first"),
        _key("contacts", "t", "option('contacts')", "contacts", "mark the points of contact"),
        _key("motors", "m", "option('effort')", "motors", "show the effort of the motors"),
        _key("film", "v", "film", "video", "record the episode as a video"),
    ]
    BINDINGS = [*KEYS]

    def __init__(self) -> None:
        super().__init__()
        self._run = RunView()
        self._paths: list[Path] = []
        self._listed: tuple[str, int] | None = None
        self._following = True
        self._titled = "", ""
        self._films = Films(self._show_films)

    def compose_body(self) -> ComposeResult:
        """Lay the widgets out."""
        with Horizontal(id="stage"):
            with Vertical(id="view"):
                yield RobotView(share=SHARE, moved=self._show_moment)
            with Vertical(id="beside"):
                with Vertical(id="episode") as episode:
                    episode.border_title = "episode"
                    yield Facts()
                with Vertical(id="motors") as motors:
                    motors.border_title = "motors"
                    yield Bars()
                with Vertical(id="recordings") as recordings:
                    recordings.border_title = "evaluations"
                    recordings.border_subtitle = self._recordings_keys
                    yield Choices()
        yield Timeline()

    @property
    def _recordings_keys(self) -> str:
        newer, older = self.key("robot.newer", "↑"), self.key("robot.older", "↓")
        return f"{newer} {older} choose  {self.key('robot.film', 'v')} video"

    def _show_films(self) -> None:
        """Show how far the videos are that are being made."""
        if self.is_attached:
            self.query_one("#recordings").border_subtitle = self._films.progress or self._recordings_keys

    @property
    def _view(self) -> RobotView:
        return self.query_one(RobotView)

    def show_body(self, view: RunView) -> None:
        """Show a view: look for new recordings after every evaluation."""
        self._run = view
        listed = view.run_dir, len(view.history.evaluations)
        if view.run_dir and listed != self._listed:
            self._listed = listed
            self._paths = list_recordings(RunDirectory(Path(view.run_dir)).evaluations)
        if self._paths and (self._following or self._view.path not in self._paths):
            self._view.open(self._paths[-1])
        self._show_choices()

    def _show_moment(self) -> None:
        """Show what belongs to the moment that the robot is seen in."""
        robot = self._view
        recording = robot.replay.recording if robot.replay else None
        self.query_one(Timeline).show(robot.player, recording.rewards if recording else None)
        self.query_one(Facts).show(self._facts())
        self._show_motors()
        self._show_titles()

    def _facts(self) -> tuple[tuple[str, str], ...]:
        """Return the episode's figures, then the moment's."""
        robot = self._view
        if robot.replay is None:
            return ()
        recording, step = robot.replay.recording, robot.player.step
        facts = [
            ("return", number(recording.episode_return)),
            ("length", f"{recording.length:,}"),
            ("step", f"{step:,}"),
            ("return so far", number(float(recording.rewards[:step].sum(dtype=np.float64)))),
            ("reward", number(float(recording.rewards[step]))),
        ]
        if scene := robot.replay.scene:
            facts.append(("speed", f"{scene.speed:.2f} m/s"))
            facts.append(("contacts", str(len(scene.contacts))))
        if not robot.replay.faithful:
            facts.append(("replay", "drifts"))
        return tuple(facts)

    def _show_motors(self) -> None:
        """Show a bar for each motor while the effort is looked at."""
        robot, box = self._view, self.query_one("#motors")
        scene = robot.replay.scene if robot.replay and robot.look.effort else None
        if box.display != bool(scene):
            box.display = bool(scene)
            box.styles.max_height = len(scene.motors) + 2 if scene else None
        if scene:
            names = map(printable, scene.motors)
            self.query_one(Bars).show([*zip(names, scene.effort.tolist(), strict=True)])

    def _show_titles(self) -> None:
        """Write the frame's titles anew where they changed: that draws everything inside, too."""
        box, titles = self.query_one("#view"), self._titles()
        if titles != self._titled:
            self._titled = box.border_title, box.border_subtitle = titles

    def _titles(self) -> tuple[str, str]:
        robot = self._view
        if robot.replay is None:
            return "", ""
        recording = robot.replay.recording
        follows = "newest" if self._following else "replay"
        title = escape(f"{printable(recording.env_id)} after {si(recording.env_steps)} steps, {follows}")
        if not robot.replay.scene:
            return title, ""
        hints = []
        for name, (usual, option) in OPTIONS.items():
            hint = escape(f"{self.key(f'robot.{name}', usual)} {name}")
            hints.append(f"[$warning]{hint}[/]" if getattr(robot.look, option) else hint)
        for does, names in CAMERA.items():
            keys = " ".join(self.key(f"robot.{name}", "") for name in names)
            hints.append(escape(f"{keys} {does}"))
        return title, "  ".join(hints)

    def _show_choices(self) -> None:
        """List the recordings, newest first, with the mean return of each evaluation."""
        evaluations = self._run.history.evaluations
        means = dict(zip(evaluations.x.astype(int).tolist(), evaluations.y.tolist(), strict=True))
        steps = [int(path.stem) if path.stem.isdecimal() else 0 for path in reversed(self._paths)]
        chosen = self._view.path
        index = self._paths[::-1].index(chosen) if chosen in self._paths else None
        self.query_one(Choices).show([(si(step), number(means.get(step))) for step in steps], index)

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        """Replay the evaluation that was clicked."""
        self._choose(len(self._paths) - 1 - event.index)

    def on_timeline_sought(self, event: Timeline.Sought) -> None:
        """Go to the step that was pointed at."""
        self._view.player.seek(event.step)
        self._view.show_now()

    def _choose(self, index: int) -> None:
        if self._paths:
            index = min(max(index, 0), len(self._paths) - 1)
            self._following = index == len(self._paths) - 1
            self._view.open(self._paths[index])
            self._show_choices()
            self._show_titles()

    def action_choose(self, offset: int) -> None:
        """Replay a newer or older evaluation."""
        path = self._view.path
        self._choose((self._paths.index(path) if path in self._paths else len(self._paths) - 1) + offset)

    def action_live(self) -> None:
        """Follow the newest evaluation again."""
        self._view.player.playing = True
        self._choose(len(self._paths) - 1)

    def action_play(self) -> None:
        """Play or hold."""
        player = self._view.player
        player.playing = not player.playing
        self._view.show_now()

    def action_scrub(self, seconds: float) -> None:
        """Hold, and move by some seconds."""
        self._view.player.scrub(seconds)
        self._view.show_now()

    def action_edge(self, share: int) -> None:
        """Go to the beginning or the end."""
        self._view.player.seek(share * self._view.player.length)
        self._view.show_now()

    def action_speed(self) -> None:
        """Play slower or faster."""
        self._view.player.change_speed()
        self._view.show_now()

    def action_turn(self, turn: float, tilt: float) -> None:
        """Move the camera around the robot."""
        self._view.look = self._view.look.turned(turn, tilt)
        self._view.show_now()

    def action_zoom(self, factor: float) -> None:
        """Move the camera nearer or away."""
        self._view.look = self._view.look.zoomed(factor)
        self._view.show_now()

    def action_reset(self) -> None:
        """Look as at first."""
        self._view.look = self._view.look.reset()
        self._view.show_now()

    def action_option(self, option: str) -> None:
        """Show or hide contacts or effort."""
        self._view.look = self._view.look.toggled(option)
        self._view.show_now()

    def action_film(self) -> None:
        """Record the episode that is shown as a video, beside everything else."""
        robot = self._view
        if self.read_only:
            self.notify("read-only: no video is made from here", severity="warning", timeout=3)
            return
        if robot.replay is None or robot.path is None:
            self.notify("there is no recording to film yet", timeout=3)
            return
        out = RunDirectory(Path(self._run.run_dir)).videos / f"{robot.path.stem}.mp4"
        film = self._films.make(self.app, robot.path, out, robot.look)
        self.app.run_worker(film, exit_on_error=False)  # on the application: it goes on behind other screens

"""Ended from outside at any moment: what was learned is saved, the terminal restored, nothing is left."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.commands import Stop
from engine.run_directory import RunDirectory
from tests.faults.moments import APPLICATION, HEADLESS, MOMENTS, program
from tests.terminal import Terminal
from tests.test_end_to_end import TINY, Run
from vmpo_tui.control import send_command

FRONTS = {"application": APPLICATION, "headless": HEADLESS}
STEPS = 128
"""Of an iteration."""
OPTIONS = (
    *TINY[1:], "--eval-every", str(3 * STEPS), "--set", f"checkpoint.interval={STEPS}",
)  # fmt: skip


JOB = """
import os
waiting, hold = os.pipe()
if os.fork() == 0:
    os.setpgid(0, 0)
    os.close(hold)
    if os.fork() == 0:
        os.setpgid(0, os.getsid(0))
    os.read(waiting, 1)
    os._exit(0)
"""
"""Makes the program a shell's job: ctrl+z stops no group of processes without a parent in its session."""


class Stand:
    """A run that stands still in the middle of a moment, in a terminal of its own."""

    def __init__(
        self,
        folder: Path,
        front: str,
        moment: str,
        *options: str,
        env_id: str = "CartPole-v1",
        first: str = "",
        job: bool = False,
    ) -> None:
        self.front, self.env_id = front, env_id
        self.run = Run(folder / "run")
        self.folder = folder
        backend = "gymnasium-async" if moment == "rollout" else "gymnasium"  # with processes of its own
        arguments = (env_id, *OPTIONS, "--backend", backend, "--run-dir", str(self.run.path), *options)
        text = JOB * job + first + program(FRONTS[front], moment, folder)
        self.terminal = Terminal(text, *arguments, cwd=folder, controlling=True)

    def __enter__(self) -> Stand:
        self.terminal.wait_for("the moment", (self.folder / "reached").exists)
        if self.front == "application":
            self.terminal.wait_for_text(self.env_id)
        return self

    def __exit__(self, *exception: object) -> None:
        self.terminal.__exit__(*exception)

    def go_on(self) -> None:
        (self.folder / "go").touch()

    def send(self, signum: int) -> None:
        self.terminal.process.send_signal(signum)

    def ended(self) -> int:
        """Wait for the end and return the exit code; nothing but a process of another session is left."""
        code = self.terminal.wait_for_exit()
        self.wait_for_processes()
        return code

    def wait_for_processes(self) -> None:
        """Wait until nothing is left of the session: helpers end when they notice."""
        until(lambda: in_session(self.terminal.process.pid) == [])

    def processor_share(self) -> float:
        """Watch the process for a second; return which part of it it was at work."""
        before = self._processor_seconds()
        time.sleep(1.0)  # a rate needs a time
        return self._processor_seconds() - before

    def _processor_seconds(self) -> float:
        fields = stat_of(self.terminal.process.pid)
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stat_of(pid: int | str) -> list[str]:
    """Fields of a process's stat from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def in_session(session: int) -> list[str]:
    """Return the processes of a session that are no zombies."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            state, _, _, number, *_ = stat_of(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(number) == session and state != "Z":
            found.append(pid)
    return found


def assert_saved(run: Run) -> None:
    """The last update is the last checkpoint, which loads."""
    checkpoint = load_checkpoint(find_checkpoint(run.path))
    rows = run.rows()
    assert checkpoint.updates == rows[-1]["updates"]
    assert [row["updates"] for row in rows] == list(range(1, len(rows) + 1))
    assert [event["reason"] for event in run.events("RunFinished")][-1] == "stopped"


def assert_given_back(stand: Stand) -> None:
    """Echo and lines are back, and so are the cursor and the screen that was there before."""
    terminal = stand.terminal
    assert terminal.attributes() == terminal.attributes_before
    assert terminal.output.rfind(b"\x1b[?25h") >= terminal.output.rfind(b"\x1b[?25l")
    assert terminal.output.count(b"\x1b[?1049h") == terminal.output.count(b"\x1b[?1049l")
    assert b"Traceback" not in terminal.output


def assert_goes_on(run: Run) -> None:
    """Another process has taken the run over, without a gap; end it."""
    stopped_at = run.rows()[-1]["updates"]
    until(lambda: len(run.events("RunStarted")) == 2 and run.rows()[-1]["updates"] > stopped_at + 1)
    assert run.events("RunStarted")[1]["updates"] == run.events("RunFinished")[0]["updates"]
    assert not any("not exact" in warning["message"] for warning in run.events("Warned"))
    send_command(run.path, Stop())
    until(lambda: not RunDirectory.open(run.path).held())
    assert len(run.events("RunFinished")) == 2


def assert_saved_or_goes_on(stand: Stand) -> None:
    """The run is saved; the application's goes on, and is looked at when that has ended, not in between."""
    if stand.front == "application":
        assert_goes_on(stand.run)
    assert_saved(stand.run)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90.0
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def interrupt(stand: Stand) -> None:
    """Headless, ctrl+c reaches every process of the terminal; in the application it is a key, unlike this."""
    if stand.front == "headless":
        stand.terminal.press("\x03")
    else:
        stand.send(signal.SIGINT)


def ended_by_a_signal(stand: Stand, signum: int, *, act: Callable[[Stand], None] | None = None) -> None:
    if act:
        act(stand)
    else:
        stand.send(signum)
    stand.terminal.wait_for_text("stopping")
    stand.go_on()
    assert stand.ended() == 128 + signum
    assert_given_back(stand)


def by_int(stand: Stand) -> None:
    ended_by_a_signal(stand, signal.SIGINT, act=interrupt)
    assert_saved(stand.run)


def by_term(stand: Stand) -> None:
    ended_by_a_signal(stand, signal.SIGTERM)
    assert_saved(stand.run)


def by_hup(stand: Stand) -> None:
    ended_by_a_signal(stand, signal.SIGHUP)
    assert_saved_or_goes_on(stand)


def by_a_closed_terminal(stand: Stand) -> None:
    stand.terminal.hang_up()
    until(lambda: stand.processor_share() < 0.4)  # it parts from the terminal, and does not spin
    stand.go_on()
    assert stand.terminal.process.wait(60.0) == 128 + signal.SIGHUP
    stand.wait_for_processes()
    assert_saved_or_goes_on(stand)


def by_a_second_int(stand: Stand) -> None:
    """Leaves at once, in the middle of everything; what was saved before is there."""
    saved = stand.run.events("CheckpointSaved")[-1]["updates"]
    interrupt(stand)
    stand.terminal.wait_for_text("stopping")
    interrupt(stand)
    assert stand.ended() == 128 + signal.SIGINT
    assert_given_back(stand)
    assert load_checkpoint(find_checkpoint(stand.run.path)).updates == saved >= 2
    assert stand.run.events("RunFinished") == []
    assert not RunDirectory.open(stand.run.path).held()


def by_term_after_a_stop(stand: Stand) -> None:
    """Stopped and continued, then ended: the terminal is free meanwhile, and training goes on after it."""
    if stand.front == "headless":
        stand.terminal.press("\x1a")  # ctrl+z, which reaches every process of the job
    else:
        stand.send(signal.SIGTSTP)
    stand.terminal.wait_for("the stop", lambda: stat_of(stand.terminal.process.pid)[0] == "T")
    if stand.front == "application":
        assert_given_back(stand)
    updates = len(stand.run.rows())
    stand.go_on()
    os.killpg(stand.terminal.process.pid, signal.SIGCONT)
    stand.terminal.wait_for("more updates", lambda: len(stand.run.rows()) > updates + 1)
    if stand.front == "application":
        stand.terminal.wait_for_text("● training")
        assert stand.terminal.attributes() != stand.terminal.attributes_before
    stand.send(signal.SIGTERM)
    assert stand.ended() == 128 + signal.SIGTERM
    assert_given_back(stand)
    assert_saved(stand.run)


WAYS: dict[str, Callable[[Stand], None]] = {
    "INT": by_int,
    "TERM": by_term,
    "HUP": by_hup,
    "terminal closed": by_a_closed_terminal,
    "second INT": by_a_second_int,
    "TSTP and CONT": by_term_after_a_stop,
}
SHORT = {
    ("application", "saving", "INT"), ("application", "evaluation", "terminal closed"),
    ("headless", "rollout", "second INT"), ("headless", "update", "HUP"),
    ("headless", "rollout", "TSTP and CONT"),
}  # fmt: skip
"""Cases that every test run goes through; the others need ``-m faults``."""


def matrix() -> Iterator[object]:
    for case in itertools.product(FRONTS, MOMENTS, WAYS):
        yield pytest.param(*case, marks=[] if case in SHORT else pytest.mark.faults, id="-".join(case))


@pytest.mark.e2e
@pytest.mark.parametrize(("front", "moment", "way"), matrix())
def test_ended_from_outside_a_run_is_saved_and_nothing_is_left(tmp_path, front, moment, way):
    with Stand(tmp_path, front, moment, job=way == "TSTP and CONT") as stand:
        WAYS[way](stand)


ENDLESS = "import gymnasium; gymnasium.register('Endless-v0', 'tests.unit.fault_envs:EndlessEnv')\n"


@pytest.mark.e2e
@pytest.mark.parametrize("front", ["headless", pytest.param("application", marks=pytest.mark.faults)])
def test_term_in_an_evaluation_that_never_ends_saves_the_run(tmp_path, front):
    forever = "--set", f"evaluation.max_episode_steps={10**9}"
    with Stand(tmp_path, front, "evaluation", *forever, env_id="Endless-v0", first=ENDLESS) as stand:
        by_term(stand)
        assert len(stand.run.rows()) == 3  # the evaluation comes after the third update
        assert stand.run.events("EvaluationCompleted") == []


@pytest.mark.e2e
@pytest.mark.faults
@pytest.mark.parametrize("closed", [False, True])
def test_a_closed_terminal_stops_a_run_where_that_is_asked_for(tmp_path, closed):
    with Stand(tmp_path, "application", "update", "--on-hangup", "stop") as stand:
        if closed:
            stand.terminal.hang_up()
        else:
            stand.send(signal.SIGHUP)
        stand.go_on()
        assert stand.terminal.process.wait(60.0) == 128 + signal.SIGHUP
        stand.wait_for_processes()
    assert_saved(stand.run)
    assert not RunDirectory.open(stand.run.path).held()
    assert len(stand.run.events("RunStarted")) == 1

"""`--import`: environments of the user's own, from code that only the command line may name."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from engine.envs import imports
from tests.faults.test_damage import sign
from tests.unit.cli_runner import Result, Runner
from vmpo_tui.cli import attach
from vmpo_tui.cli.terminal import app as vmpo_tui
from vmpo_tui.robot import film

MODULE = """
from pathlib import Path
import gymnasium
from gymnasium.envs.classic_control import CartPoleEnv

(Path(__file__).parent / "executed").touch()
print("words of a module")

class Mine(CartPoleEnv):
    pass

gymnasium.register("Mine-v0", "my_envs:Mine", max_episode_steps=20)
"""
TINY = (
    "--num-envs", "2", "--no-progress", "--set", "vmpo.rollout_steps=8", "--set", "vmpo.epochs=1",
    "--set", "evaluation.episodes=1",
)  # fmt: skip


class Place:
    """A directory with a module that registers Mine-v0 and leaves a trace when it is executed."""

    def __init__(self, folder: Path, vmpo: Runner) -> None:
        self.folder, self._vmpo = folder, vmpo
        (folder / "my_envs.py").write_text(MODULE)

    def __call__(self, *arguments: str) -> Result:
        """Run a command as in a process of its own, which knows nothing of the commands before it."""
        self.forget()
        return self._vmpo(*arguments)

    @property
    def executed(self) -> bool:
        return (self.folder / "executed").exists()

    def forget(self) -> None:
        (self.folder / "executed").unlink(missing_ok=True)
        gymnasium.registry.pop("Mine-v0", None)
        for name in ("my_envs", "broken"):
            sys.modules.pop(name, None)
        imports._imported.clear()

    def train(self, *more: str) -> Result:
        return self("train", "Mine-v0", "--steps", "32", "--run-dir", "run", *TINY, *more)


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delenv("VMPO_RUNS", raising=False)
    place = Place(tmp_path, Runner(capfd))
    yield place
    place.forget()


def refused(result: Result) -> str:
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result.err
    assert result.err.startswith("error: ")
    assert "VMPO_TRACEBACK" not in result.err
    return result.err


@pytest.mark.parametrize("backend", ["gymnasium", "gymnasium-async"])
def test_an_environment_of_a_module_is_trained_continued_scored_and_exported(place: Place, backend: str):
    trained = place.train("--import", "my_envs", "--backend", backend, "--json")
    assert trained.code == 0, trained.err
    words, _, document = trained.out.partition("{")
    assert json.loads("{" + document)["env_id"] == "Mine-v0"
    if backend == "gymnasium":  # worker processes import it by themselves
        assert words == ""  # what the module prints goes elsewhere
    assert "words of a module" in trained.err
    for command in (
        ("resume", "run", "--steps", "64", "--no-progress"),
        ("eval", "run", "--episodes", "1"),
        ("export", "run", "-o", "policy.safetensors"),
    ):
        assert "unknown environment 'Mine-v0'" in place(*command).err.splitlines()[-1]
        assert not place.executed  # a checkpoint imports nothing
        result = place(*command, "--import", "my_envs")
        assert result.code == 0, result.err


def test_without_the_option_nothing_is_imported(place: Place):
    assert "unknown environment 'Mine-v0'" in refused(place.train())
    assert not place.executed
    assert [path.name for path in place.folder.iterdir()] == ["my_envs.py"]


@pytest.mark.parametrize("more", [(), ("--import", "json")])
def test_an_id_never_names_code(place: Place, more: tuple[str, ...]):
    message = refused(place("train", "my_envs:Mine-v0", *more))
    assert "would import the module before the colon, which is refused" in message
    assert "--import" in message
    assert not place.executed


def test_a_configuration_never_names_code(place: Place):
    (place.folder / "run.toml").write_text('[env]\nid = "my_envs:Mine-v0"\n')
    refused(place("train", "Mine-v0", "--config", "run.toml"))
    assert not place.executed
    refused(place("train", "Mine-v0", "--set", "env.id=my_envs:Mine-v0"))
    assert not place.executed


@pytest.mark.parametrize(
    "command", [("resume", "--steps", "64"), ("eval",), ("export", "-o", "x.safetensors")]
)
def test_a_checkpoint_never_names_code(place: Place, command: tuple[str, ...]):
    assert place.train("--import", "my_envs").code == 0
    run = place.folder / "run"
    [checkpoint] = (run / "checkpoints").glob("0*")
    for file in (run / "config.toml", checkpoint / "config.toml"):
        file.write_text(file.read_text().replace('"Mine-v0"', '"my_envs:Mine-v0"'))
    sign(checkpoint, env_id="my_envs:Mine-v0")
    result = place(command[0], "run", *command[1:])
    assert result.code == 2
    assert "would import the module before the colon" in result.err.splitlines()[-1]
    assert not place.executed


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "there is no module 'absent' in this directory or among the installed packages"),
        ("absent.part", "there is no module 'absent.part'"),
        ("my_envs.py", "'my_envs.py' is no module's name, such as my_envs"),
        ("", "'' is no module's name"),
        ("../x", "'../x' is no module's name"),
        ("x; y", "'x; y' is no module's name"),
        ("my_envs:Mine-v0", "'my_envs:Mine-v0' is no module's name"),
        ("a\x1b[2J", "\\x1b[2J"),
    ],
)
def test_what_is_no_module_is_refused(place: Place, name: str, message: str):
    assert message in refused(place("train", "Mine-v0", "--import", name))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise ValueError('no\\nno')", "broken cannot be imported: ValueError: no no"),
        ("x = (", "broken cannot be imported: SyntaxError: '(' was never closed"),
        (
            "import a_module_that_is_absent",
            "broken cannot be imported: No module named 'a_module_that_is_absent'",
        ),
        ("raise SystemExit(3)", "broken cannot be imported: SystemExit: 3"),
    ],
)
def test_a_module_that_breaks_is_named(place: Place, text: str, message: str):
    (place.folder / "broken.py").write_text(text)
    assert message in refused(place("train", "Mine-v0", "--import", "broken"))
    assert sorted(path.name for path in place.folder.iterdir()) == ["broken.py", "my_envs.py"]


def test_a_file_here_hides_no_package(place: Place):
    (place.folder / "colorsys.py").write_text("raise ValueError")
    sys.modules.pop("colorsys", None)
    assert place.train("--import", "my_envs", "--import", "colorsys").code == 0


def test_the_application_takes_it_too(place: Place):
    place.forget()
    result = place._vmpo("Mine-v0", "--import", "absent", app=vmpo_tui, name="vmpo-tui")
    assert "--import: there is no module 'absent'" in refused(result)
    result = place._vmpo("Mine-v0", "--import", "my_envs", app=vmpo_tui, name="vmpo-tui")
    assert "vmpo-tui needs a terminal" in result.err  # the module was there, the terminal is not
    assert place.executed


def test_processes_that_go_on_with_a_run_import_the_same(place: Place, monkeypatch: pytest.MonkeyPatch):
    assert place.train("--import", "my_envs").code == 0
    started: list[list[str]] = []

    class Process:
        pid = 123

        def __init__(self, command: list[str], **_: object) -> None:
            started.append(command)

    monkeypatch.setattr("vmpo_tui.cli.attach.subprocess.Popen", Process)
    attach.go_on_without_a_screen(place.folder / "run")
    started.append(film.command(Path("recording"), Path("out.mp4")))
    for command in started:
        assert command[command.index("--import") + 1] == "my_envs"

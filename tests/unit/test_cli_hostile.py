"""Text from outside on the command line: whatever it holds, nothing that is printed steers the terminal."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.config import Config
from engine.errors import EnvironmentFault
from engine.events import Warned
from engine.failure import write_report
from engine.run_directory import RunDirectory
from engine.training import Training
from tests.hostile import HOSTILE
from tests.unit.cli_runner import FakeTrainer, Result, Runner
from tests.unit.run_script import CARTPOLE, train
from tests.unit.test_curves import evaluation
from vmpo_tui.cli import attach
from vmpo_tui.cli.terminal import app as vmpo_tui
from vmpo_tui.text import printable

CLI = Path(attach.__file__).parent


@dataclass(frozen=True, slots=True)
class World:
    """A text, a directory that is called so, and in it a run whose files say it."""

    vmpo: Runner
    text: str
    folder: Path
    patch: pytest.MonkeyPatch

    @property
    def run(self) -> str:
        return str(self.folder / "run")

    @property
    def storable(self) -> str:
        """The text as a file of UTF-8 can hold it."""
        return self.text.replace("\ud800", "?")

    def pretend(self, trainer: type[FakeTrainer]) -> None:
        """Put a trainer in the engine's place."""
        self.patch.setattr("engine.trainer.Trainer", trainer)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a checkpoint and the report of a failure."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train(CARTPOLE, run)
    training = Training(CARTPOLE)
    training.start()
    training.iterate()
    write_report(run / "failures", training, "NaN")
    training.close()
    return run


@pytest.fixture(params=HOSTILE, ids=[ascii(text[:12]) for text in HOSTILE])
def world(
    request: pytest.FixtureRequest,
    whole: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> World:
    text: str = request.param
    # No name has NUL or a slash; a surrogate stands for a byte that is no UTF-8.
    name = re.sub("[\0/]", "", text).replace("\ud800", "\udcd8")[:100]
    folder = tmp_path / name
    shutil.copytree(whole, folder / "run")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMPO_RUNS", str(folder))
    monkeypatch.setenv("TERM", name)
    return World(Runner(capfd), text, folder, monkeypatch)


def summary_of(world: World) -> Result:
    """A run that warns, and ends well."""

    class Warns(FakeTrainer):
        made = []

        def between_iterations(self) -> None:
            self.channel.emit(Warned(world.text))

    world.pretend(Warns)
    return world.vmpo("train", "CartPole-v1", "--run-dir", str(world.folder / "new"))


def resumed(world: World) -> Result:
    return world.vmpo("resume", world.run, "--steps", "128", "--no-progress")


def failure_of(world: World) -> Result:
    """A run that fails with the text."""

    class Fails(FakeTrainer):
        made = []
        failure = EnvironmentFault(world.text)

    world.pretend(Fails)
    return world.vmpo("train", "CartPole-v1", "--run-dir", str(world.folder / "new"))


def damaged(world: World, *command: str) -> Result:
    """A command on a run whose newest checkpoint is damaged."""
    [checkpoint] = (world.folder / "run" / "checkpoints").glob("0*")
    (checkpoint / "manifest.json").write_text("{}")
    return world.vmpo(*command)


def listed(world: World) -> Result:
    """A run of an environment that is called so, in the list of runs."""
    config = Config().updated({"env": {"id": world.storable}})
    (world.folder / "run" / "config.toml").write_bytes(config.to_toml().encode())
    return world.vmpo("runs")


def misspelt_metric(world: World) -> Result:
    """A metric that is missing, where the others are called so."""
    row = json.dumps({"env_steps": 1, "updates": 1, world.text: 1.0})
    (world.folder / "run" / "metrics.jsonl").write_text(row + "\n")
    return world.vmpo("plot", world.run, "--metric", "absent")


def drawn(world: World) -> Result:
    """Curves in the terminal, of a metric that is called so and an environment, too."""
    config = Config().updated({"env": {"id": world.storable}})
    directory = RunDirectory.create(world.folder / "drawn", config)
    rows = [{"env_steps": n, "updates": n, "seconds": n, world.text: float(n)} for n in (1, 2)]
    directory.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    directory.events.write_text(json.dumps(evaluation(1, 2.0)) + "\n")
    return world.vmpo("plot", str(directory.path), "--metric", world.text)


def detached(world: World) -> Result:
    """What is said when a run goes on without a screen."""

    class Process:
        pid = 123

    world.patch.setattr("vmpo_tui.cli.attach.subprocess.Popen", lambda *_, **__: Process())
    attach.go_on_without_a_screen(Path(world.run))
    return Result(0, *world.vmpo._capsys.readouterr())


def replayed(world: World) -> Result:
    """The report of a failure that says so."""
    training = Training(CARTPOLE)
    training.start()
    training.iterate()
    path = write_report(world.folder, training, world.storable)
    training.close()
    return world.vmpo("replay-failure", str(path))


COMMANDS: dict[str, Callable[[World], Result]] = {
    "train ENV": lambda w: w.vmpo("train", w.text),
    "train --run-dir": lambda w: w.vmpo("train", "CartPole-v1", "--run-dir", w.text),
    "train --set": lambda w: w.vmpo("train", "CartPole-v1", "--set", w.text),
    "train --set value": lambda w: w.vmpo("train", "CartPole-v1", "--set", f"vmpo.gamma={w.text}"),
    "train --config": lambda w: w.vmpo("train", "CartPole-v1", "--config", w.text),
    "train --preset": lambda w: w.vmpo("train", "CartPole-v1", "--preset", w.text),
    "train --backend": lambda w: w.vmpo("train", "CartPole-v1", "--backend", w.text),
    "train --steps": lambda w: w.vmpo("train", "CartPole-v1", "--steps", w.text),
    "train, its end": summary_of,
    "train, its failure": failure_of,
    "resume": resumed,
    "resume RUN": lambda w: w.vmpo("resume", w.text),
    "resume, damaged": lambda w: damaged(w, "resume", w.run, "--steps", "128"),
    "eval RUN": lambda w: w.vmpo("eval", w.text),
    "eval, damaged": lambda w: damaged(w, "eval", w.run),
    "eval --video": lambda w: w.vmpo("eval", w.run, "--video", w.text),
    "runs": listed,
    "plot RUN": lambda w: w.vmpo("plot", w.text),
    "plot --metric": lambda w: w.vmpo("plot", w.run, "--metric", w.text),
    "plot, a missing metric": misspelt_metric,
    "plot in the terminal": drawn,
    "plot --x": lambda w: w.vmpo("plot", w.run, "--x", w.text),
    "plot -o": lambda w: w.vmpo("plot", w.run, "-o", str(w.folder / "curve.svg")),
    "export RUN": lambda w: w.vmpo("export", w.text, "-o", "policy.safetensors"),
    "export -o": lambda w: w.vmpo("export", w.run, "-o", str(w.folder / "policy.safetensors")),
    "attach RUN": lambda w: w.vmpo("attach", w.text),
    "attach, its end": detached,
    "serve RUN": lambda w: w.vmpo("serve", w.text),
    "envs FILTER": lambda w: w.vmpo("envs", w.text),
    "replay-failure FILE": lambda w: w.vmpo("replay-failure", w.text),
    "replay-failure": replayed,
    "doctor": lambda w: w.vmpo("doctor"),
    "an unknown command": lambda w: w.vmpo(w.text),
    "an unknown option": lambda w: w.vmpo("train", "CartPole-v1", f"--{w.text}"),
    "vmpo-tui ENV": lambda w: w.vmpo(w.text, app=vmpo_tui, name="vmpo-tui"),
    "vmpo-tui --resume": lambda w: w.vmpo("--resume", w.text, app=vmpo_tui, name="vmpo-tui"),
    "vmpo-tui --attach": lambda w: w.vmpo("--attach", w.text, app=vmpo_tui, name="vmpo-tui"),
}


def steering(result: Result) -> set[str]:
    """Return the characters that a terminal would obey."""
    written = result.out + result.err
    return {character for character in written.replace("\n", "") if character != printable(character)}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_nothing_that_is_printed_steers_the_terminal(world: World, command: Callable[[World], Result]):
    result = command(world)
    assert result.out + result.err != ""
    assert steering(result) == set()
    assert "VMPO_TRACEBACK" not in result.err  # no error that nobody thought of


JSON: dict[str, Callable[[World], Any]] = {
    "train": lambda w: summary_json(w)["run_dir"],
    "runs": lambda w: json.loads(w.vmpo("runs", "--json").out)[0]["path"],
    "eval": lambda w: json.loads(w.vmpo("eval", w.run, "--episodes", "1", "--json").out)["checkpoint"],
    "replay-failure": lambda w: replay_json(w)["file"],
    "export": lambda w: export_json(w)["checkpoint"],
    "doctor": lambda w: next(
        check["detail"] for check in json.loads(w.vmpo("doctor", "--json").out) if check["name"] == "runs"
    ),
}


def summary_json(world: World) -> dict[str, Any]:
    class Fine(FakeTrainer):
        made = []

    world.pretend(Fine)
    options = ("--run-dir", str(world.folder / "new"), "--json", "--no-progress")
    document: dict[str, Any] = json.loads(world.vmpo("train", "CartPole-v1", *options).out)
    return document


def replay_json(world: World) -> dict[str, Any]:
    if "\udcd8" in world.folder.name:
        pytest.skip("safetensors opens no path that is not UTF-8")
    [report] = (world.folder / "run" / "failures").iterdir()
    document: dict[str, Any] = json.loads(world.vmpo("replay-failure", str(report), "--json").out)
    return document


def export_json(world: World) -> dict[str, Any]:
    result = world.vmpo("export", world.run, "-o", "policy.safetensors", "--json")
    document: dict[str, Any] = json.loads(result.out)
    return document


@pytest.mark.parametrize("field", JSON.values(), ids=JSON)
def test_json_gives_the_text_back_and_steers_nothing(
    world: World, field: Callable[[World], str], monkeypatch: pytest.MonkeyPatch
):
    written: list[str] = []
    call = Runner.__call__

    def noting(runner: Runner, *arguments: str, **options: Any) -> Result:
        result = call(runner, *arguments, **options)
        written.append(result.out + result.err)
        return result

    monkeypatch.setattr(Runner, "__call__", noting)
    assert world.folder.name in field(world)
    assert steering(Result(0, "".join(written), "")) == set()


def test_a_name_is_shown_as_it_can_be_read(world: World):
    result = summary_of(world)
    [where] = [line for line in result.out.splitlines() if line.startswith("  run ")]
    assert printable(world.folder.name) in where.replace("'\"'\"'", "'")


def test_one_module_writes_what_the_command_line_says():
    echoing = {path.name for path in CLI.glob("*.py") if "typer.echo(" in path.read_text(encoding="utf-8")}
    assert echoing == {"output.py", "commands.py"}  # the latter the help, which knows no text from outside

"""The forms about one run: another name, going on, branching off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from textual.suggester import SuggestFromList

from engine.config import LIVE, Config
from engine.errors import CheckpointError, ConfigError
from engine.generations import generations, order
from engine.run_directory import RunDirectory, RunInfo, check_name, tidy_name
from vmpo_tui.screens.form import Form
from vmpo_tui.text import parse_count, si
from vmpo_tui.widgets.field import Field, Note
from vmpo_tui.widgets.suggest_setting import SuggestSetting
from vmpo_tui.wishes import GoOn


class RenameForm(Form[str]):
    """Asks for another name of a run; dismissed with it."""

    TITLE_TEXT = "another name"
    HINT = "enter renames   esc leaves it"

    def __init__(self, run: RunInfo) -> None:
        super().__init__()
        self._run_info = run

    def fields(self) -> Iterable[Field]:
        """Yield the name."""
        yield Field("name", "name", tidy_name(self._run_info.name))

    def check(self, values: Mapping[str, str]) -> Mapping[str, Note]:
        """Say whether the name can be had."""
        return {"name": name_note(self._run_info.path.parent, values["name"], own=self._run_info.name)}

    def accept(self, values: Mapping[str, str]) -> None:
        """Answer with the name, if it is another one."""
        self.dismiss(values["name"] if values["name"] != self._run_info.name else None)


class ResumeForm(Form[GoOn]):
    """Asks how far a run is to go on; dismissed with that."""

    TITLE_TEXT = "go on with a run"
    HINT = "enter trains   esc leaves it"

    def __init__(self, run: RunInfo) -> None:
        super().__init__()
        self._run_info = run

    def about(self) -> str:
        """Say where it stands."""
        run = self._run_info
        done = f"{run.env_steps:,} of {run.total_steps:,}"
        return f"{run.name} stands at {done} steps and goes on exactly there."

    def fields(self) -> Iterable[Field]:
        """Yield the target: its own, or twice as far where that is reached."""
        run = self._run_info
        reached = run.env_steps >= run.total_steps
        yield Field("steps", "target steps", f"{2 * run.total_steps if reached else run.total_steps}")

    def check(self, values: Mapping[str, str]) -> Mapping[str, Note]:
        """Say how much there is to do."""
        try:
            target = parse_count(values["steps"])
        except ValueError as error:
            return {"steps": Note(str(error), "error")}
        more = target - self._run_info.env_steps
        if more <= 0:
            return {"steps": Note("reached already: name a higher one", "error")}
        return {"steps": Note(f"{si(more)} more steps")}

    def accept(self, values: Mapping[str, str]) -> None:
        """Answer with the run and its target, if that is another one."""
        target = parse_count(values["steps"])
        changed = target if target != self._run_info.total_steps else None
        self.dismiss(GoOn(self._run_info.path, self._run_info.env_id, changed))


@dataclass(frozen=True, slots=True)
class Fork:
    """A run to branch off from another one."""

    checkpoint: Path
    target: Path
    env_id: str
    changes: Mapping[str, float]


class ForkForm(Form[Fork]):
    """Asks from which checkpoint a new run branches off, and what changes there; dismissed with that."""

    TITLE_TEXT = "branch a new run off"
    HINT = "enter trains   → completes   esc leaves"

    def __init__(self, run: RunInfo) -> None:
        """Offer the checkpoints of a run.

        Raises:
            CheckpointError: it has none.
        """
        super().__init__()
        self._run_info = run
        found = generations(RunDirectory(run.path).checkpoints)
        if not found:
            raise CheckpointError("it holds no checkpoint yet")
        newest = {f"{order(path)[0]}": path for path in found}  # of each step
        self._checkpoints = dict(reversed(newest.items()))

    def about(self) -> str:
        """Say which checkpoints there are."""
        steps = ", ".join(self._checkpoints)
        return f"{self._run_info.name} stays as it is. Its checkpoints, by steps: {steps}"

    def fields(self) -> Iterable[Field]:
        """Yield checkpoint, name and changes."""
        newest = next(iter(self._checkpoints))
        yield Field("from", "from step", newest, suggester=SuggestFromList(self._checkpoints))
        yield Field("name", "name")
        yield Field("steps", "target steps", placeholder=f"{self._run_info.total_steps:,}")
        yield Field("settings", "settings", placeholder="key=value ...", suggester=SuggestSetting(LIVE))

    def check(self, values: Mapping[str, str]) -> Mapping[str, Note]:
        """Say what is wrong with each field."""
        for field in self.query(Field):
            if field.name == "name":
                field.set_placeholder(self._chosen_name({**values, "name": ""}))
        return {
            "from": self._start(values["from"]),
            "name": name_note(self._run_info.path.parent, self._chosen_name(values)),
            "steps": self._steps(values),
            "settings": self._settings(values["settings"]),
        }

    def accept(self, values: Mapping[str, str]) -> None:
        """Answer with the run."""
        changes = _changes(values["settings"])
        if values["steps"]:
            changes["run.total_steps"] = parse_count(values["steps"])
        path = self._checkpoints[values["from"]]
        target = self._run_info.path.parent / self._chosen_name(values)
        self.dismiss(Fork(path, target, self._run_info.env_id, changes))

    def _chosen_name(self, values: Mapping[str, str]) -> str:
        """Return the name as typed, or one after the run and the step."""
        start = values["from"]
        step = si(int(start)) if start.isdecimal() else "checkpoint"
        return values["name"] or f"{tidy_name(self._run_info.name)[:60]}-from-{step}"

    def _start(self, name: str) -> Note:
        if name in self._checkpoints:
            return Note("a checkpoint of the run")
        return Note(f"one of {', '.join(self._checkpoints)}", "error")

    def _steps(self, values: Mapping[str, str]) -> Note:
        start = values["from"]
        try:
            target = parse_count(values["steps"]) if values["steps"] else self._run_info.total_steps
        except ValueError as error:
            return Note(str(error), "error")
        if start.isdecimal() and target <= int(start):
            return Note("reached at that step already: name a higher one", "error")
        return Note("counted from the beginning of the run it comes from")

    def _settings(self, text: str) -> Note:
        try:
            config = Config.from_toml(RunDirectory(self._run_info.path).config)
            for key, value in _changes(text).items():
                config = config.changed_live(key, value)
        except ConfigError as error:
            return Note(str(error), "error")
        return Note("changed from there on" if text else "such as optimizer.policy_lr=1e-4")


def name_note(root: Path, name: str, own: str = "") -> Note:
    """Say whether a run may have a name.

    Args:
        root: where the runs lie.
        name: as it was typed.
        own: the name that the run has now.
    """
    try:
        check_name(name)
    except ConfigError as error:
        return Note(str(error).removeprefix(repr(name)).strip(), "error")
    if name == own:
        return Note("its present name")
    if (root / name).exists():
        return Note("taken: there is a run of that name", "error")
    return Note("free", "changed")


def _changes(text: str) -> dict[str, float]:
    """Return settings by dotted name with the values that a text gives them.

    Raises:
        ConfigError: the text assigns nothing, or something of another kind.
    """
    changes: dict[str, float] = {}
    for assignment in text.split():
        config = Config().with_assignments([assignment])
        key = assignment.partition("=")[0].strip()
        changes[key] = config.value_of(key)
    return changes

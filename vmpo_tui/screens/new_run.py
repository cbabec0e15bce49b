"""The form that begins a new run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.suggester import SuggestFromList

from engine.config import Config
from engine.errors import ConfigError, nearest
from engine.presets import PRESETS, config_for, preset_for
from engine.run_directory import check_name, new_run_name, runs_root
from vmpo_tui import known
from vmpo_tui.screens.form import Form
from vmpo_tui.text import parse_count, si
from vmpo_tui.widgets.field import Field, Note
from vmpo_tui.wishes import TrainNew

COUNTS = {
    "steps": ("run", "total_steps", "environment steps, such as 1M"),
    "seed": ("run", "seed", "of every random generator"),
    "envs": ("env", "num_envs", "environments stepped in parallel"),
    "evaluate": ("evaluation", "interval", "steps between evaluations; 0 at the end"),
}
"""Fields that hold a number: section, key and what it is."""


class NewRunForm(Form[TrainNew]):
    """Environment, preset, length and settings of a new run; dismissed with it."""

    TITLE_TEXT = "a new run"
    HINT = "enter trains   ↑↓ move   → completes   esc leaves"

    def __init__(self, env_id: str) -> None:
        """Ask for a run; ``env_id`` is proposed."""
        super().__init__()
        self._proposed = env_id

    def fields(self) -> Iterable[Field]:
        """Yield the fields; an empty one takes what it shows faintly."""
        environments = SuggestFromList(known.environments(), case_sensitive=False)
        presets = SuggestFromList([preset.name for preset in PRESETS], case_sensitive=False)
        yield Field("env", "environment", self._proposed, suggester=environments)
        yield Field("preset", "preset", suggester=presets)
        for name in COUNTS:
            yield Field(name, name)
        yield Field("settings", "settings", placeholder="key=value ...")
        yield Field("name", "name")

    def check(self, values: Mapping[str, str]) -> Mapping[str, Note]:
        """Say what each field means, or what is wrong with it."""
        notes = {"env": _environment(values["env"]), "preset": _preset(values)}
        if any(note.kind == "error" for note in notes.values()):
            return notes
        base = config_for(values["env"], values["preset"] or None)
        self._propose(base, values)
        notes |= {name: _count(base, name, values[name]) for name in COUNTS}
        notes["settings"] = _settings(base, values["settings"])
        notes["name"] = _name(values["name"])
        return notes

    def accept(self, values: Mapping[str, str]) -> None:
        """Answer with the run."""
        config = config_for(values["env"], values["preset"] or None)
        for name, (section, key, _) in COUNTS.items():
            if values[name]:
                config = config.updated({section: {key: parse_count(values[name])}})
        config = config.with_assignments(values["settings"].split())
        name = values["name"] or new_run_name(config.env.id, config.run.seed)
        self.dismiss(TrainNew(config, runs_root() / name))

    def _propose(self, base: Config, values: Mapping[str, str]) -> None:
        """Show in empty fields what they stand for."""
        faint = {name: f"{_default(base, name):,}" for name in COUNTS}
        faint["preset"] = preset_for(values["env"]).name
        faint["name"] = new_run_name(values["env"], base.run.seed)
        for field in self.query(Field):
            if field.name in faint:
                field.set_placeholder(faint[field.name])


def _environment(env_id: str) -> Note:
    ids = known.environments()
    if not env_id:
        return Note("which one? such as HalfCheetah-v5", "error")
    if env_id not in ids:
        return Note(f"unknown{nearest(env_id, ids)}", "error")
    return Note(f"preset {preset_for(env_id).name}: {preset_for(env_id).why}")


def _preset(values: Mapping[str, str]) -> Note:
    names = [preset.name for preset in PRESETS]
    chosen = values["preset"]
    if chosen and chosen not in names:
        there_are = f" (there are {', '.join(names)})"
        return Note(f"unknown{nearest(chosen, names) or there_are}", "error")
    why = next((preset.why for preset in PRESETS if preset.name == chosen), "empty: the environment's own")
    return Note(why)


def _count(base: Config, name: str, text: str) -> Note:
    section, key, meaning = COUNTS[name]
    if not text:
        return Note(meaning)
    try:
        value = parse_count(text)
        base.updated({section: {key: value}})
    except (ConfigError, ValueError) as error:
        return Note(str(error).removeprefix(f"{section}.{key} "), "error")
    return Note(f"{si(value)}, not {si(_default(base, name))}", "changed")


def _default(config: Config, name: str) -> int:
    section, key, _ = COUNTS[name]
    value: int = getattr(getattr(config, section), key)
    return value


def _settings(base: Config, text: str) -> Note:
    try:
        base.with_assignments(text.split())
    except ConfigError as error:
        return Note(str(error), "error")
    count = len(text.split())
    return Note(f"{count} changed", "changed") if count else Note("such as vmpo.gamma=0.995")


def _name(name: str) -> Note:
    if not name:
        return Note("of its directory")
    try:
        check_name(name)
    except ConfigError as error:
        return Note(str(error).removeprefix(repr(name)).strip(), "error")
    if (runs_root() / name).exists():
        return Note("taken: there is a run of that name", "error")
    return Note("of its directory", "changed")

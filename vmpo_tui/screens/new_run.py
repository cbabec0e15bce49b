"""The form that begins a new run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from textual.suggester import SuggestFromList

from engine.config import Config
from engine.errors import ConfigError, EngineError, nearest
from engine.presets import PRESETS, config_for, preset_for
from engine.run_directory import new_run_name, runs_root
from vmpo_tui import known
from vmpo_tui.screens.form import Form
from vmpo_tui.screens.run_forms import name_note
from vmpo_tui.text import parse_count, si
from vmpo_tui.widgets.field import Field, Note
from vmpo_tui.widgets.suggest_setting import SuggestSetting
from vmpo_tui.wishes import TrainNew

NUMBERS: Mapping[str, tuple[str, str]] = {
    "steps": ("run.total_steps", "environment steps to train for, such as 1M"),
    "seed": ("run.seed", "of every random generator"),
    "environments": ("env.num_envs", "stepped in parallel"),
    "learning rate": ("optimizer.policy_lr", "of the policy"),
    "discount": ("vmpo.gamma", "of future rewards"),
    "evaluate every": ("evaluation.interval", "steps; 0: at the end only"),
}
"""Fields that hold a number: the setting and what it is; the most used ones."""


class NewRunForm(Form[TrainNew]):
    """Environment, preset, length and settings of a new run; dismissed with it."""

    TITLE_TEXT = "a new run"
    HINT = "enter trains   ↑↓ move   → completes   esc leaves"

    def __init__(self, env_id: str) -> None:
        """Ask for a run; ``env_id`` is proposed."""
        super().__init__()
        self._proposed = env_id
        self._refused: dict[str, str] = {}

    def fields(self) -> Iterable[Field]:
        """Yield the fields; an empty one takes what it shows faintly."""
        environments = SuggestFromList(known.environments(), case_sensitive=False)
        presets = SuggestFromList([preset.name for preset in PRESETS], case_sensitive=False)
        yield Field("env", "environment", self._proposed, suggester=environments)
        yield Field("preset", "preset", suggester=presets)
        for name in NUMBERS:
            yield Field(name, name)
        yield Field("settings", "other settings", placeholder="key=value ...", suggester=SuggestSetting())
        yield Field("name", "run name")

    def check(self, values: Mapping[str, str]) -> Mapping[str, Note]:
        """Say what each field means, or what is wrong with it."""
        notes = {"env": self._environment(values["env"]), "preset": _preset(values)}
        if any(note.kind == "error" for note in notes.values()):
            return notes
        base = config_for(values["env"], values["preset"] or None)
        notes |= {name: _number(base, name, values[name]) for name in NUMBERS}
        notes["settings"] = _settings(base, values["settings"])
        notes["name"] = name_note(runs_root(), values["name"]) if values["name"] else Note("of its directory")
        self._propose(base, values, notes["seed"])
        return notes

    def accept(self, values: Mapping[str, str]) -> None:
        """Try the environment beside everything else, then answer with the run."""
        config = config_for(values["env"], values["preset"] or None)
        for name in NUMBERS:
            if values[name]:
                config = _with_number(config, name, values[name])
        config = config.with_assignments(values["settings"].split())
        name = values["name"] or new_run_name(config.env.id, config.run.seed)
        self.run_worker(self._begin(TrainNew(config, runs_root() / name)), exclusive=True)

    async def _begin(self, wish: TrainNew) -> None:
        env = wish.config.env
        try:
            await asyncio.to_thread(_try_out, env.id, env.backend)
        except EngineError as error:
            self._refused[env.id] = str(error)
            if wrong := self.review():
                wrong.edit()
        else:
            self.dismiss(wish)

    def _environment(self, env_id: str) -> Note:
        if not env_id:
            return Note("which one? such as HalfCheetah-v5", "error")
        if env_id in self._refused:
            return Note(self._refused[env_id], "error")
        ids = known.environments()
        if ":" not in env_id and env_id not in ids:
            return Note(f"unknown{nearest(env_id, ids)}", "error")
        return Note(f"preset {preset_for(env_id).name}: {preset_for(env_id).why}")

    def _propose(self, base: Config, values: Mapping[str, str], seed: Note) -> None:
        """Show in empty fields what they stand for."""
        faint = {name: _shown(_value(base, name)) for name in NUMBERS}
        faint["preset"] = preset_for(values["env"]).name
        chosen = parse_count(values["seed"]) if values["seed"] and seed.kind != "error" else base.run.seed
        faint["name"] = new_run_name(values["env"], chosen)
        for field in self.query(Field):
            if field.name in faint:
                field.set_placeholder(faint[field.name])


def _try_out(env_id: str, backend: str) -> None:
    from engine.envs import check_env  # here: it takes a moment, and the form comes first

    check_env(env_id, backend)


def _preset(values: Mapping[str, str]) -> Note:
    names = [preset.name for preset in PRESETS]
    chosen = values["preset"]
    if chosen and chosen not in names:
        there_are = f" (there are {', '.join(names)})"
        return Note(f"unknown{nearest(chosen, names) or there_are}", "error")
    why = next((preset.why for preset in PRESETS if preset.name == chosen), "empty: the environment's own")
    return Note(why)


def _number(base: Config, name: str, text: str) -> Note:
    key, meaning = NUMBERS[name]
    if not text:
        return Note(f"{meaning}; {known.range_of(key)}")
    try:
        changed = _value(_with_number(base, name, text), name)
    except (ConfigError, ValueError) as error:
        return Note(str(error).removeprefix(f"{key} "), "error")
    return Note(f"{_shown(changed)} in place of {_shown(_value(base, name))}", "changed")


def _with_number(config: Config, name: str, text: str) -> Config:
    """Return a configuration with the setting of a field.

    Raises:
        ConfigError, ValueError: the text is no value of the setting.
    """
    key, _ = NUMBERS[name]
    if isinstance(_value(config, name), int):
        text = f"{parse_count(text)}"
    return config.with_assignments([f"{key}={text}"])


def _value(config: Config, name: str) -> float:
    value: float = config.value_of(NUMBERS[name][0])
    return value


def _shown(value: float) -> str:
    return si(value) if isinstance(value, int) and value >= 10_000 else f"{value}"


def _settings(base: Config, text: str) -> Note:
    try:
        base.with_assignments(text.split())
    except ConfigError as error:
        return Note(str(error), "error")
    count = len(text.split())
    return Note(f"{count} changed", "changed") if count else Note("such as vmpo.epochs=5, as for --set")

"""The dialog that changes settings of the run under way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.commands import ChangeSetting
from engine.config import LIVE, Config
from engine.errors import ConfigError
from vmpo_tui.known import range_of
from vmpo_tui.run_view import RunView
from vmpo_tui.screens.form import Form, complaint
from vmpo_tui.text import si
from vmpo_tui.widgets.field import Field, Note

HINTS: Mapping[str, str] = {
    "run.total_steps": "target, in env steps",
    "evaluation.interval": "env steps between evaluations; 0: at the end",
    "checkpoint.interval": "env steps between checkpoints; 0: at the end",
    "optimizer.policy_lr": "learning rate of the policy",
    "optimizer.value_lr": "learning rate of the value function",
    "optimizer.alpha_lr": "learning rate of the KL multipliers",
    "optimizer.temperature_lr": "learning rate of η (gradient mode)",
    "optimizer.max_grad_norm": "limit of the gradient's norm; 0: none",
    "vmpo.epsilon_eta": "bound of the E-step's KL",
    "vmpo.epsilon_mu": "bound of the KL of mean or policy",
    "vmpo.epsilon_sigma": "bound of the KL of the covariance",
}
"""What each setting is, in the order of the dialog; a test holds them against `engine.config.LIVE`."""
SHOWN_CHANGES = 3
"""Newest changes that are told."""


class Parameters(Form[tuple[ChangeSetting, ...]]):
    """Every setting that may change while a run is under way; dismissed with the changes."""

    TITLE_TEXT = "parameters of the run under way"
    HINT = "enter applies   ↑↓ move   esc leaves them"
    WIDTHS = (26, 14)

    def __init__(self, view: RunView) -> None:
        """Show the settings of a view.

        Raises:
            ConfigError: its run was started by a version whose settings this one does not know.
        """
        super().__init__()
        self._config = Config().updated(view.config)
        self._view = view
        self._before = {key: _text(self._config, key) for key in HINTS}

    def about(self) -> str:
        """Say what has changed so far, the newest first."""
        changes = [f"{marker.text} at {si(marker.env_steps)}" for marker in reversed(self._view.markers)]
        more = f" and {len(changes) - SHOWN_CHANGES} more" if len(changes) > SHOWN_CHANGES else ""
        return f"changed so far: {'; '.join(changes[:SHOWN_CHANGES]) or 'nothing'}{more}"

    def fields(self) -> Iterable[Field]:
        """Yield a field a setting."""
        for key, value in self._before.items():
            yield Field(key, key, value)

    def check(self, values: Mapping[str, str]) -> Mapping[str, Note]:
        """Say what would change, and what is no value."""
        return {key: self._note(key, values[key]) for key in HINTS}

    def accept(self, values: Mapping[str, str]) -> None:
        """Answer with the changes."""
        changes = ((key, _parsed(self._config, key, text)) for key, text in values.items())
        self.dismiss(
            tuple(ChangeSetting(key, value) for key, value in changes if value != _value(self._config, key))
        )

    def _note(self, key: str, text: str) -> Note:
        try:
            value = _parsed(self._config, key, text)
        except ConfigError as error:
            return complaint(error, key)
        if value == _value(self._config, key):
            return Note(self._meaning(key))
        if key == "run.total_steps" and value <= self._view.env_steps:
            return Note(f"reached already ({si(self._view.env_steps)}): ends the run", "warning")
        return Note(f"now {self._before[key]}; {self._meaning(key)}", "changed")

    def _meaning(self, key: str) -> str:
        """Return what a setting was at first, where that is another value, its range and what it is."""
        before = self._view.configured.get(key, _value(self._config, key))
        first = "" if before == _value(self._config, key) else f"at first {before:g}; "
        return f"{first}{range_of(key)}; {HINTS[key]}"


def _parsed(config: Config, key: str, text: str) -> float:
    """Return what a text says a setting is to be.

    Raises:
        ConfigError: it is no value of the setting.
    """
    assert key in LIVE
    return _value(config.with_assignments([f"{key}={text}"]), key)


def _value(config: Config, key: str) -> float:
    value: float = config.value_of(key)
    return value


def _text(config: Config, key: str) -> str:
    value = _value(config, key)
    return f"{value}"

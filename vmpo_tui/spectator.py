"""The application for those who may look at a run but not steer it."""

from __future__ import annotations

from dataclasses import replace

from vmpo_tui.app import VmpoApp
from vmpo_tui.keys import RUN_BINDINGS

REFUSAL = "read-only: this viewer does not steer the run"
REFUSED = {"toggle_pause", "evaluate", "checkpoint", "step_once", "parameters", "bookmark"}
"""Actions that say so, and that the footer does not offer."""


class SpectatorApp(VmpoApp):
    """Refuses the keys that steer; its source (`following.Spectator`) sends nothing in any case."""

    READ_ONLY = True
    BINDINGS = [
        *(replace(binding, show=False) for binding in RUN_BINDINGS if binding.action in REFUSED),
        *(replace(binding, description="leave") for binding in RUN_BINDINGS if binding.action == "stop"),
    ]

    def on_mount(self) -> None:
        """Say what this is."""
        self.notify("you are watching; keys that steer the run do nothing here", title="read-only")

    def action_toggle_pause(self) -> None:
        """Refuse to pause."""
        self._refuse()

    def action_evaluate(self) -> None:
        """Refuse to evaluate."""
        self._refuse()

    def action_checkpoint(self) -> None:
        """Refuse to save."""
        self._refuse()

    def action_step_once(self) -> None:
        """Refuse to step."""
        self._refuse()

    def action_parameters(self) -> None:
        """Refuse to change settings."""
        self._refuse()

    def action_bookmark(self) -> None:
        """Refuse to write into the run's directory."""
        self._refuse()

    def action_stop(self) -> None:
        """Leave: there is nothing to ask."""
        self.exit(self.exit_code())

    def action_interrupt(self) -> None:
        """Leave."""
        self.exit(self.exit_code())

    def _refuse(self) -> None:
        self.notify(REFUSAL, severity="warning", timeout=3)

"""Screens of the application, one file each; `SCREENS` are those that a digit leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.screen import Screen

from vmpo_tui.screens.base import TABS, RunScreen
from vmpo_tui.screens.charts import Charts
from vmpo_tui.screens.dashboard import Dashboard
from vmpo_tui.screens.dialogs import ChoiceDialog, FailureDialog
from vmpo_tui.screens.differences import DifferencesDialog
from vmpo_tui.screens.duals import Duals
from vmpo_tui.screens.form import Form
from vmpo_tui.screens.help import HelpDialog
from vmpo_tui.screens.log import Log
from vmpo_tui.screens.robot import Robot
from vmpo_tui.screens.run_picker import RunPicker
from vmpo_tui.screens.runs import Runs

__all__ = ["DIALOGS", "SCREENS", "TABS", "VIEWS", "RunScreen"]

SCREENS: tuple[type[RunScreen], ...] = (Dashboard, Charts, Duals, Robot, Runs, Log)
"""In the order of their digits; a test holds them against `TABS`."""
VIEWS = tuple(tab for tab in TABS if tab[1] not in {Runs.LABEL, Log.LABEL})
"""Those on which one sees how a run does: it is opened on the one of them that was left last."""

DIALOGS: Mapping[str, type[Screen[Any]]] = {
    "questions": ChoiceDialog,
    "help": HelpDialog,
    "failure": FailureDialog,
    "choice of runs": RunPicker,
    "forms": Form,
    "differences": DifferencesDialog,
}
"""By what the help calls them."""

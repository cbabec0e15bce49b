"""Screens of the application, one file each; `SCREENS` are those that a digit leads to."""

from __future__ import annotations

from vmpo_tui.screens.base import TABS, RunScreen
from vmpo_tui.screens.charts import Charts
from vmpo_tui.screens.dashboard import Dashboard
from vmpo_tui.screens.duals import Duals
from vmpo_tui.screens.log import Log
from vmpo_tui.screens.robot import Robot
from vmpo_tui.screens.runs import Runs

__all__ = ["SCREENS", "TABS", "RunScreen"]

SCREENS: tuple[type[RunScreen], ...] = (Dashboard, Charts, Duals, Robot, Runs, Log)
"""In the order of their digits; a test holds them against `TABS`."""

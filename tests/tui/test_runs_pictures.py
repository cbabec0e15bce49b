"""Pictures of the runs screen and its dialogs at every size."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from engine.events import SettingChanged
from engine.run_directory import RunDirectory, list_runs
from tests.tui.runs_folder import make, open_runs, type_into
from tests.tui.scripted_engine import STARTED, until
from tests.tui.test_snapshots import THEMES
from vmpo_tui import run_view
from vmpo_tui.run_view import RunView
from vmpo_tui.screens.differences import DifferencesDialog
from vmpo_tui.screens.form import Form
from vmpo_tui.screens.new_run import NewRunForm
from vmpo_tui.screens.parameters import Parameters
from vmpo_tui.screens.run_forms import ForkForm, ResumeForm
from vmpo_tui.screens.runs import Runs


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50), (58, 15)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_the_screen(app, root, snap_compare, size, theme, monkeypatch):
    monkeypatch.chdir(root.parent)
    monkeypatch.setenv("VMPO_RUNS", "runs")
    for index in range(6):
        make(root, f"CartPole-v1-s{index}", age=100 * 4**index, steps=15_000 * (index + 1), best=50.0 * index)

    async def before(pilot: Pilot[int]) -> None:
        app.theme = theme
        await open_runs(pilot, 6)
        await pilot.press("down", "m", "down")

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_the_form_of_a_new_run(app, snap_compare, size, monkeypatch, root):
    monkeypatch.chdir(root.parent)
    monkeypatch.setenv("VMPO_RUNS", "runs")

    async def before(pilot: Pilot[int]) -> None:
        await open_runs(pilot, 0)
        await pilot.press("t")
        await until(pilot, "the form", lambda: isinstance(app.screen, NewRunForm))
        await type_into(pilot, "steps", "many")
        await pilot.press("tab", "tab")

    assert snap_compare(app, terminal_size=size, run_before=before)


def fork_of_a_run(root) -> Form:
    make(root, "trunk", age=60)
    for name in ("0000020000", "0000040000"):
        folder = RunDirectory(root / "trunk").checkpoints / name
        folder.mkdir(parents=True)
        (folder / "manifest.json").touch()
    return ForkForm(next(run for run in list_runs(root) if run.name == "trunk"))


def parameters(root) -> Form:
    view = run_view.apply(RunView(), STARTED)
    view = run_view.apply(view, SettingChanged("optimizer.policy_lr", 3e-4, 1e-3, 12_000, 6))
    return Parameters(view)


def differences_of_runs(root) -> DifferencesDialog:
    make(root, "CartPole-v1-s0", age=60)
    make(root, "CartPole-v1-s1", age=60, **{"run.seed": 1, "vmpo.gamma": 0.95})
    make(root, "CartPole-v1-s2-wide", age=60, **{"run.seed": 2, "network.policy_layer_sizes": "[256, 256]"})
    return DifferencesDialog(sorted(root.iterdir()))


def resume_of_a_run(root) -> Form:
    make(root, "trunk", age=60)
    return ResumeForm(list_runs(root)[0])


DIALOGS = [fork_of_a_run, parameters, differences_of_runs, resume_of_a_run]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("dialog", DIALOGS, ids=lambda make: make.__name__)
def test_dialogs(app, root, snap_compare, size, dialog, monkeypatch):
    made = dialog(root)
    monkeypatch.chdir(root.parent)
    monkeypatch.setenv("VMPO_RUNS", "runs")

    async def before(pilot: Pilot[int]) -> None:
        await until(pilot, "the screen", lambda: isinstance(app.screen, Runs) and app.screen._read)
        app.push_screen(made)
        await until(pilot, "the dialog", lambda: app.screen is made)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50), (58, 15)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_where_there_are_no_runs(app, snap_compare, size, monkeypatch, root):
    monkeypatch.chdir(root.parent)
    monkeypatch.setenv("VMPO_RUNS", "runs")

    async def before(pilot: Pilot[int]) -> None:
        await open_runs(pilot, 0)

    assert snap_compare(app, terminal_size=size, run_before=before)

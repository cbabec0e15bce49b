"""Screen 5: every key on runs of a real folder, and what it leads to."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest

from engine.commands import ChangeSetting, Stop
from engine.config import LIVE, Config
from engine.events import SettingChanged
from engine.presets import config_for
from engine.run_admin import TRASH
from engine.run_directory import NAME_PATTERN, RunDirectory
from engine.trainer import Trainer
from tests.tui.runs_folder import NOW, lines, make, note_beside, notes, open_runs, type_into
from tests.tui.scripted_engine import STARTED, ScriptedEngine, until
from tests.tui.test_faults import HOSTILE
from vmpo_tui.known import SUGGESTED, environments
from vmpo_tui.screens.base import RunScreen
from vmpo_tui.screens.charts import Charts
from vmpo_tui.screens.dialogs import HandOverDialog, TrashDialog
from vmpo_tui.screens.differences import DifferencesDialog
from vmpo_tui.screens.new_run import NewRunForm
from vmpo_tui.screens.parameters import HINTS, Parameters
from vmpo_tui.screens.run_forms import ForkForm, RenameForm, ResumeForm
from vmpo_tui.screens.runs import Runs
from vmpo_tui.widgets import run_details
from vmpo_tui.widgets.look_line import LookLine
from vmpo_tui.widgets.run_table import STATES, RunTable
from vmpo_tui.widgets.suggest_setting import SuggestSetting
from vmpo_tui.widgets.welcome import Welcome
from vmpo_tui.wishes import GoOn, TrainNew, Watch


async def test_without_a_run_it_says_how_to_begin(app):
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_runs(pilot, 0)
        assert screen.query_one(Welcome).display
        assert not screen.query_one(RunTable).display
        assert "no run is shown yet" in screen.query_one("#status").text
        await pilot.press("r", "p", "e", "space")
        assert "there is no run to choose" in notes(app)
        assert isinstance(app.screen, Runs)
        await pilot.press("q")
    assert app.return_code == 0


async def test_a_suggested_environment_leads_to_the_form(app, root):
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_runs(pilot, 0)
        await pilot.press("down", "enter")
        await until(pilot, "the form", lambda: isinstance(app.screen, NewRunForm))
        assert app.screen.values()["env"] == SUGGESTED[1][0]
        await pilot.press("escape")
        make(root, "first", age=60)
        await until(pilot, "the table", lambda: screen.query_one(RunTable).display)
        assert screen.query_one(RunTable).has_focus
        assert not screen.query_one(Welcome).display


def test_suggested_environments_are_known():
    assert {env_id for env_id, _ in SUGGESTED} <= set(environments())


async def test_runs_are_listed_sorted_and_filtered(app, root):
    make(root, "old-best", age=900, best=400.0)
    make(root, "young", age=60, best=200.0, steps=99_000)
    make(root, "middle", age=300, best=300.0)
    (root / "damaged").mkdir()
    (root / "damaged" / "config.toml").write_text("[nonsense")
    os.utime(root / "damaged" / "config.toml", (NOW - 2000, NOW - 2000))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_runs(pilot, 4)

        def names() -> list[str]:
            return [line.split()[2] for line in lines(screen)]

        assert names() == ["young", "middle", "old-best", "damaged"]
        assert "■ stopped" in lines(screen)[0]
        assert "1 min" in lines(screen)[0]
        await pilot.press("o")
        assert names()[:3] != ["young", "middle", "old-best"]
        assert "sorted by best" in screen.query_one("#list-keys", LookLine).text
        assert "best ▾" in screen.query_one(RunTable).text.splitlines()[0]
        await pilot.press("o", "o", "o")
        assert names()[-1] == "damaged"
        await pilot.press("o", "end")
        await pilot.press("r")
        assert "damaged cannot go on" in notes(app)
        await pilot.press("slash", *"^you")
        await until(pilot, "the match", lambda: names() == ["young"])
        await pilot.press("escape")
        await until(pilot, "all", lambda: len(names()) == 4)


async def test_a_new_run_is_asked_for_checked_as_one_types_and_begun(app, root):
    async with app.run_test(size=(120, 40)) as pilot:
        await open_runs(pilot, 0)
        await pilot.press("t")
        await until(pilot, "the form", lambda: isinstance(app.screen, NewRunForm))
        await type_into(pilot, "env", "HalfCheeta-v5")
        assert "did you mean 'HalfCheetah-v5'" in note_beside(app, "env")
        await type_into(pilot, "env", "CartPole-v1")
        await type_into(pilot, "steps", "half")
        assert "not a whole number" in note_beside(app, "steps")
        await type_into(pilot, "steps", "0")
        assert "at least" in note_beside(app, "steps")
        await type_into(pilot, "discount", "2")
        assert "must be" in note_beside(app, "discount")
        await type_into(pilot, "discount", "")
        assert "at most 1" in note_beside(app, "discount")
        await type_into(pilot, "learning rate", "1e-4")
        assert "0.0001 in place of" in note_beside(app, "learning rate")
        await type_into(pilot, "settings", "vmpo.gama=1")
        assert "did you mean 'vmpo.gamma'" in note_beside(app, "settings")
        await type_into(pilot, "name", "two words")
        assert "no valid run name" in note_beside(app, "name")
        await pilot.press("enter")
        assert isinstance(app.screen, NewRunForm)  # nothing begins with an error
        await type_into(pilot, "steps", "250k")
        await type_into(pilot, "settings", "vmpo.gamma=0.95 vmpo.epochs=3")
        await type_into(pilot, "name", "")
        await pilot.press("enter")
        await until(pilot, "the end", lambda: app.return_code is not None)
    assert isinstance(app.wish, TrainNew)
    assert app.wish.run_dir == root / "CartPole-v1-s0-new"
    expected = config_for("CartPole-v1").updated(
        {
            "run": {"total_steps": 250_000},
            "vmpo": {"gamma": 0.95, "epochs": 3},
            "optimizer": {"policy_lr": 1e-4},
        }
    )
    assert app.wish.config == expected


async def test_an_environment_that_cannot_be_made_is_refused_beside_its_field(app, root):
    async with app.run_test(size=(120, 40)) as pilot:
        await open_runs(pilot, 0)
        await pilot.press("t")
        await until(pilot, "the form", lambda: isinstance(app.screen, NewRunForm))
        await type_into(pilot, "env", "no_such_module:Env-v0")
        await pilot.press("enter")
        await until(pilot, "the reason", lambda: "no_such_module" in note_beside(app, "env"))
        assert isinstance(app.screen, NewRunForm)
        assert app.wish is None


async def test_settings_are_completed_one_after_another():
    suggest = SuggestSetting().get_suggestion
    assert await suggest("vmpo.gam") == "vmpo.gamma="
    assert await suggest("vmpo.gamma=0.9 network.act") == "vmpo.gamma=0.9 network.activation="
    assert await suggest("network.activation=si") == "network.activation=silu"
    assert await suggest("network.activation=silu") is None
    assert await suggest("nonsense") is None
    assert await suggest("") is None
    live = SuggestSetting(LIVE).get_suggestion
    assert await live("vmpo.gam") is None
    assert await live("vmpo.eps") == "vmpo.epsilon_eta="


async def test_a_run_is_opened_or_gone_on_with(app, root):
    make(root, "first", age=60)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_runs(pilot, 1)
        await pilot.press("r")
        await until(pilot, "the form", lambda: isinstance(app.screen, ResumeForm))
        assert "50k more steps" in note_beside(app, "steps")
        await type_into(pilot, "steps", "50k")
        assert "reached already" in note_beside(app, "steps")
        await type_into(pilot, "steps", "1M")
        await pilot.press("enter")
        await until(pilot, "the end", lambda: app.return_code is not None)
    assert app.wish == GoOn(root / "first", "CartPole-v1", 1_000_000)


async def test_enter_looks_at_a_run(app, root):
    make(root, "first", age=60)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_runs(pilot, 1)
        await pilot.press("enter")
        await until(pilot, "the end", lambda: app.return_code is not None)
    assert app.wish == Watch(root / "first")


async def test_names_can_be_changed_and_deletions_undone(app, root):
    make(root, "first", age=60)
    make(root, "second", age=90)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_runs(pilot, 2)
        await pilot.press("f2")
        await until(pilot, "the form", lambda: isinstance(app.screen, RenameForm))
        await type_into(pilot, "name", "second")
        assert "taken" in note_beside(app, "name")
        await type_into(pilot, "name", "better")
        await pilot.press("enter")
        await until(pilot, "the name", lambda: "first is now better" in notes(app))
        assert (root / "better").is_dir()
        assert screen.query_one(RunTable).run.name == "better"
        await pilot.press("delete")
        await until(pilot, "the question", lambda: isinstance(app.screen, TrashDialog))
        await pilot.press("escape")
        assert (root / "better").is_dir()
        await pilot.press("delete")
        await until(pilot, "the question", lambda: isinstance(app.screen, TrashDialog))
        await pilot.press("y")
        await until(pilot, "the trash", lambda: (root / TRASH / "better").is_dir())
        await until(pilot, "one run", lambda: len(lines(screen)) == 1)
        await pilot.press("u")
        await until(pilot, "the run", lambda: "better is back" in notes(app))
        assert (root / "better").is_dir()


async def test_a_run_that_is_trained_keeps_its_name(app, root):
    make(root, "first", age=60)
    with RunDirectory(root / "first").hold():
        async with app.run_test(size=(120, 40)) as pilot:
            screen = await open_runs(pilot, 1)
            assert "● running" in lines(screen)[0]
            await pilot.press("r")
            assert "a process trains first already" in notes(app)
            await pilot.press("delete")
            assert "a process trains first: it cannot be deleted before that has ended" in notes(app)
            assert app.screen is screen  # nothing was asked that has but one answer
            assert (root / "first").is_dir()


async def test_runs_are_compared(app, root):
    make(root, "first", age=60, **{"vmpo.gamma": 0.9})
    make(root, "second", age=90)
    make(root, "third", age=120, **{"vmpo.gamma": 0.5})
    async with app.run_test(size=(120, 40)) as pilot:
        await open_runs(pilot, 3)
        await pilot.press("d")
        assert "mark another run first" in notes(app)
        await pilot.press("m", "down", "m", "m", "m", "down", "d")
        await until(pilot, "the table", lambda: isinstance(app.screen, DifferencesDialog))
        heading, *rows = str(app.screen.query("Static").last().render()).splitlines()
        assert heading.split() == ["first", "second", "third"]
        assert [row.split() for row in rows] == [["vmpo.gamma", "0.9", "0.99", "0.5"]]
        await pilot.press("escape", "v")
        await until(pilot, "the charts", lambda: isinstance(app.screen, Charts))
        look = app.screen.query_one(LookLine)
        names = ("first", "second", "third")
        await until(pilot, "the curves", lambda: all(f"━ {name}" in look.text for name in names))


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\x00" not in text and "\ud800" not in text])
async def test_a_hostile_name_is_shown_not_obeyed_and_can_be_made_good(app, root, text):
    make(root, "first", age=60)
    (root / "first").rename(root / text.replace("/", "|")[:200])
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_runs(pilot, 1)
        for key in ("b", "r", "f2", "delete"):
            await pilot.press(key)
            await pilot.pause()
            drawn = app.export_screenshot()
            assert not set(drawn) & set("\x1b\x07\x9b\x9d\u202e\u2066\u200b\ufeff\b\x7f")
            if app.screen is not screen:
                await pilot.press("escape")
                await until(pilot, "the table", lambda: app.screen is screen)
        assert app.return_code is None  # no link of a name leads anywhere
        await pilot.press("f2")
        await until(pilot, "the form", lambda: isinstance(app.screen, RenameForm))
        good = app.screen.values()["name"]
        assert NAME_PATTERN.fullmatch(good)  # what is proposed can be had at once
        await pilot.press("enter")
        await until(pilot, "the name", lambda: (root / good).is_dir())


async def test_a_run_branches_off_a_real_checkpoint(app, root):
    config = config_for("CartPole-v1").with_assignments(
        ["run.total_steps=1024", "vmpo.epochs=1", "evaluation.episodes=2", "network.policy_layer_sizes=[8]"]
    )
    Trainer(config).run(root / "trunk")
    async with app.run_test(size=(120, 40)) as pilot:
        await open_runs(pilot, 1)
        await pilot.press("b")
        await until(pilot, "the form", lambda: isinstance(app.screen, ForkForm))
        assert "reached at that step already" in note_beside(app, "steps")
        await type_into(pilot, "from", "7")
        assert "one of 1024" in note_beside(app, "from")
        await type_into(pilot, "from", "1024")
        make(root, "trunk-from-1.02k", age=1)
        await type_into(pilot, "name", "trunk")
        await type_into(pilot, "name", "")
        assert "taken" in note_beside(app, "name")
        await type_into(pilot, "name", "branch")
        await type_into(pilot, "steps", "4096")
        await type_into(pilot, "settings", "vmpo.gamma=0.5")
        assert "fixed for a run's whole life" in note_beside(app, "settings")
        await type_into(pilot, "settings", "vmpo.epsilon_mu=0.5")
        await pilot.press("enter")
        await until(pilot, "the end", lambda: app.return_code is not None)
    assert app.wish == GoOn(root / "branch", "CartPole-v1")
    summary = Trainer.resume(root / "branch").run(root / "branch")
    assert summary.env_steps == 4096
    rows = [json.loads(line) for line in RunDirectory(root / "branch").metrics.read_text().splitlines()]
    assert [row["env_steps"] for row in rows] == [1024, 2048, 3072, 4096]
    settings = Config.from_toml(RunDirectory(root / "branch").config)
    assert (settings.vmpo.epsilon_mu, settings.run.total_steps) == (0.5, 4096)


async def test_what_becomes_of_the_run_under_way_is_asked(engine, root):
    make(root, "first", age=60)
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        await pilot.press("5")
        await open_runs(pilot, 1)
        await pilot.press("enter")
        await until(pilot, "the question", lambda: isinstance(engine.app.screen, HandOverDialog))
        await pilot.press("escape")
        assert engine.app.wish is None
        await pilot.press("enter")
        await until(pilot, "the question", lambda: isinstance(engine.app.screen, HandOverDialog))
        await pilot.press("s")
        await until(pilot, "the end", lambda: engine.app.return_code is not None)
    assert engine.received == [Stop(save=True)]
    assert engine.app.wish == Watch(root / "first")


@pytest.mark.usefixtures("root")
async def test_the_run_under_way_is_listed_wherever_it_lies(tmp_path):
    make(tmp_path / "elsewhere", "mine", age=5)
    engine = ScriptedEngine(dataclasses.replace(STARTED, run_dir=str(tmp_path / "elsewhere" / "mine")))
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        await pilot.press("5")
        screen = await open_runs(pilot, 1)
        assert screen.query_one(RunTable).run.name == "mine"
        await pilot.press("enter")
        await until(pilot, "the dashboard", lambda: not isinstance(engine.app.screen, Runs))
    engine.stop()
    assert engine.app.wish is None


async def test_settings_of_the_run_under_way_change(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        await pilot.press("p")
        await until(pilot, "the form", lambda: isinstance(engine.app.screen, Parameters))
        await type_into(pilot, "optimizer.policy_lr", "fast")
        assert "must be a number" in note_beside(engine.app, "optimizer.policy_lr")
        await pilot.press("enter")
        assert isinstance(engine.app.screen, Parameters)
        await type_into(pilot, "optimizer.policy_lr", "1e-3")
        assert "now 0.0003" in note_beside(engine.app, "optimizer.policy_lr")
        await type_into(pilot, "vmpo.epsilon_mu", "0.05")
        await pilot.press("enter")
        wanted = [ChangeSetting("optimizer.policy_lr", 1e-3), ChangeSetting("vmpo.epsilon_mu", 0.05)]
        await until(pilot, "the commands", lambda: len(engine.received) == 2)
        assert sorted(engine.received, key=lambda command: command.key) == wanted


async def test_the_dialog_of_settings_says_what_they_were_and_what_has_changed(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        engine.say(SettingChanged("optimizer.policy_lr", 3e-4, 1e-3, 12_000, 6))
        engine.say(SettingChanged("optimizer.policy_lr", 1e-3, 2e-3, 24_000, 12))
        await until(pilot, "the changes", lambda: len(engine.app.view.markers) == 2)
        for screen in "123456":
            await pilot.press(screen, "p")
            await until(pilot, "the form", lambda: isinstance(engine.app.screen, Parameters))
            await pilot.press("escape")
            await until(pilot, "the screen", lambda: isinstance(engine.app.screen, RunScreen))
        await pilot.press("p")
        await until(pilot, "the form", lambda: isinstance(engine.app.screen, Parameters))
        assert engine.app.screen.values()["optimizer.policy_lr"] == "0.002"
        assert "at first 0.0003; > 0" in note_beside(engine.app, "optimizer.policy_lr")
        about = str(engine.app.screen.query_one(".about").render())
        assert "0.001 → 0.002 at 24k; optimizer.policy_lr 0.0003 → 0.001 at 12k" in about
        await pilot.press("enter")
        await until(pilot, "the screen", lambda: isinstance(engine.app.screen, RunScreen))
    assert engine.received == []  # nothing was changed


def test_the_dialog_of_settings_has_all_that_may_change():
    assert set(HINTS) == LIVE


@pytest.mark.parametrize("state", list(run_details.MEANINGS))
def test_every_state_has_a_symbol(state):
    assert state in STATES

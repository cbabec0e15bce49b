"""A user's settings: what a file may say, and what is said about one that says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from vmpo_tui import keymap
from vmpo_tui.desk import Desk
from vmpo_tui.settings import THEMES, Settings, load, parse, settings_path
from vmpo_tui.themes import NAMES


def complaint(text: str) -> str:
    """Return what is said about a file."""
    with pytest.raises(ConfigError) as raised:
        keymap.check(parse(text, "settings.toml").keymap, "settings.toml", text)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_everything_that_can_be_set():
    text = """
    theme = "light"
    notify = "desktop"
    toasts = false
    hints = false
    frame_rate = 2
    [keymap]
    run.evaluate = ["e", "f5"]
    "run.stop" = "ctrl+x"
    [keymap.charts]
    export = "ctrl+s"
    """
    keys = {"run.evaluate": ("e", "f5"), "run.stop": ("ctrl+x",), "charts.export": ("ctrl+s",)}
    assert parse(text, "") == Settings("light", "desktop", False, False, 2.0, keys)
    keymap.check(keys)


def test_an_empty_file_sets_nothing():
    assert parse("", "") == Settings()


def test_the_settings_know_the_themes_that_there_are():
    assert THEMES == NAMES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme =", "settings.toml: not TOML: Invalid value (at end of document)"),
        ("# x\n\nthmee = 1", "settings.toml: line 3: thmee: no such setting; did you mean 'theme'?"),
        ('theme = "lihgt"', "line 1: theme: expected one of dark, light, high-contrast, monochrome,"),
        ('theme = "lihgt"', "not \"lihgt\"; did you mean 'light'?"),
        ("notify = true", "line 1: notify: expected one of off, bell, desktop, not true"),
        ('toasts = "yes"', 'line 1: toasts: expected true or false, not "yes"'),
        ("frame_rate = 11", "line 1: frame_rate: expected drawings a second, 0.5 to 10, not 11"),
        ("frame_rate = nan", "expected drawings a second"),
        ("frame_rate = true", "expected drawings a second"),
        ("keymap = 1", "line 1: keymap: expected a table"),
        ("[keymap]\nrun.stop = []", 'line 2: keymap.run.stop: expected a key such as "f5"'),
        ("[keymap]\nrun.stop = ['a', 1]", 'keymap.run.stop: expected a key such as "f5"'),
        ("[keymap]\nrun.stpo = 'x'", "line 2: keymap.run.stpo: no such binding; did you mean 'run.stop'"),
        ("[keymap]\n'ß' = 'x'", "keymap.ß: no such binding; `vmpo keys` lists them"),
        ("[keymap]\nrun.stop = 'sapce'", "keymap.run.stop: no such key 'sapce'; did you mean 'space'"),
        ("[keymap]\nrun.stop = 'crtl+a'", "keymap.run.stop: no such key 'crtl+a'"),
        ("[keymap]\nrun.stop = '\\u0007'".replace("'", '"'), "keymap.run.stop: no such key"),
        ("[keymap]\nrun.stop = 'e'", "'e' is taken (everywhere) by run.evaluate: evaluate the policy now"),
        ("[keymap]\nrun.stop = '1'", "'1' is taken (everywhere) by screen.dashboard"),
        ("[keymap]\nrun.stop = 'l'", "'l' is taken (robot screen) by robot.newest"),
        ("[keymap]\nrobot.play = 'q'", "line 2: keymap.robot.play: 'q' is taken (robot screen) by run.stop"),
        ("[keymap]\nrun.stop = 'ctrl+p'", "is taken (everywhere) by run.command_palette"),
        ("[keymap]\nchoice.none = 'd'", "'d' is taken (questions)"),
    ],
)  # fmt: skip
def test_what_is_said_about_a_file_that_makes_no_sense(text, said):
    assert said in complaint(text)


def test_two_bindings_may_change_places():
    keymap.check({"run.evaluate": ("c",), "run.checkpoint": ("e",)})


def test_a_binding_may_keep_a_key_that_a_screen_has_for_itself():
    keymap.check({"run.step_once": ("n", "f6")})


def test_a_key_may_do_different_things_on_different_screens():
    keymap.check({"robot.play": ("o",)})  # outliers on the charts screen


def test_no_key_means_two_things_at_once():
    assert list(keymap.clashes({})) == []


def test_every_binding_has_a_name_of_its_own_and_words():
    bindings = [binding for group in keymap.groups() for binding in group.bindings]
    names = [binding.id for binding in bindings]
    assert len(names) == len(set(names)) > 50
    assert all(binding.tooltip or binding.description for binding in bindings)


def test_keys_are_shown_as_people_read_them():
    names = keymap.key_names({"run.evaluate": ("f5", "?"), "charts.cursor_left": ("<",)})
    assert names["run.evaluate"] == "f5 ?"
    assert names["charts.cursor_left"] == "<"
    assert names["run.toggle_pause"] == "space"


def test_a_file_that_is_not_there_sets_nothing(tmp_path: Path):
    assert load(tmp_path / "settings.toml") == (Settings(), "")


def test_a_file_that_is_no_text(tmp_path: Path):
    path = tmp_path / "settings.toml"
    path.write_bytes(b"# x\n\xff")
    with pytest.raises(ConfigError, match=r"settings.toml: line 2: not UTF-8 text"):
        load(path)


def test_a_file_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        load(tmp_path)


def test_the_file_is_where_the_system_keeps_such_files(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = settings_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('theme = "light"')
    try:
        assert Desk.of_this_user().theme == "light"
        path.write_text("[keymap]\nrun.stop = 'e'")
        with pytest.raises(ConfigError, match=r"line 2: keymap.run.stop: 'e' is taken"):
            Desk.of_this_user()
    finally:
        path.unlink()


def test_the_theme_that_is_set_goes_before_the_one_that_was_chosen(monkeypatch):
    from vmpo_tui.memory import Memory

    assert Desk().theme == "dark"
    assert Desk(memory=Memory(theme="light")).theme == "light"
    assert Desk(memory=Memory(theme="removed since")).theme == "dark"
    assert Desk(Settings(theme="high-contrast"), Memory(theme="light")).theme == "high-contrast"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Desk(Settings(theme="high-contrast")).theme == "monochrome"
    monkeypatch.setenv("NO_COLOR", "")  # as if it were not set, says the standard
    assert Desk().theme == "dark"

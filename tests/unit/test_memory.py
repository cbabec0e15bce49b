"""What is remembered: kept whole, and never needed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpo_tui.desk import Desk
from vmpo_tui.look import GRIDS, Look, restored_grid
from vmpo_tui.memory import Memory, load, save

MEMORY = Memory("light", "duals", ("run.help",), {"charts": {"look": Look().kept(), "grid": 2}})


def test_what_was_kept_is_remembered(tmp_path: Path):
    path = tmp_path / "not there yet" / "state.json"
    assert save(path, MEMORY) == ""
    assert load(path) == (MEMORY, "")
    assert [file.name for file in path.parent.iterdir()] == ["state.json"]


def test_the_first_start_remembers_nothing_and_complains_of_nothing(tmp_path: Path):
    assert load(tmp_path / "state.json") == (Memory(), "")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b"[" * 100_000,
        json.dumps({"theme": 1, "screen": "", "learned": [], "screens": {}}).encode(),
        json.dumps({"theme": "", "screen": "", "learned": 5, "screens": {}}).encode(),
        json.dumps({"theme": "", "screen": "", "learned": [[]], "screens": {}}).encode(),
        json.dumps({"theme": "", "screen": "", "learned": [], "screens": {"charts": 3}}).encode(),
    ],
)  # fmt: skip
def test_a_damaged_file_is_passed_over_with_a_word(tmp_path: Path, content):
    path = tmp_path / "state.json"
    path.write_bytes(content)
    assert load(path) == (Memory(), f"{path} is damaged: beginning afresh")


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path):
    memory, complaint = load(tmp_path)
    assert memory == Memory()
    assert "cannot be read (Is a directory)" in complaint


def test_a_place_that_cannot_be_written_is_complained_of_once(tmp_path: Path):
    (tmp_path / "file").touch()
    desk = Desk(memory=MEMORY, kept_in=tmp_path / "file" / "state.json")
    assert "nothing is remembered" in desk.keep()
    assert desk.keep() == ""


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "state.json"
    save(path, MEMORY)
    assert save(path, replace(MEMORY, screens={"charts": {"look": object()}}))
    assert load(path) == (MEMORY, "")


def test_a_look_is_remembered_without_its_places():
    look = Look(axis="seconds", smoothing=3, clipping=True, style=1, scales={"loss/value": "log"})
    kept = json.loads(json.dumps(look.kept()))
    assert Look.restored(kept) == look
    zoomed = replace(look, cursor=3.0, heights={"loss/value": (0.0, 1.0)})
    assert Look.restored(zoomed.kept()) == look


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 30) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["axis", "smoothing", "clipping", "style", "scales"]), ANYTHING))
def test_no_file_makes_a_look_that_cannot_be_drawn(kept):
    try:
        look = Look.restored(kept)
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    assert look.span >= 0
    assert look.marker
    assert look.next_axis().next_scale("x")


@pytest.mark.parametrize("kept", [-1, len(GRIDS), 1.0, True, "1", []])
def test_no_file_makes_a_grid_that_there_is_not(kept):
    with pytest.raises(ValueError, match="no such grid"):
        restored_grid(kept)

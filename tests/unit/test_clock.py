"""Clock jumps do nothing: durations are of the monotonic clock, the wall clock only dates what is written."""

from __future__ import annotations

import ast
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.run_script import CARTPOLE, TIMES, rows, train, without

ROOT = Path(__file__).parents[2]
DATES = {
    "engine/checkpoint.py": "when a checkpoint was written, in its manifest",
    "engine/run_admin.py": "a name in the trash that was not there before",
    "engine/run_directory.py": "the date in a new run's name",
    "engine/sinks/jsonl.py": "when an event happened",
    "engine/sinks/tensorboard.py": "when a row was written",
    "vmpo_tui/cli/listings.py": "how long ago a run changed, by the dates of its files",
    "vmpo_tui/widgets/run_table.py": "the same",
}
"""Files that ask for the wall clock, and what for."""
WALL = {("time", "time"), ("time", "time_ns"), ("time", "localtime"), ("time", "strftime"), ("time", "ctime")}
WALL |= {(owner, name) for owner in ("datetime", "date") for name in ("now", "utcnow", "today")}


def wall_clocks(source: str) -> Iterator[str]:
    """Yield what a source asks of the wall clock."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = (
                node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            )
            if (owner, node.attr) in WALL:
                yield f"{owner}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"from time import {alias.name}" for alias in node.names if alias.name != "monotonic")


def test_only_dates_are_of_the_wall_clock():
    sources = [path for folder in ("engine", "vmpo_tui") for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in sources if any(wall_clocks(path.read_text()))}
    assert found == DATES.keys()


def test_the_search_finds_what_it_is_for():
    text = "from time import time as t\ntime.time()\ndatetime.datetime.now()\ntime.monotonic()"
    assert sorted(wall_clocks(text)) == ["datetime.now", "from time import time", "time.time"]


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
def test_a_clock_that_jumps_changes_no_row(tmp_path, monkeypatch, jump):
    train(CARTPOLE, tmp_path / "before", evaluation={"interval": 32}, checkpoint={"interval": 32})
    now, asked = time.time(), itertools.count()
    monkeypatch.setattr(time, "time", lambda: now + jump * next(asked))
    train(CARTPOLE, tmp_path / "jumping", evaluation={"interval": 32}, checkpoint={"interval": 32})
    before, jumping = rows(tmp_path / "before"), rows(tmp_path / "jumping")
    assert without(jumping, *TIMES) == without(before, *TIMES)
    seconds = [0.0, *(row["seconds"] for row in jumping)]
    assert all(0.0 < later - earlier < 3600.0 for earlier, later in itertools.pairwise(seconds))
    assert all(0.0 <= row[name] < 3600.0 for row in jumping for name in ("time/collect", "time/update"))

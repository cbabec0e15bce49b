"""The house rules that no linter checks: sizes, and what an import may bring along."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("engine", "vmpo_tui", "tests") for path in (ROOT / folder).rglob("*.py"))

FILE_LINES = 400
FUNCTION_LINES = 40
JUSTIFIED = {
    "engine/trainer.py:__init__": "the seed's two dozen parameters, kept as they stand, one a line",
}
"""Functions that may be longer, and why."""


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name of each function and its lines, docstring left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        first = node.body[0]
        documented = ast.get_docstring(node) is not None
        docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
        yield node.name, (node.end_lineno or 0) - node.lineno + 1 - docstring


def test_files_are_short():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert len(lengths) > 20
    assert [f"{path}: {lines}" for path, lines in lengths.items() if lines > FILE_LINES] == []


def test_functions_are_short():
    lengths = {
        f"{path.relative_to(ROOT)}:{name}": lines for path in SOURCES for name, lines in _functions(path)
    }
    long = {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES}
    assert long.keys() == JUSTIFIED.keys()


def _modules_after(program: str, *arguments: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has imported when a program ends."""
    report = "import atexit, sys; atexit.register(lambda: print('\\n', *sys.modules, file=sys.stderr))\n"
    result = subprocess.run(
        [sys.executable, "-c", report + program, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return {module.partition(".")[0] for module in result.stderr.rpartition("\n ")[2].split()}


def test_the_engine_brings_no_screen():
    modules = sorted(
        str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
        for path in (ROOT / "engine").rglob("*.py")
    )
    found = _modules_after("".join(f"import {module}\n" for module in modules))
    assert "torch" in found
    assert found.isdisjoint({"textual", "rich", "typer", "vmpo_tui"})


@pytest.mark.parametrize(
    "command",
    ["", "train", "eval", "resume", "attach", "serve", "plot", "export", "runs", "envs", "keys", "doctor"],
)
def test_help_imports_nothing_heavy(command):
    found = _modules_after("from vmpo_tui.cli import main; main()", *command.split(), "--help")
    assert "typer" in found
    assert found.isdisjoint({"torch", "gymnasium", "mujoco", "textual", "numpy"})


def test_help_of_the_application_imports_nothing_heavy():
    found = _modules_after("from vmpo_tui.cli import main_tui; main_tui()", "--help")
    assert found.isdisjoint({"torch", "gymnasium", "mujoco", "textual", "numpy"})

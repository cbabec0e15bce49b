"""All that the command line writes: lines and tables for people, JSON for scripts.

Paths, names and messages come from outside: whatever is in them, nothing that is written here steers the
terminal. No other module of the command line writes (a test sees to that).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer

from vmpo_tui.text import printable

SCRIPT_WIDTH = 200
"""Columns of a table that goes to a file or a pipe."""


def write_json(document: Any) -> None:
    """Write one JSON document; numbers that JSON does not have become null."""
    text = json.dumps(_finite(document), indent=2, ensure_ascii=True, allow_nan=False)
    typer.echo(text.replace("\x7f", r"\u007f"))  # the one control character that json leaves as it is


def write_lines(*lines: object, err: bool = False) -> None:
    """Write lines of plain text to stdout, or to stderr."""
    typer.echo("\n".join(map(printable, lines)), err=err)


def write_warning(note: str) -> None:
    """Write a line to stderr about what the user should know, if there is anything."""
    if note:
        write_lines(f"warning: {note}", err=True)


def write_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()
) -> None:
    """Write a table of plain texts: nothing in a cell is taken for markup or a control character.

    Args:
        headings: column names.
        rows: cells, as many as there are headings.
        right: headings of the columns to align right.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    to_the_right = set(right)
    for heading in headings:
        justify = "right" if heading in to_the_right else "left"
        table.add_column(Text(heading), justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    width = None if sys.stdout.isatty() else SCRIPT_WIDTH
    Console(width=width, markup=False, highlight=False).print(table)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

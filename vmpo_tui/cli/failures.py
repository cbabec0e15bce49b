"""`vmpo replay-failure`: the batch that an update broke on, and whether it breaks again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmpo_tui.cli import options
from vmpo_tui.cli.entry import FAILED

if TYPE_CHECKING:
    from engine.failure import FailureReport


_HELP = "What a failed run kept: RUN/failures/update-N.safetensors."


def replay_failure(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_HELP)],
    as_json: options.AsJson = False,
) -> None:
    """Run an update that failed on numbers once more, and describe the batch that it failed on.

    Exit code 0: it fails again. Exit code 1: it does not, here.
    """
    from engine.failure import read_report

    report = read_report(file)
    again = report.replay()
    (_write_document if as_json else _write_text)(report, again)
    if not again:
        raise typer.Exit(FAILED)


def _write_document(report: FailureReport, again: str) -> None:
    from vmpo_tui.cli.output import write_json

    write_json(
        {
            "file": str(report.path),
            "env_id": report.spec.id,
            "env_steps": report.env_steps,
            "updates": report.updates,
            "error": report.error,
            "again": again or None,
            "statistics": [dataclasses.asdict(row) for row in report.statistics()],
        }
    )


def _write_text(report: FailureReport, again: str) -> None:
    from vmpo_tui.cli.output import write_lines, write_table

    write_lines(
        f"{report.spec.id}, update {report.updates + 1}, after {report.env_steps:,} steps",
        f"  then   {report.error}",
        f"  again  {again or 'it does not fail here'}",
        "",
    )
    columns = ["of the batch", "least", "mean", "greatest", "not finite", "values"]
    cells = [
        (row.name, *(f"{value:.4g}" for value in (row.low, row.mean, row.high)), row.not_finite, row.count)
        for row in report.statistics()
    ]
    write_table(columns, cells, right=columns[1:])

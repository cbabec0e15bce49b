"""`vmpo plot`: learning curves of runs, in the terminal or as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import CheckpointError, ConfigError, nearest
from vmpo_tui.cli import completion, options
from vmpo_tui.cli.output import write_lines
from vmpo_tui.cli.training import find_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmpo_tui.curves import History
    from vmpo_tui.figure import Figure

ABSCISSAE = ("steps", "updates", "seconds")
FORMATS = (".png", ".svg", ".pdf")


Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        autocompletion=completion.runs,
        help="Run directories, or their names in `vmpo runs`.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        show_default="the terminal",
        help="Picture to write, by its name a .png, .svg or .pdf.",
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        show_default="evaluations over training returns",
        autocompletion=completion.metrics,
        help="A metric to draw, in a panel of its own; may be repeated.",
    ),
]
Abscissa = Annotated[
    str,
    typer.Option(
        "--x",
        metavar="NAME",
        autocompletion=lambda: list(ABSCISSAE),
        help="What the curves are drawn over: steps, updates or seconds.",
    ),
]
Smooth = Annotated[
    int | None,
    typer.Option(
        "--smooth",
        min=1,
        metavar="N",
        show_default="a fiftieth of each curve",
        help="Points of the running mean; 1 for none. Evaluations are drawn as they are.",
    ),
]


def plot(
    runs: Runs, output: Output = None, metrics: Metrics = None, x: Abscissa = "steps", smooth: Smooth = None
) -> None:
    """Draw learning curves of runs: in the terminal, or with -o as a picture.

    Runs of one environment and configuration are drawn as one curve: the median over them, with a band from
    the lower to the upper quartile, as far as at least half of them have got. Other runs get a curve each,
    and each environment a panel of its own.

    Examples: `vmpo plot my-run`, `vmpo plot runs/cheetah-s* -o cheetah.svg`,
    `vmpo plot my-run --metric dual/temperature --metric loss/value --x updates`
    """
    if x not in ABSCISSAE:
        raise ConfigError(f"--x must be one of {', '.join(ABSCISSAE)}, not {x!r}{nearest(x, ABSCISSAE)}")
    if output is not None:
        _check_output(output)
    paths = [find_run(run) for run in dict.fromkeys(runs)]

    from vmpo_tui.curves import EVALUATION, TRAINING, grouped, read_history
    from vmpo_tui.figure import compose

    chosen = list(dict.fromkeys(metrics or ()))
    histories = [read_history(path, chosen or (EVALUATION, TRAINING)) for path in paths]
    _check_metrics(histories, chosen)
    figure = compose(grouped(histories), chosen, x, smooth)
    _draw(figure, output)


def _draw(figure: Figure, output: Path | None) -> None:
    if output is None:
        from vmpo_tui.cli import terminal_figure

        terminal_figure.draw(figure)
        return

    from vmpo_tui.cli import picture

    picture.draw(figure, output)
    write_lines(output)


def _check_output(path: Path) -> None:
    """Refuse what cannot become a picture, before any run is read.

    Raises:
        ConfigError: another kind of file, or no place for one.
        BackendUnavailableError: matplotlib is missing.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"--output: {path} must end in one of {', '.join(FORMATS)}")
    options.check_writable(path)
    options.check_extra("plot", ("matplotlib",), "without --output the curves are drawn in the terminal")


def _check_metrics(histories: Sequence[History], chosen: Sequence[str]) -> None:
    """Refuse runs without any rows, and metrics that none of them has.

    Raises:
        CheckpointError: a run has written nothing yet.
        ConfigError: an unknown metric; names those there are.
    """
    for history in histories:
        if not history.names:
            raise CheckpointError(f"{history.name} has no metrics yet: its first update is not done")
    known = sorted(set().union(*(history.names for history in histories)))
    for name in chosen:
        if name not in known:
            raise ConfigError(
                f"--metric: no metric {name!r}{nearest(name, known)}; there are {', '.join(known)}"
            )

"""What `learning` measured: tables, curves in the terminal, and a picture.

    .venv/bin/python -m tests.benchmarks.learning_report [--data FILE] [--png FILE] [--markdown]

Per environment the mean over seeds, the interquartile mean (IQM) with a 95 % bootstrap interval over seeds,
the score of sampled actions, and the time; then the aggregate of all environments, each score divided by the
mean of Stable-Baselines3's PPO there, with a bootstrap stratified by environment (Agarwal et al., 2021,
"Deep reinforcement learning at the edge of the statistical precipice").
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.learning import DATA, Row, read
from vmpo_tui.plotting import raster
from vmpo_tui.plotting.markers import BRAILLE, texts
from vmpo_tui.text import duration, number, si

BASE = "sb3-ppo"
RESAMPLES = 5_000
Floats = NDArray[np.float64]
Group = tuple[str, int, str, tuple[str, ...]]
"""Environment, steps, agent, changed settings."""


def iqm(scores: Floats) -> float:
    """Interquartile mean: the mean of the middle half, outer scores counted in part."""
    ordered = np.sort(np.ravel(scores))
    cut = len(ordered) / 4
    edges = np.clip(np.arange(len(ordered) + 1), cut, len(ordered) - cut)
    return float((np.diff(edges) * ordered).sum() / (len(ordered) / 2))


def interval(strata: list[Floats], seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the IQM over all strata, each resampled on its own."""
    generator = np.random.default_rng(seed)
    draws = [
        iqm(np.concatenate([generator.choice(stratum, len(stratum)) for stratum in strata]))
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def grouped(rows: list[Row]) -> dict[Group, list[Row]]:
    """Rows by environment, steps, agent and settings, in the order of their first one."""
    groups: dict[Group, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["env"], row["steps"], row["agent"], tuple(row["settings"])].append(row)
    return {group: groups[group] for group in sorted(groups)}


def scores(rows: list[Row], kind: str = "deterministic") -> Floats:
    """Mean return of each run's final policy."""
    return np.array([row[kind]["mean"] for row in rows])


def time_to(rows: list[Row], threshold: float) -> float:
    """Median seconds of training until an evaluation reached a threshold; inf for a run that never did."""
    times = [
        next((seconds for _, seconds, mean in row["curve"] if mean >= threshold), np.inf) for row in rows
    ]
    return float(np.median(times))


def table(rows: list[Row]) -> Iterator[list[str]]:
    """Cells of the table, the head first."""
    yield ["environment", "steps", "agent", "seeds", "mean", "IQM [95 %]", "sampled", "time"]
    for (env, steps, agent, settings), runs in grouped(rows).items():
        values = scores(runs)
        low, high = interval([values])
        yield [
            env, si(steps), " ".join((agent, *settings)), str(len(runs)), f"{values.mean():,.0f}",
            f"{iqm(values):,.0f} [{low:,.0f}, {high:,.0f}]", f"{scores(runs, 'stochastic').mean():,.0f}",
            duration(float(np.median([row["seconds"] for row in runs]))),
        ]  # fmt: skip


def aggregate(rows: list[Row]) -> str | None:
    """The presets' IQM over all environments in units of the base's mean, where both were run."""
    groups = grouped(rows)
    strata = []
    for (env, steps, agent, settings), runs in groups.items():
        base = groups.get((env, steps, BASE, ()))
        if agent != BASE and not settings and base:
            strata.append(scores(runs) / scores(base).mean())
    if not strata:
        return None
    low, high = interval(strata)
    middle = iqm(np.concatenate(strata))
    return f"over {len(strata)} environments: {middle:.2f} times {BASE} [{low:.2f}, {high:.2f}]"


def lines_of(cells: list[list[str]], *, markdown: bool) -> Iterator[str]:
    """Yield a table in aligned columns or as Markdown."""
    if markdown:
        yield from ("| " + " | ".join(row) + " |" for row in (cells[0], ["---"] * len(cells[0]), *cells[1:]))
        return
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def curve(runs: list[Row]) -> tuple[Floats, Floats]:
    """Evaluations of all seeds at their common points: steps [n], means [seeds, n]."""
    length = min(len(row["curve"]) for row in runs)
    points = np.array([row["curve"][:length] for row in runs])
    return points[0, :, 0], points[:, :, 2]


def terminal_chart(runs: list[Row], width: int = 60, height: int = 8) -> Iterator[str]:
    """Yield the median learning curve in braille."""
    steps, values = curve(runs)
    median = np.median(values, axis=0)
    bottom, top = raster.padded_range(float(median.min()), float(median.max()))
    window = raster.Window(0.0, float(steps[-1]), bottom, top)
    labels = number(bottom), number(top)
    rows = texts(BRAILLE.encode(raster.curve(steps, median, window, width, height)))
    for index, row in enumerate(rows):
        label = labels[1] if index == 0 else labels[0] if index == height - 1 else ""
        yield f"{label:>8} {row}"


def picture(rows: list[Row], path: Path) -> None:
    """Save the learning curves: median and quartiles over seeds, a panel an environment."""
    import matplotlib.pyplot as plt

    groups = grouped(rows)
    panels = sorted({(env, steps) for env, steps, _, _ in groups})
    columns = min(4, len(panels))
    figure, axes = plt.subplots(
        -(-len(panels) // columns), columns, squeeze=False, layout="constrained",
        figsize=(4 * columns, 3 * -(-len(panels) // columns)),
    )  # fmt: skip
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, panel in zip(axes.flat, panels, strict=False):
        for (env, total, agent, settings), runs in groups.items():
            if (env, total) == panel and min(len(row["curve"]) for row in runs):
                steps, values = curve(runs)
                low, median, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
                axis.plot(steps, median, label=" ".join((agent, *settings)))
                axis.fill_between(steps, low, high, alpha=0.25)
        axis.set_title(panel[0])
        axis.xaxis.set_major_formatter(lambda value, _: si(value))
        axis.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--png", type=Path, help="file for the learning curves")
    parser.add_argument("--markdown", action="store_true", help="the table alone, for a document")
    parser.add_argument("--threshold", nargs=2, metavar=("ENV", "RETURN"), help="time to a score, per agent")
    options = parser.parse_args()
    rows = read(options.data)
    print(*lines_of(list(table(rows)), markdown=options.markdown), sep="\n")
    print(aggregate(rows) or f"no environment was run with {BASE} too", end="\n\n")
    if options.threshold:
        env, threshold = options.threshold[0], float(options.threshold[1])
        for group, runs in grouped(rows).items():
            if group[0] == env:
                print(f"{group[2]} on {env}: {threshold:,.0f} after {duration(time_to(runs, threshold))}")
    if not options.markdown:
        for (env, _, agent, settings), runs in grouped(rows).items():
            if all(row["curve"] for row in runs):
                print(" ".join((env, agent, *settings)), *terminal_chart(runs), sep="\n")
    if options.png:
        picture(rows, options.png)


if __name__ == "__main__":
    main()

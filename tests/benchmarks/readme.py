"""The README's tables of results, made from the committed data.

    .venv/bin/python -m tests.benchmarks.readme

A test holds the README against them, and the data against the presets.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks.learning import DATA, Row, read
from tests.benchmarks.learning_report import BASE as PEER
from tests.benchmarks.learning_report import grouped, interval, iqm, lines_of, scores
from tests.benchmarks.throughput import BASE, LIMIT
from tests.benchmarks.throughput import DATA as THROUGHPUT
from vmpo_tui.text import duration, si

README = Path(__file__).parents[2] / "README.md"


def learning_table(rows: list[Row]) -> Iterator[list[str]]:
    """Cells of the presets' scores, a row per environment and number of steps, the head first."""
    yield ["environment", "steps", "seeds", "mean", "IQM [95 %]", "sampled actions", "PPO", "time of a run"]
    groups = grouped(rows)
    for (env, steps, agent, settings), runs in groups.items():
        if agent == PEER or settings:
            continue
        values = scores(runs)
        low, high = interval([values])
        peers = groups.get((env, steps, PEER, ()), [])
        yield [
            env, si(steps), str(len(runs)), f"**{_score(values.mean())}**",
            f"{_score(iqm(values))} [{_score(low)}, {_score(high)}]",
            _score(scores(runs, "stochastic").mean()),
            f"{_score(scores(peers).mean())} ({len(peers)})" if peers else "-",
            duration(float(np.median([row["seconds"] for row in runs]))),
        ]  # fmt: skip


def throughput_table(measured: Row) -> Iterator[list[str]]:
    """Cells of the rates, a row per environment, the head first."""
    contenders = list(next(iter(measured["rates"].values())))
    yield ["environment", *contenders, f"training, times {BASE}", "collecting, share of the limit"]
    for env, rates in measured["rates"].items():
        ratios = [
            statistics.median(mine / other for mine, other in zip(rates[who], rates[peer], strict=True))
            for who, peer in (("vmpo-tui training", BASE), ("vmpo-tui collecting", LIMIT))
        ]
        medians = [f"{statistics.median(figures):,.0f}" for figures in rates.values()]
        yield [env, *medians, f"**{ratios[0]:.1f}**", f"**{ratios[1]:.0%}**"]


def _score(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def _learning() -> list[list[str]]:
    return list(learning_table(read(DATA)))


def _throughput() -> list[list[str]]:
    return list(throughput_table(json.loads(THROUGHPUT.read_text(encoding="utf-8"))))


TABLES: dict[str, Callable[[], list[list[str]]]] = {"learning": _learning, "throughput": _throughput}
"""What stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""


def updated(text: str) -> str:
    """Return the README's text with every table that has a place there made anew."""
    for name in re.findall(r"<!-- (\w+) -->", text):
        lines = lines_of(TABLES[name](), markdown=True)
        block = "\n".join((f"<!-- {name} -->", *lines, f"<!-- /{name} -->"))
        pattern = f"<!-- {name} -->.*?<!-- /{name} -->"
        text = re.sub(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")

"""`vmpo plot`: what it draws, where, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.cells import cell_len

from tests.unit.cli_runner import Runner
from tests.unit.test_curves import evaluation, row, write_run
from vmpo_tui.cli.terminal_figure import PANEL_HEIGHT, SHADE, render
from vmpo_tui.curves import TRAINING, Band
from vmpo_tui.figure import Figure, Line, Panel

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMPO_RUNS", str(tmp_path / "runs"))
    for seed in range(3):
        rows = [row(steps, **{TRAINING: steps * (1.0 + seed)}) for steps in range(10, 310, 10)]
        events = [evaluation(steps, 2.0 * steps) for steps in (100, 200, 300)]
        write_run(tmp_path / "runs" / f"seed-{seed}", rows, events, run={"seed": seed})
    return Runner(capsys)


def figure(*lines: Line, label: str = "E", note: str = "") -> Figure:
    return Figure("environment steps", (label,), (Panel("", "return", lines),), note)


def band(low: float, middle: float, high: float) -> Band:
    """Return a level band over 0 to 100."""
    x = np.linspace(0.0, 100.0, 11)
    return Band(x, np.full(11, middle), np.full(11, low), np.full(11, high))


def test_curves_are_drawn_in_the_terminal(run: Runner) -> None:
    code, out, err = run("plot", "seed-0", "seed-1", "seed-2")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "━━ HalfCheetah-v5, 3 seeds"
    assert lines[1] == "median and interquartile range over runs; faint: training episodes"
    assert sum("│" in line or "┤" in line for line in lines) == PANEL_HEIGHT
    assert "600┤" in out
    assert lines[-1].strip() == "environment steps"
    assert "\x1b" not in out


def test_a_band_is_shaded_between_its_quartiles() -> None:
    rows = [line.plain for line in render(figure(Line(0, band(0.0, 5.0, 10.0))), 60)]
    plot = [line.partition("│")[2] or line.partition("┤")[2] for line in rows[3:-2]]
    shaded = [index for index, line in enumerate(plot) if SHADE in line]
    [drawn] = [index for index, line in enumerate(plot) if any("\u2800" < mark < "\u2900" for mark in line)]
    assert len(plot) == PANEL_HEIGHT
    assert shaded[0] < drawn < shaded[-1]
    assert len(shaded) >= PANEL_HEIGHT - 3  # padding above and below, and the median's own row
    assert not any(SHADE in line.plain for line in render(figure(Line(0, band(5.0, 5.0, 5.0))), 60))


def test_a_band_is_fainter_than_its_median() -> None:
    rendered = list(render(figure(Line(0, band(0.0, 5.0, 10.0))), 60))
    for line in rendered:
        for span in line.spans:
            text = line.plain[span.start : span.end].strip()
            if set(text) == {SHADE}:
                assert span.style == "dim bright_blue"
            elif any("\u2800" < mark < "\u2900" for mark in text):
                assert span.style == "bright_blue"
    assert any("\u2800" < mark < "\u2900" for line in rendered for mark in line.plain)


def test_lines_fit_the_width_and_colours_tell_groups_apart() -> None:
    two = figure(Line(0, band(0.0, 0.0, 0.0), faint=True), Line(1, band(9.0, 9.0, 9.0)))
    rendered = list(render(two, 60))
    assert max(cell_len(line.plain) for line in rendered) == 60
    styles = {str(span.style) for line in rendered for span in line.spans}
    assert {"dim bright_blue", "bright_red"} <= styles


def test_hostile_names_are_shown_escaped() -> None:
    shown = "\n".join(line.plain for line in render(figure(label="\x1b[2J$x$[bold]"), 60))
    assert r"\x1b[2J$x$[bold]" in shown


def test_a_picture_is_written_twice_the_same(run: Runner, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("first.svg", "second.svg"):
        assert run("plot", "seed-0", "seed-1", "-o", name) == (0, f"{name}\n", "")
    first, second = ((tmp_path / name).read_bytes() for name in ("first.svg", "second.svg"))
    assert first == second
    texts = [element.text for element in ElementTree.fromstring(first).iter(f"{SVG}text")]
    assert "HalfCheetah-v5, 2 seeds" in texts
    assert "environment steps" in texts
    assert "return" in texts


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")])
def test_the_name_tells_the_format(run: Runner, tmp_path: Path, suffix: str, magic: bytes) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"figure{suffix}"
    assert run("plot", "seed-0", "--metric", TRAINING, "--x", "seconds", "-o", str(path)).code == 0
    assert path.read_bytes().startswith(magic)


def test_a_picture_draws_lines_bands_and_names_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from vmpo_tui.cli import picture

    path = tmp_path / "figure.svg"
    lines = (Line(0, band(0.0, 1.0, 2.0)), Line(1, band(3.0, 3.0, 3.0)))
    panel = Panel("", "cost in $", lines)
    picture.draw(Figure("updates", ("a $b$ \x1b", "c"), (panel, panel, panel, panel), ""), path)
    drawing = path.read_text()
    texts = [element.text for element in ElementTree.fromstring(drawing).iter(f"{SVG}text")]
    assert texts.count("cost in $") == 4
    assert r"a $b$ \x1b" in texts
    assert texts.count("updates") == 3  # under the lowest panel of each column
    assert drawing.count("FillBetweenPolyCollection") == 4  # of the first line alone


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "no run or checkpoint 'nothing'"),
        (("seed-00",), "'seed-0'"),
        (
            ("seed-0", "--metric", "sconds"),
            "no metric 'sconds'; did you mean 'seconds'?; there are env_steps, ",
        ),
        (("seed-0", "--x", "step"), "--x must be one of steps, updates, seconds, not 'step'"),
        (("seed-0", "-o", "figure.gif"), "must end in one of .png, .svg, .pdf"),
        (("seed-0", "-o", "absent/figure.png"), "there is no directory"),
        (("seed-0", "--smooth", "0"), "--smooth"),
        ((), "Missing argument 'RUN...'"),
    ],
)
def test_bad_usage_is_one_line(run: Runner, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run("plot", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_run_without_updates_is_told(run: Runner, tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "fresh")
    code, _, err = run("plot", "fresh")
    assert code == 2
    assert err == "error: fresh has no metrics yet: its first update is not done\n"


def test_a_missing_library_is_named_with_its_extra(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, err = run("plot", "seed-0", "-o", "figure.png")
    assert code == 2
    assert "matplotlib is not installed: pip install 'vmpo-tui[plot]'" in err
    assert run("plot", "seed-0").code == 0

"""The charts without a screen: what part is shown, what is left out, what the files hold."""

from __future__ import annotations

import csv
import io
import json
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import Config
from engine.run_directory import RunDirectory
from vmpo_tui import chart_files
from vmpo_tui.gallery import RETURN, Gallery
from vmpo_tui.history import History
from vmpo_tui.look import AXES, SPANS, Look
from vmpo_tui.overlays import OtherRuns
from vmpo_tui.plotting.composition import Curve
from vmpo_tui.plotting.markers import MARKERS
from vmpo_tui.plotting.outliers import inner_range
from vmpo_tui.plotting.panel import Panel
from vmpo_tui.plotting.raster import Window
from vmpo_tui.plotting.scales import SCALES
from vmpo_tui.plotting.viewport import Viewport, panned, zoomed
from vmpo_tui.run_view import Marker

EXTENT = (0.0, 1000.0)


def history(updates: int = 50, *, steps: float = 100.0, height: float = 1.0) -> History:
    """The metrics of a run: a line, its updates and its time."""
    known = History()
    for number in range(1, updates + 1):
        row = {"updates": number, "gradient_steps": 80 * number, "seconds": 0.5 * number}
        known.record(
            {name: float(value) for name, value in row.items()}
            | {"env_steps": steps * number, "loss/value": height * number, "plain": -1.0}
        )
    return known


def gallery(*others: History, **settings: float) -> Gallery:
    made = Gallery()
    made.follow(history(), (Marker(1000.0, "policy_lr 0.1 → 0.2"),) if settings.get("marked") else ())
    made.overlay([(f"run-{index}", other) for index, other in enumerate(others)])
    return made


def test_the_whole_axis_is_shown_and_grows_until_one_zooms():
    view = Viewport()
    assert view.resolve(EXTENT) == EXTENT
    assert view.resolve((0.0, 2000.0)) == (0.0, 2000.0)
    closer = view.zoom(EXTENT, 0.5)
    assert closer.resolve(EXTENT) == (500.0, 1000.0)
    assert closer.resolve((0.0, 2000.0)) == (1500.0, 2000.0)  # locked on the newest data


def test_moving_left_lets_go_of_the_newest_data_and_moving_back_takes_hold_of_it():
    view = Viewport().zoom(EXTENT, 0.5).pan(EXTENT, -0.5)
    assert view.resolve(EXTENT) == (250.0, 750.0)
    assert view.resolve((0.0, 2000.0)) == (250.0, 750.0)
    assert not view.locked
    assert view.pan(EXTENT, 5.0).locked
    assert Viewport().pan(EXTENT, 1.0) == Viewport()


def test_the_lock_can_be_opened_and_closed_without_a_jump():
    view = Viewport().zoom(EXTENT, 0.5)
    held = view.toggle_lock(EXTENT)
    assert held.resolve((0.0, 2000.0)) == (500.0, 1000.0)
    assert held.toggle_lock(EXTENT).resolve((0.0, 2000.0)) == (1500.0, 2000.0)


@given(st.lists(st.tuples(st.sampled_from(["in", "out", "pan"]), st.floats(-1, 1)), max_size=30))
def test_no_sequence_of_zooms_and_moves_leaves_the_data_or_turns_a_stretch_around(changes):
    view = Viewport()
    for kind, amount in changes:
        if kind == "pan":
            view = view.pan(EXTENT, amount)
        else:
            view = view.zoom(EXTENT, 0.5 if kind == "in" else 2.0, abs(amount))
        left, right = view.resolve(EXTENT)
        assert EXTENT[0] - 1e-6 <= left < right <= EXTENT[1] + 1e-6


def test_zooming_keeps_the_place_under_the_pointer():
    view = Viewport().zoom(EXTENT, 0.5, share=0.2)
    left, right = view.resolve(EXTENT)
    assert left + 0.2 * (right - left) == pytest.approx(200.0)
    low, high = zoomed((0.0, 10.0), 0.5, share=0.25)
    assert low + 0.25 * (high - low) == pytest.approx(2.5)
    assert panned((0.0, 10.0), 0.1) == (1.0, 11.0)


def test_outliers_are_counted_and_the_rest_keeps_its_range():
    values = np.concatenate([np.linspace(0.0, 1.0, 97), [500.0, -500.0, np.nan]])
    assert inner_range([values]) == (0.0, 1.0, 2)
    assert inner_range([np.array([1.0, 2.0, 1e9])]) == (1.0, 1e9, 0)  # too few to tell
    assert inner_range([np.array([3.0] * 20 + [9.0])]) == (3.0, 9.0, 0)  # no measure of what is far
    assert inner_range([np.array([np.nan])]) == (math.inf, -math.inf, 0)


def test_clipping_says_how_many_and_marks_where():
    made = Gallery()
    known = history(100)
    known.record({"env_steps": 10_100.0, "updates": 101.0, "loss/value": 1e6})
    made.follow(known, ())
    panel = made.panel(Look(clipping=True), "loss/value")
    assert panel.notes == ("1 clipped",)
    assert panel.window.top < 200
    lines = ["".join(text for text, _ in line) for line in panel.draw(60, 12)]
    assert "1 clipped" in lines[0]
    assert "▲" in lines[1]
    whole = made.panel(Look(), "loss/value")
    assert whole.notes == ()
    assert whole.window.top > 1e6


def test_a_log_axis_says_what_it_cannot_show():
    panel = gallery().panel(Look(scales={"plain": "log"}), "plain")
    assert panel.notes == ("50 ≤ 0", "log")


@pytest.mark.parametrize(("axis", "last"), [("env_steps", 5000.0), ("updates", 50), ("seconds", 25.0)])
def test_every_axis_is_a_place_to_draw_over(axis, last):
    made = gallery(marked=True)
    look = Look(axis=axis)
    panel = made.panel(look, "loss/value")
    assert panel.curves[0].x[-1] == last
    assert panel.rules[0].x == pytest.approx(last / 5)  # the change of a setting, at its place there
    assert made.marker_near(Look(axis=axis, cursor=last / 5), last / 100) == "policy_lr 0.1 → 0.2"


def test_a_look_is_changed_by_keys_and_comes_back():
    look = Look()
    for _ in AXES:
        look = look.next_axis()
    assert look.axis == "env_steps"
    for expected in (*SCALES[1:], SCALES[0]):
        look = look.next_scale("kl/mean")
        assert look.scale("kl/mean") == expected
        assert look.scale("other") == SCALES[0]
    for _ in MARKERS:
        look = look.next_marker()
    assert look.marker is MARKERS[0]
    assert look.smoothed(-1).span == 0
    assert look.smoothed(100).span == SPANS[-1]
    assert look.with_heights("a", (0.0, 1.0)).reset().heights == {}


def test_the_return_comes_first_and_counts_of_steps_are_axes_not_charts():
    made = Gallery()
    known = history()
    made.follow(known, ())
    assert made.names() == ["loss/value", "plain"]
    known.returns.append(1.0, 3.0)
    assert made.names() == [RETURN, "loss/value", "plain"]


def test_other_runs_are_drawn_behind_or_as_median_and_quartiles():
    made = gallery(history(height=2.0), history(height=3.0), history(height=4.0))
    each = made.panel(Look(), "loss/value").curves
    assert [curve.style for curve in each] == ["run-3", "run-2", "run-1", "own"]
    band, median, own = made.panel(Look(merged=True), "loss/value").curves
    assert (band.style, median.style, own.style) == ("band", "median", "own")
    assert median.y[-1] == pytest.approx(150.0)
    assert band.y[-1] <= 150.0 <= band.upper[-1]


def test_the_head_line_reads_every_curve_at_the_cursor():
    made = gallery(history(height=2.0))
    panel = made.panel(Look(cursor=1010.0), "loss/value")
    assert panel.readings == (("10.00", "own"), ("20.00", "run-1"))
    assert made.panel(Look(), "loss/value").readings == (("50.00", "own"), ("100.0", "run-1"))


@pytest.mark.parametrize("width", [0, 1, 5, 11, 12, 40])
@pytest.mark.parametrize("height", [1, 2, 3, 4, 20])
def test_a_panel_fits_every_size(width, height):
    x = np.arange(10.0)
    panel = Panel(
        "a rather long title", (Curve(x, x, "own"),), Window(0.0, 9.0, 0.0, 9.0), notes=("9 clipped",)
    )
    lines = panel.draw(width, height)
    assert len(lines) <= max(1, height)
    assert all(len("".join(text for text, _ in line)) <= max(width, 2) for line in lines)


@pytest.mark.parametrize("clipping", [False, True])
@pytest.mark.parametrize("stretch", [(1010.0, 1090.0), (1030.0, 1130.0), (1000.0, 1090.0)])
def test_a_line_is_drawn_however_few_of_its_points_are_in_sight(clipping, stretch):
    look = Look(clipping=clipping, x=Viewport(stretch, locked=False))
    panel = gallery().panel(look, "loss/value")  # its points lie at every 100 steps, at a hundredth of them
    bottom, top = stretch[0] / 100, stretch[1] / 100
    assert panel.window.bottom < bottom < top < panel.window.top
    assert panel.window.top - panel.window.bottom < 1.2 * (top - bottom)
    assert panel.notes == ()
    drawn = [text for line in panel.draw(60, 12) for text, style in line if style == "own" and text.strip()]
    assert len(drawn) > 5


def test_a_line_to_an_outlier_outside_is_clipped_and_counted():
    known = history(100)
    known.record({"env_steps": 10_100.0, "updates": 101.0, "loss/value": 1e6})
    made = Gallery()
    made.follow(known, ())
    panel = made.panel(Look(clipping=True, x=Viewport((5000.0, 10_050.0), locked=False)), "loss/value")
    assert panel.window.top < 200
    assert panel.notes == ("1 clipped",)


@pytest.mark.parametrize(
    ("width", "head"),
    [
        (60, "─ train/episode_return_mean  9.000 ───── 4 clipped  symlog ─"),
        (40, "─ train/episode_re…  4 clipped  symlog ─"),
        (28, "─ trai…  4 clipped  symlog ─"),
        (20, "─ train/episode_r… ─"),
    ],
)
def test_a_long_name_gives_way_to_what_the_picture_does_not_show(width, head):
    x = np.arange(10.0)
    panel = Panel(
        "train/episode_return_mean",
        (Curve(x, x, "own"),),
        Window(0.0, 9.0, 0.0, 9.0),
        readings=(("9.000", "own"),) * 9,
        notes=("4 clipped", "symlog"),
    )
    assert "".join(text for text, _ in panel.draw(width, 12)[0]) == head


def test_labels_of_a_picture_stay_inside_it(tmp_path):
    made, known = Gallery(), History()
    for number in range(10):
        known.record({"env_steps": 100.0 * number, "near": 123.456 + 1e-6 * number, "far": 1e15 * number})
    made.follow(known, ())
    path = chart_files.save(tmp_path, "svg", made, Look(), ["near", "far"], 2)
    labels = [
        text
        for text in ElementTree.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")
        if text.get("x") == "-8.0"
    ]
    assert len(labels) >= 4
    assert all(len(str(text.text)) <= 8 or text.get("textLength") == "56" for text in labels)


def test_csv_holds_what_is_shown_and_nothing_else(tmp_path):
    made = gallery(history(height=2.0))
    look = Look(x=Viewport((1000.0, 1200.0), locked=False), smoothing=1)
    path = chart_files.save(tmp_path / "exports", "csv", made, look, ["loss/value"], 1)
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [(row["run"], float(row["env_steps"]), float(row["value"])) for row in rows] == [
        *(("this run", steps, steps / 100) for steps in (1000.0, 1100.0, 1200.0)),
        *(("run-0", steps, steps / 50) for steps in (1000.0, 1100.0, 1200.0)),
    ]
    assert all(float(row["smoothed"]) < float(row["value"]) for row in rows)


def test_json_has_null_for_what_is_not_finite(tmp_path):
    made = Gallery()
    known = history(2)
    known.record({"env_steps": 300.0, "loss/value": math.nan})
    made.follow(known, ())
    path = chart_files.save(tmp_path, "json", made, Look(), ["loss/value"], 1)
    (curve,) = json.loads(path.read_text())["curves"]
    assert curve == {"metric": "loss/value", "run": "this run", "x": [100, 200, 300], "y": [1, 2, None]}


def test_a_picture_is_xml_whatever_metrics_are_called(tmp_path):

    made = Gallery()
    known = history(5)
    known.record({"env_steps": 600.0, "<b>&\x1b]0;title\x07": 1.0})
    made.follow(known, ())
    path = chart_files.save(tmp_path, "svg", made, Look(), ["loss/value", "<b>&\x1b]0;title\x07"], 2)
    assert ElementTree.parse(path).getroot().tag.endswith("svg")
    assert "\x1b" not in path.read_text()


def test_files_get_new_names(tmp_path):
    names = [chart_files.save(tmp_path, "csv", gallery(), Look(), ["plain"], 1).name for _ in range(2)]
    assert names == ["charts-001.csv", "charts-002.csv"]


def test_other_runs_are_followed_as_they_grow_and_begin_anew(tmp_path):
    directory = RunDirectory.create(tmp_path / "other", Config().updated({"env": {"id": "CartPole-v1"}}))
    lines = [json.dumps({"env_steps": 100 * n, "updates": n, "loss/value": n}) + "\n" for n in range(1, 4)]
    directory.metrics.write_text("".join(lines[:2]) + '{"env_steps": 1')  # torn
    others = OtherRuns()
    assert [str(error) for error in others.choose([directory.path, tmp_path / "none"])] != []
    assert others.paths == [directory.path]
    assert others.read(5.0)
    ((name, known),) = others.histories
    assert (name, list(known.metrics["loss/value"].y)) == ("other", [1.0, 2.0])
    assert not others.read(5.0)
    resumed = tmp_path / "resumed"
    resumed.write_text("".join(lines))
    resumed.replace(directory.metrics)
    assert others.read(5.0)
    assert list(others.histories[0][1].metrics["loss/value"].y) == [1.0, 2.0, 3.0]

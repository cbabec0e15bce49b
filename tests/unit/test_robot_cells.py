"""Pictures as characters, pictures of any environment scaled to fit, and the player's clock."""

from __future__ import annotations

import numpy as np
import pytest

from tests.recordings import record
from vmpo_tui.robot import cells
from vmpo_tui.robot.camera import Raster
from vmpo_tui.robot.look import Look
from vmpo_tui.robot.player import HOLD_SECONDS, SPEEDS, Player
from vmpo_tui.robot.render import Palette
from vmpo_tui.robot.replay import DrawnReplay, fitted, open_replay
from vmpo_tui.widgets.canvas import SHADES, shaded

RED, BLUE = (200, 0, 0), (0, 0, 80)


def decoded(codes, front, back) -> np.ndarray:
    """The picture that a terminal shows."""
    patterns = {int(code): index for index, code in enumerate(cells.QUADRANTS)}
    picture = np.zeros((codes.shape[0] * 2, codes.shape[1] * 2, 3), np.uint8)
    for row, column in np.ndindex(codes.shape):
        bits = patterns[int(codes[row, column])]
        for bit in range(4):
            colour = front if bits >> bit & 1 else back
            picture[2 * row + bit // 2, 2 * column + bit % 2] = colour[row, column]
    return picture


@pytest.mark.parametrize("bits", range(16))
def test_two_colours_a_cell_come_out_exactly(bits):
    picture = np.array([RED if bits >> bit & 1 else BLUE for bit in range(4)], np.uint8).reshape(2, 2, 3)
    codes, front, back = cells.encode(picture)
    np.testing.assert_array_equal(decoded(codes, front, back), picture)
    if bits in {0, 15}:
        assert codes[0, 0] == ord(" ")


def test_more_colours_are_averaged_by_brightness():
    picture = np.array([[[200, 200, 200], [240, 240, 240]], [[0, 0, 0], [40, 40, 40]]], np.uint8)
    codes, front, back = cells.encode(picture)
    assert chr(codes[0, 0]) == "▀"
    assert front[0, 0].tolist() == [220, 220, 220]
    assert back[0, 0].tolist() == [20, 20, 20]


def test_any_picture_is_kept_but_for_details_in_a_cell():
    picture = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    codes, front, back = cells.encode(picture)
    assert codes.shape == (6, 10)
    means = [array.reshape(6, 2, 10, 2, 3).mean((1, 3)) for array in (picture, decoded(codes, front, back))]
    np.testing.assert_allclose(*means, atol=3.0)


@pytest.mark.parametrize(
    ("size", "raster", "box"),
    [
        ((400, 600), Raster(40, 120, 0.5), (0, 40, 0, 120)),  # as it is
        ((400, 400), Raster(40, 120, 0.5), (0, 40, 20, 100)),  # margins at both sides
        ((100, 600), Raster(40, 120, 0.5), (15, 25, 0, 120)),  # above and below
        ((4, 6), Raster(40, 120, 0.5), (0, 40, 0, 120)),  # enlarged
    ],
)
def test_proportions_stay(size, raster, box):
    picture = np.full((*size, 3), 255, np.uint8)
    result = fitted(picture, raster, Palette(sky=(0.0, 0.0, 0.0)))
    assert result.shape == (raster.rows, raster.columns, 3)
    rows, columns = np.nonzero(result[..., 0])
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == box


def test_samples_are_means_of_what_they_cover():
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4, 1).repeat(3, 2)
    result = fitted(picture, Raster(2, 2), Palette())
    assert result[..., 0].tolist() == [[2, 4], [10, 12]]  # 2.5, 4.5, 10.5, 12.5


def test_cartpole_is_shown_in_half_blocks():
    replay = open_replay(record("CartPole-v1", steps=20))
    assert isinstance(replay, DrawnReplay)
    raster = Raster(40, 96, 0.5)
    picture = replay.picture(0, raster, Look(), Palette())
    codes, front, back = cells.encode(picture)
    shown = decoded(codes, front, back)
    middle = shown[:, 44:52].astype(int)
    assert (shown[6:9, 30:60] > 230).all()  # the sky is white
    assert (middle.sum(-1) < 100).any()  # the cart is black
    brown = (abs(middle - (202, 152, 101)) < 30).all(-1)
    assert brown.sum() > 6  # the pole
    assert {chr(code) for code in np.unique(codes)} & set("▌▐▀▄")
    later = replay.picture(19, raster, Look(), Palette())
    assert (later != picture).any()
    np.testing.assert_array_equal(replay.picture(0, raster, Look(), Palette()), picture)
    assert replay.faithful
    replay.close()


def test_the_clock_runs_holds_and_begins_again():
    player = Player(length=10, step_seconds=0.1)
    player.advance(0.35)
    assert player.step == 3
    player.advance(0.65)
    assert (player.step, player.seconds) == (9, 1.0)
    player.advance(HOLD_SECONDS)
    assert player.step == 9
    player.advance(0.01)
    assert player.step == 0
    player.playing = False
    player.advance(5.0)
    assert player.step == 0


def test_scrubbing_holds_and_stays_within_the_episode():
    player = Player(length=10, step_seconds=0.1)
    player.scrub(0.3)
    assert (player.step, player.playing) == (3, False)
    player.scrub(0.001)
    assert player.step == 4
    player.scrub(-0.001)
    assert player.step == 3
    player.scrub(-1.0)
    assert player.step == 0
    player.scrub(99.0)
    assert player.step == 9
    for step in range(10):
        player.seek(step)
        assert player.step == step  # whatever the rounding


def test_speeds_come_around():
    player = Player()
    seen = []
    for _ in SPEEDS:
        player.change_speed()
        seen.append(player.speed)
    assert sorted(seen) == list(SPEEDS)
    assert player.speed == 1.0


def test_without_colours_the_background_is_blank_whether_bright_or_dark():
    for ground, thing in ((255, 0), (0, 255), (128, 20)):
        picture = np.full((8, 40, 3), ground, np.uint8)
        picture[2:6, 10:20] = thing
        assert shaded(picture) == [
            " " * 20,
            " " * 5 + "@" * 5 + " " * 10,
            " " * 5 + "@" * 5 + " " * 10,
            " " * 20,
        ]


def test_without_colours_a_flat_picture_is_blank():
    assert shaded(np.full((2, 6, 3), 77, np.uint8)) == ["   "]


def test_without_colours_what_differs_more_is_denser():
    picture = np.full((2, 12, 3), 250, np.uint8)
    picture[:, 8:10], picture[:, 10:] = 150, 0
    faint, strong = shaded(picture)[0][4:]
    assert " " != faint != strong
    assert SHADES.index(faint) < SHADES.index(strong)

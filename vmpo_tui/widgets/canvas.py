"""A widget that shows pictures: samples in, coloured quadrant characters out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from rich.color import Color
from rich.style import Style

from vmpo_tui.robot import cells
from vmpo_tui.robot.camera import Raster
from vmpo_tui.robot.render import Picture
from vmpo_tui.widgets.lines import Lines, Row

_STYLES_KEPT = 16_384
SHADES = " .:-=+*#%@"
"""From blank to dense, where there are no colours."""
LEVEL = 8.0
"""Brightnesses that are closer, of 255, count as one."""


class Canvas(Lines):
    """Draws whatever `picture` returns; where it is None, the lines of `draw`."""

    def picture(self, raster: Raster) -> Picture | None:
        """Return the picture for a raster, four samples a cell."""
        raise NotImplementedError

    def rows(self, width: int, height: int) -> list[Row]:
        """Return the picture's lines."""
        raster = Raster(height * cells.ROWS, width * cells.COLUMNS, cells.SAMPLE_ASPECT)
        picture = self.picture(raster)
        if picture is None:
            return super().rows(width, height)
        if self.colourless:
            return [[(line, "")] for line in shaded(picture)]
        if len(self._styles) > _STYLES_KEPT:  # making one costs more than all the rest of a cell
            self._styles.clear()
        codes, front, back = cells.encode(picture)
        pairs = _packed(front) << 24 | _packed(back)
        return _runs(codes.tobytes().decode("utf-32-le"), pairs)

    def make_style(self, look: str | int) -> Style:
        """Return the style of a span: of two packed colours, where it is a number."""
        if isinstance(look, str):
            return super().make_style(look)
        return Style.from_color(_colour(look >> 24), _colour(look & 0xFFFFFF))


@lru_cache(4096)
def _colour(rgb: int) -> Color:
    return Color.from_rgb(*rgb.to_bytes(3, "big"))


def _runs(text: str, pairs: np.ndarray) -> list[Row]:
    """Cut the lines of a text where the colours [h, w] of its cells change."""
    height, width = pairs.shape
    border = np.ones(pairs.shape, np.bool_)
    np.not_equal(pairs[:, 1:], pairs[:, :-1], out=border[:, 1:])
    starts = np.flatnonzero(border)
    spans = zip(
        starts.tolist(), [*starts[1:].tolist(), len(text)], pairs.ravel()[starts].tolist(), strict=True
    )
    rows: list[list[tuple[str, str | int]]] = [[] for _ in range(height)]
    for start, end, pair in spans:
        rows[start // width].append((text[start:end], pair))
    return [*rows]


def shaded(picture: Picture) -> list[str]:
    """Return lines of characters, the denser the more a cell differs from what there is most of.

    That is the background, whether dark or bright: it is left blank.
    """
    rows, columns = picture.shape[0] // cells.ROWS, picture.shape[1] // cells.COLUMNS
    grey = picture.astype(np.float32) @ np.array((0.299, 0.587, 0.114), np.float32)
    means = grey.reshape(rows, cells.ROWS, columns, cells.COLUMNS).mean((1, 3))
    levels = (means / LEVEL).astype(int)
    ground = means[levels == np.bincount(levels.ravel()).argmax()].mean()
    contrast = np.abs(means - ground)
    places = (contrast / max(float(contrast.max()), 1.0) * (len(SHADES) - 1) + 0.5).astype(int)
    return ["".join(SHADES[place] for place in row) for row in places.tolist()]


def _packed(colours: np.ndarray) -> np.ndarray:
    """Return RGB bytes [..., 3] as one number each."""
    red, green, blue = np.moveaxis(colours.astype(np.int64), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue)

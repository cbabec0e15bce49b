"""Several pictures of a screen as one SVG that plays them in a loop, without any script."""

from __future__ import annotations

import re
from collections.abc import Sequence


def film(pictures: Sequence[str], seconds: float) -> str:
    """Join SVG pictures of one size, as Textual exports them, into one that shows each in turn.

    Args:
        pictures: at least one, in the order of showing.
        seconds: how long each is shown.

    Raises:
        ValueError: there is no picture, or one has no view box.
    """
    if not pictures:
        raise ValueError("a film needs at least one picture")
    box = re.search(r'viewBox="([^"]+)"', pictures[0])
    if box is None:
        raise ValueError("the first picture has no viewBox: it is not an SVG picture of a screen")
    share, length = 100 / len(pictures), seconds * len(pictures)
    style = (
        f"@keyframes turn {{ 0% {{ visibility: visible }} {share:.4f}% {{ visibility: hidden }} }}\n"
        f".picture {{ visibility: hidden; animation: turn {length:g}s step-end infinite }}"
    )
    frames = (
        f'<g class="picture" style="animation-delay: {index * seconds:g}s">{picture}</g>'
        for index, picture in enumerate(pictures)
    )
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box[1]}">',
            f"<style>{style}</style>",
            *frames,
            "</svg>\n",
        )
    )

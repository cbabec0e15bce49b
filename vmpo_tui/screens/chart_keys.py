"""The keys of the charts screen: one table for the help and remapping by id.

The footer has no room for them; the line under the charts names those that matter, with what they have set.
"""

from __future__ import annotations

import re

from textual.binding import Binding


def _key(key: str, action: str, label: str, text: str, *, display: str = "") -> Binding:
    name = re.sub(r"\W+", "_", action).strip("_")
    return Binding(
        key, action, label, show=False, key_display=display or None, tooltip=text, id=f"charts.{name}"
    )


CHART_KEYS: list[Binding] = [
    _key("slash", "filter", "filter", "filter by text or regular expression", display="/"),
    _key("enter,z", "full", "full screen", "the chosen chart alone, or back", display="z"),
    _key("escape", "back", "back", "back: from full screen, from the filter, from the cursor"),
    _key("pagedown", "page(1)", "next", "the next charts", display="pgdn"),
    _key("pageup", "page(-1)", "previous", "the charts before", display="pgup"),
    _key("g", "grid(1)", "larger grid", "more charts at once"),
    _key("G", "grid(-1)", "smaller grid", "fewer charts at once"),
    _key("plus,equals_sign", "zoom(True)", "zoom in", "zoom in on x (or turn the wheel)", display="+"),
    _key("minus", "zoom(False)", "zoom out", "zoom out of x", display="-"),
    _key("left", "pan(-1)", "left", "move to the left (or drag)", display="←"),
    _key("right", "pan(1)", "right", "move to the right", display="→"),
    _key("up", "pan_values(1)", "up", "move up in the chosen chart", display="↑"),
    _key("down", "pan_values(-1)", "down", "move down in the chosen chart", display="↓"),
    _key("shift+up", "zoom_values(True)", "zoom y", "zoom in on y (or wheel over its axis)", display="⇧↑"),
    _key("shift+down", "zoom_values(False)", "zoom y", "zoom out of y", display="⇧↓"),
    _key("full_stop", "cursor(1)", "cursor", "move the cursor to the right (or point)", display="."),
    _key("comma", "cursor(-1)", "cursor", "move the cursor to the left", display=","),
    _key("t", "tail", "tail-lock", "keep a zoomed view at the newest data, or let go"),
    _key("0", "reset", "reset", "show everything: no zoom, no cursor"),
    _key("x", "axis", "x axis", "x by env steps, updates, gradient steps, wall time"),
    _key("y", "scale", "y scale", "y of the chosen chart linear, log, symlog"),
    _key("s", "smooth(1)", "smooth", "smooth over more points"),
    _key("S", "smooth(-1)", "smooth less", "smooth over fewer points"),
    _key("o", "outliers", "outliers", "leave outliers outside the picture, counted, or show them"),
    _key("m", "marker", "markers", "draw in braille, quadrants, half blocks, ASCII"),
    _key("a", "overlay", "other runs", "choose other runs to see behind this one"),
    _key("i", "merge", "quartiles", "other runs as median and quartiles, or each"),
    _key("w", "export", "save", "save what is shown as CSV, JSON or SVG"),
]  # fmt: skip

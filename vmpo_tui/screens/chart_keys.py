"""The keys of the charts screen: one table for the help and remapping by id.

The footer has no room for them; the line under the charts names those that matter, with what they have set.
"""

from __future__ import annotations

from textual.binding import Binding


def _key(name: str, key: str, action: str, label: str, text: str, *, display: str = "") -> Binding:
    return Binding(
        key, action, label, show=False, key_display=display or None, tooltip=text, id=f"charts.{name}"
    )


CHART_KEYS: list[Binding] = [
    _key("filter", "slash", "filter", "filter", "filter by text or regular expression", display="/"),
    _key("full", "enter,z", "full", "full screen", "the chosen chart alone, or back", display="z"),
    _key("back", "escape", "back", "back", "back: from full screen, from the filter, from the cursor"),
    _key("next", "pagedown", "page(1)", "next", "the next charts", display="pgdn"),
    _key("previous", "pageup", "page(-1)", "previous", "the charts before", display="pgup"),
    _key("larger_grid", "g", "grid(1)", "larger grid", "more charts at once"),
    _key("smaller_grid", "G", "grid(-1)", "smaller grid", "fewer charts at once"),
    _key(
        "zoom_in", "plus,equals_sign", "zoom(True)", "zoom in",
        "zoom in on x (or turn the wheel)", display="+",
    ),
    _key("zoom_out", "minus", "zoom(False)", "zoom out", "zoom out of x", display="-"),
    _key("left", "left", "pan(-1)", "left", "move to the left (or drag)", display="←"),
    _key("right", "right", "pan(1)", "right", "move to the right", display="→"),
    _key("up", "up", "pan_values(1)", "up", "move up in the chosen chart", display="↑"),
    _key("down", "down", "pan_values(-1)", "down", "move down in the chosen chart", display="↓"),
    _key(
        "zoom_in_values", "shift+up", "zoom_values(True)", "zoom y",
        "zoom in on y (or wheel over its axis)", display="⇧↑",
    ),
    _key("zoom_out_values", "shift+down", "zoom_values(False)", "zoom y", "zoom out of y", display="⇧↓"),
    _key(
        "cursor_right", "full_stop", "cursor(1)", "cursor",
        "move the cursor to the right (or point)", display=".",
    ),
    _key("cursor_left", "comma", "cursor(-1)", "cursor", "move the cursor to the left", display=","),
    _key("tail", "t", "tail", "tail-lock", "keep a zoomed view at the newest data, or let go"),
    _key("reset", "0", "reset", "reset", "show everything: no zoom, no cursor"),
    _key("axis", "x", "axis", "x axis", "x by env steps, updates, gradient steps, wall time"),
    _key("scale", "y", "scale", "y scale", "y of the chosen chart linear, log, symlog"),
    _key("smooth", "s", "smooth(1)", "smooth", "smooth over more points"),
    _key("smooth_less", "S", "smooth(-1)", "smooth less", "smooth over fewer points"),
    _key(
        "outliers", "o", "outliers", "outliers",
        "leave outliers outside the picture, counted, or show them",
    ),
    _key("marker", "m", "marker", "markers", "draw in braille, quadrants, half blocks, ASCII"),
    _key("overlay", "a", "overlay", "other runs", "choose other runs to see behind this one"),
    _key("merge", "i", "merge", "quartiles", "other runs as median and quartiles, or each"),
    _key("export", "w", "export", "save", "save what is shown as CSV, JSON or SVG"),
]  # fmt: skip

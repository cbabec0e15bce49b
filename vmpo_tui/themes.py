"""The themes: every colour of the application in one place, and the look without any.

Widgets name what a colour is for (``$primary``, ``$frame``, ``$heat-low``); what it is stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

DARK, LIGHT, HIGH_CONTRAST, MONOCHROME = "dark", "light", "high-contrast", "monochrome"

DEFAULTS: Mapping[str, str] = {
    "frame": "#808080 35%",
    "track": "#808080 45%",
    "third-curve": "#4ebf71",
    "heat-low": "#3b2a7a",
    "heat-middle": "#1f9e89",
    "heat-high": "#fde725",
    "run-1": "#4ebf71",
    "run-2": "#a371f7",
    "run-3": "#ef5777",
    "run-4": "#20a8b8",
    "run-5": "#d16d9e",
    "run-6": "#9a9a9a",
}
"""Colours that Textual's own themes lack: frames, the empty part of a bar, curves, heat."""

THEMES: tuple[Theme, ...] = (
    Theme(
        name=DARK,
        primary="#2e95ea",
        secondary="#004578",
        accent="#ffa62b",
        warning="#ffa62b",
        error="#ef5777",
        success="#4ebf71",
        foreground="#e0e0e0",
        background="#121212",
        surface="#1e1e1e",
        panel="#242f38",
        variables={**DEFAULTS, "frame": "#e0e0e0 20%", "track": "#e0e0e0 25%", "run-6": "#e0e0e0 70%"},
    ),
    Theme(
        name=LIGHT,
        dark=False,
        primary="#0a5cb8",
        secondary="#3a7bc8",
        accent="#9c4f00",
        warning="#9c4f00",
        error="#b3203f",
        success="#14703a",
        foreground="#1c1f23",
        background="#fbfbf9",
        surface="#f0f1f0",
        panel="#e3e8ee",
        variables={
            "frame": "#1c1f23 25%",
            "track": "#1c1f23 25%",
            "text-muted": "#555b63",
            "footer-key-foreground": "#0a5cb8",
            "third-curve": "#14703a",
            "heat-low": "#dceaf5",
            "heat-middle": "#4a9cc9",
            "heat-high": "#08306b",
            "run-1": "#14703a",
            "run-2": "#6b3fc4",
            "run-3": "#b3203f",
            "run-4": "#0b6f7c",
            "run-5": "#a13a70",
            "run-6": "#5b5b5b",
        },
    ),
    Theme(
        name=HIGH_CONTRAST,
        primary="#5cc8ff",
        secondary="#5cc8ff",
        accent="#ffd400",
        warning="#ffd400",
        error="#ff8c8c",
        success="#5cff8c",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1a1a1a",
        variables={
            "frame": "#ffffff 75%",
            "track": "#ffffff 60%",
            "text-muted": "#e4e4e4",
            "footer-key-foreground": "#ffd400",
            "third-curve": "#5cff8c",
            "heat-low": "#0a3cff",
            "heat-middle": "#ff6a00",
            "heat-high": "#ffffff",
            "run-1": "#5cff8c",
            "run-2": "#d0a8ff",
            "run-3": "#ff8c8c",
            "run-4": "#5cf0ff",
            "run-5": "#ff9ce0",
            "run-6": "#dddddd",
        },
    ),
    Theme(  # greys, of which `Attributes` leaves how strong they are and nothing else
        name=MONOCHROME,
        primary="#d0d0d0",
        secondary="#d0d0d0",
        accent="#ffffff",
        warning="#ffffff",
        error="#ffffff",
        success="#d0d0d0",
        foreground="#d0d0d0",
        background="#000000",
        surface="#000000",
        panel="#000000",
        variables={
            "frame": "#808080",
            "track": "#808080",
            "text": "#d0d0d0",
            "text-muted": "#b0b0b0",
            "footer-key-foreground": "#ffffff",
            "third-curve": "#808080",
            "heat-low": "#000000",
            "heat-middle": "#808080",
            "heat-high": "#ffffff",
            "run-1": "#ffffff",
            "run-2": "#808080",
            "run-3": "#d0d0d0",
            "run-4": "#ffffff",
            "run-5": "#808080",
            "run-6": "#d0d0d0",
        },
    ),
)
NAMES = tuple(theme.name for theme in THEMES)

FILLED, STRONG, WEAK = 0.18, 0.9, 0.55
"""Luminance from which a background counts as filled, a text as bold, and below which it counts as dim."""


class Attributes(LineFilter):
    """Takes every colour out and says by attributes what it said: bold, dim, reversed where it was filled.

    The terminal's own two colours are all that is left, as https://no-color.org asks for, and a terminal
    without any colours shows the same.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return segments in the terminal's own colours."""
        del background
        return [
            Segment(text, None if style is None else colourless(style), control)
            for text, style, control in segments
        ]


@lru_cache(4096)
def colourless(style: Style) -> Style:
    """Return a style without colours that stands out as much."""
    front, back = _luminance(style, front=True), _luminance(style, front=False)
    if style.reverse:
        front, back = back, front
    filled = back >= FILLED
    return Style(
        bold=style.bold or (not filled and front >= STRONG),
        dim=style.dim or (not filled and front <= WEAK),
        italic=style.italic,
        underline=style.underline,
        strike=style.strike,
        reverse=filled,
        meta=style.meta,
    )


def _luminance(style: Style, *, front: bool) -> float:
    """Return how bright a style's text or background is, 0 to 1; the terminal's own text is neither."""
    colour = style.color if front else style.bgcolor
    if colour is None or colour.is_default:
        return 0.6 if front else 0.0
    return Color.from_rich_color(colour).brightness

"""Colours: every theme can be read, and the one without colours has none."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from vmpo_tui.themes import DEFAULTS, HIGH_CONTRAST, MONOCHROME, THEMES, colourless

COLOURED = [theme for theme in THEMES if theme.name != MONOCHROME]
WORDS = ("foreground", "text-muted", "primary", "success", "warning", "error", "footer-key-foreground")
CURVES = (
    "primary",
    "warning",
    "success",
    "error",
    "accent",
    "third-curve",
    *(f"run-{one}" for one in range(1, 7)),
)


def contrast(theme: Theme, name: str, background: str) -> float:
    """Return the contrast ratio of a colour on a background, as WCAG 2 defines it."""
    values = theme.to_color_system().generate() | theme.variables
    back = Color.parse(values[background])
    colour, _, share = values[name].partition(" ")
    front = back.get_contrast_text(1.0) if colour == "auto" else Color.parse(colour)
    front = back.blend(front, float(share.rstrip("%") or 100.0) / 100.0, alpha=1.0)
    lighter, darker = sorted((luminance(front), luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Color) -> float:
    channels = (
        value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in colour.normalized
    )
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), channels, strict=True))


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
@pytest.mark.parametrize("background", ["background", "panel", "surface"])
@pytest.mark.parametrize("name", WORDS)
def test_words_can_be_read(theme, background, name):
    assert contrast(theme, name, background) >= (7.0 if theme.name == HIGH_CONTRAST else 4.0)


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
@pytest.mark.parametrize("name", CURVES)
def test_curves_can_be_seen(theme, name):
    assert contrast(theme, name, "background") >= (4.5 if theme.name == HIGH_CONTRAST else 3.0)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_theme_has_every_colour(theme):
    assert set(DEFAULTS) <= set(theme.variables)


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
def test_heat_goes_one_way(theme):
    """From low to high it gets brighter, or on a bright background darker: it can be read without colours."""
    steps = [Color.parse(theme.variables[f"heat-{name}"]) for name in ("low", "middle", "high")]
    shades = [luminance(colour) for colour in steps]
    assert shades == sorted(shades, reverse=not theme.dark)


@pytest.mark.parametrize(
    ("style", "attributes"),
    [
        ("#ffffff on #000000", "bold"),
        ("#d0d0d0 on #000000", "none"),
        ("#808080 on #000000", "dim"),
        ("#000000 on #d0d0d0", "reverse"),
        ("bold #808080 on #000000", "bold dim"),
        ("underline italic #d0d0d0", "underline italic"),
        ("#d0d0d0 on #000000 reverse", "reverse"),
        ("default on default", "none"),
    ],
)
def test_what_is_left_of_a_style_without_colours(style, attributes):
    left = colourless(Style.parse(style))
    assert left.color is None
    assert left.bgcolor is None
    on = {name for name in ("bold", "dim", "italic", "underline", "reverse") if getattr(left, name)}
    assert on == set(attributes.split()) - {"none"}

"""Texts that would steer a terminal, or be taken for markup, if they were written as they are."""

from __future__ import annotations

HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "[bold red]markup[/] [/x] [@click=app.quit]x[/]",
    "a\x00b\rc\nd\te",
    "\u202egnp.exe",
    "x" * 10_000,
    "\ud800 lone surrogate",
    "first\nsecond\u2028third",
    "\x9b31m\x9d0;title\x9c",
    "\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\",
    "\u2066isolate\u2069\u200b\ufeff",
    "[/x] [ [[ ]] \\[",
    "back\b\b\b\b\x7f",
]

MARKUP = ["[red]x[/red]", "[/x]", "[bold]y", "[@click=app.quit]z[/]", "\\[w]", "$primary [dim]v[/]"]
"""Taken literally, each is to be found on the screen as it stands here."""

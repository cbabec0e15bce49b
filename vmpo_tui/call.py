"""Calling a user who looks elsewhere: the sequences that terminals turn into desktop notifications."""

from __future__ import annotations

from collections.abc import Mapping

from vmpo_tui.text import printable

LONGEST = 200
"""Characters of a notification."""
BELL, ESCAPE = "\a", "\x1b"
END = f"{ESCAPE}\\"


def desktop_notification(title: str, text: str, environment: Mapping[str, str]) -> str:
    """Return what to write to the terminal so that it shows a notification.

    rxvt and the VTE terminals know OSC 777; iTerm2, kitty, WezTerm, Ghostty and foot know OSC 9; others drop
    either. tmux has to be told to pass it on, and does so if its allow-passthrough is on.

    Args:
        title: of the notification.
        text: of the notification; whatever could steer a terminal is taken out of both.
        environment: variables that tell the terminal.
    """
    title, text = (_harmless(one) for one in (title, text))
    if environment.get("VTE_VERSION") or environment.get("TERM", "").startswith("rxvt"):
        sequence = f"{ESCAPE}]777;notify;{title};{text}{END}"
    else:
        sequence = f"{ESCAPE}]9;{title}: {text}{END}"
    if environment.get("TMUX"):
        return f"{ESCAPE}Ptmux;{sequence.replace(ESCAPE, ESCAPE * 2)}{END}"
    return sequence


def _harmless(text: str) -> str:
    """Return a text without control characters and without the sign that separates fields."""
    return printable(text).replace(";", ",")[:LONGEST]

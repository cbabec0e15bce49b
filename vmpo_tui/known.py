"""Names that can be completed without importing what they stand for: environments and settings."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.config import Config

ENV_IDS = Path(__file__).with_name("env_ids.txt")
"""What Gymnasium and installed suites offer; a test holds it against their registry."""
SUGGESTED: tuple[tuple[str, str], ...] = (
    ("CartPole-v1", "balance a pole: two actions, learnt soonest"),
    ("Acrobot-v1", "swing two links up: three actions"),
    ("InvertedPendulum-v5", "balance a pole by one continuous force"),
    ("HalfCheetah-v5", "run: six joints, cannot fall"),
    ("Hopper-v5", "hop on one leg: three joints, falls easily"),
    ("Walker2d-v5", "walk on two legs: six joints"),
    ("Ant-v5", "walk on four legs: eight joints"),
    ("Humanoid-v5", "walk upright: seventeen joints, takes longest"),
)
"""Environments to begin with, from the quickest to the hardest, each with what it asks for."""

SLIPS = {10.0**power for power in range(6, 19)}
"""Upper limits that only catch slips of the finger, and are not worth a word."""


def environments() -> list[str]:
    """Return environment ids."""
    return ENV_IDS.read_text(encoding="ascii").split()


def settings(incomplete: str) -> list[tuple[str, str]]:
    """Return ``section.key=`` with defaults; once a key is named, the values that it may have.

    Args:
        incomplete: what is typed so far of ``section.key=value``.
    """
    fields = _fields()
    key, named, _ = incomplete.partition("=")
    if not named:
        return [(f"{name}=", f"default {fields[name][1]}") for name in matching(fields, incomplete)]
    if key not in fields:
        return []
    entry, value = fields[key]
    choices = ("true", "false") if isinstance(value, bool) else entry.metadata.get("choices", ())
    return [(text, "") for text in matching((f"{key}={choice}" for choice in choices), incomplete)]


def range_of(key: str) -> str:
    """Return which numbers a setting may have, such as ``> 0`` or ``>= 1``; empty where any will do.

    Args:
        key: dotted name of a setting.
    """
    limits = _fields()[key][0].metadata
    if "low" not in limits:
        return ""
    low = f"{'>' if limits['open_low'] else '>='} {limits['low']:g}"
    if limits["high"] == math.inf or limits["high"] in SLIPS:
        return low
    return f"{low}, {'below' if limits['open_high'] else 'at most'} {limits['high']:,}"


def matching(names: Iterable[str], incomplete: str) -> list[str]:
    """Return the names that begin so, sorted."""
    return sorted(name for name in names if name.startswith(incomplete))


@functools.cache
def _fields() -> Mapping[str, tuple[dataclasses.Field[Any], Any]]:
    """Return the field and the default of every setting by its dotted name."""
    default = Config()
    return {
        f"{section.name}.{entry.name}": (entry, getattr(getattr(default, section.name), entry.name))
        for section in dataclasses.fields(default)
        for entry in dataclasses.fields(getattr(default, section.name))
    }

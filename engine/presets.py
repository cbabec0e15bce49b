"""Tuned settings per environment family: one table, first match wins."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.config import Config


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings that differ from the defaults for the environments that a pattern matches."""

    name: str
    pattern: str
    """Shell-style pattern of environment ids, alternatives separated by ``|``."""
    settings: Mapping[str, Mapping[str, Any]]
    why: str
    """What the settings are for, in one line."""

    def matches(self, env_id: str) -> bool:
        """Whether this preset is meant for an environment."""
        return any(fnmatch.fnmatchcase(env_id, pattern) for pattern in self.pattern.split("|"))


PRESETS: tuple[Preset, ...] = (Preset("default", "*", {}, "the defaults"),)


def preset_for(env_id: str) -> Preset:
    """Return the first preset whose pattern matches; the last one matches everything."""
    return next(preset for preset in PRESETS if preset.matches(env_id))


def config_for(env_id: str) -> Config:
    """Return the default configuration with the environment's preset applied."""
    return Config().updated({"env": {"id": env_id}}).updated(preset_for(env_id).settings)

"""The one error tree of the engine.

    EngineError
    |-- ConfigError               a setting is wrong: which, what was expected, what to do
    |-- BackendUnavailableError   an optional package is missing: the command that installs it
    |-- CheckpointError           a run directory or checkpoint cannot be used: path and cause
    |-- NonFiniteError            a number stopped being finite: iteration and term
    `-- EnvironmentFault          an environment broke: which one, at which step

Every message is written for the user: what is wrong, where, what was expected, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EngineError(Exception):
    """Base of every error that the engine raises on purpose."""


class ConfigError(EngineError):
    """A setting, environment id or option has no meaning or an invalid value."""


class BackendUnavailableError(EngineError):
    """A backend or environment needs a package that is not installed."""


class CheckpointError(EngineError):
    """A run directory or checkpoint is missing, damaged, locked or of another kind."""


class NonFiniteError(EngineError):
    """A loss, gradient, parameter or statistic is NaN or infinite."""


class EnvironmentFault(EngineError):
    """An environment raised, died or returned something unusable."""


def nearest(name: str, names: Iterable[str], count: int = 3) -> str:
    """Return ``"; did you mean 'a' or 'b'?"`` for the names closest to ``name``, or ``""``."""
    known = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.lower(), known, n=count, cutoff=0.55)
    if not close:
        return ""
    return "; did you mean " + " or ".join(repr(known[match]) for match in close) + "?"

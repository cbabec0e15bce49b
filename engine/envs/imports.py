"""Modules of the user's own that register environments: imported because the user named them, never else.

A configuration, a checkpoint and an environment's id name no code: ``module:EnvId`` is refused everywhere.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterable

from engine.errors import ConfigError

_imported: list[str] = []


def import_modules(names: Iterable[str]) -> None:
    """Import modules from this directory or the installed packages, so that they register environments.

    Args:
        names: dotted names.

    Raises:
        ConfigError: one is no name, is not there, or cannot be imported.
    """
    for name in names:
        _import(name)
        if name not in _imported:
            _imported.append(name)


def import_options() -> list[str]:
    """Return what a command line says to have another process know the same environments."""
    return [word for name in _imported for word in ("--import", name)]


def _import(name: str) -> None:
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"{name!r} is no module's name, such as my_envs or package.envs")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # at the end: nothing here hides an installed package
    try:
        with contextlib.redirect_stdout(sys.stderr):  # results alone go to stdout
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(
                f"there is no module {name!r} in this directory or among the installed packages"
            ) from error
        raise ConfigError(f"{name} cannot be imported: {error}") from error
    except (Exception, SystemExit) as error:  # whatever somebody's module does
        raise ConfigError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error

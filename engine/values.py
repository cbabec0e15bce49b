"""What the value of a setting may be: its type, its choices, its range; every error names the setting."""

from __future__ import annotations

import math
import tomllib
import types
from typing import Any

from engine.errors import ConfigError, nearest

SHOWN = 60
"""Characters of a wrong value that an error message repeats."""
MOST_LAYERS, WIDEST = 64, 65_536
"""Of a network."""


def shown(value: Any) -> str:
    """Return a value as an error message shows it, however large it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, a list of thousands of levels
        return f"a huge {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a TOML document says.

    Raises:
        ConfigError: it is none.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError("this is not valid TOML: it is nested too deep") from None
    except ValueError as error:  # also an integer of thousands of digits
        raise ConfigError(f"this is not valid TOML: {error}") from error


def parse_scalar(text: str) -> Any:
    """Return the value that a text is in TOML, or else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text  # an unquoted string


def convert(path: str, value: Any, kind: Any) -> Any:
    """Return ``value`` as the field's type, or say what was expected."""
    if isinstance(kind, types.GenericAlias):
        return _convert_list(path, value, kind.__args__[0])
    if kind is float and type(value) is int:
        return _float(path, value)
    if kind is int and type(value) is float and value.is_integer():
        return int(value)
    if type(value) is not kind:
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        raise ConfigError(f"{path} must be {words[kind]}, not {shown(value)}")
    return value


def _convert_list(path: str, value: Any, kind: type) -> Any:
    valid = isinstance(value, (list, tuple)) and all(type(item) is kind for item in value)
    if kind is int and not (valid and all(item > 0 for item in value)):
        raise ConfigError(
            f"{path} must be a list of positive whole numbers such as [64, 64], not {shown(value)}"
        )
    if kind is int and (len(value) > MOST_LAYERS or any(item > WIDEST for item in value)):
        raise ConfigError(
            f"{path} must be at most {MOST_LAYERS} layers of at most {WIDEST:,}, not {shown(value)}"
        )
    if not valid:
        raise ConfigError(f'{path} must be a list of names such as ["tensorboard"], not {shown(value)}')
    return tuple(value)


def _float(path: str, value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ConfigError(f"{path} must be a number of ordinary size, not {shown(value)}") from None


def check_choice(path: str, value: str | tuple[str, ...], choices: tuple[str, ...]) -> None:
    """Refuse a name, or names, that are no choices."""
    if isinstance(value, tuple):
        if len(set(value)) < len(value):
            raise ConfigError(f"{path} names one more than once: {', '.join(value)}")
        for item in value:
            check_choice(path, item, choices)
    elif value not in choices:
        names = ", ".join(choices)
        raise ConfigError(f"{path} must be one of {names}, not {shown(value)}{nearest(value, choices)}")


def check_range(path: str, value: float, low: float, high: float, open_low: bool, open_high: bool) -> None:
    """Refuse a number outside of its range."""
    above = value > low if open_low else value >= low
    below = value < high if open_high else value <= high
    if above and below and (type(value) is int or math.isfinite(value)):
        return
    lower = f"above {low:g}" if open_low else f"at least {low:g}"
    upper = "" if high == math.inf else f" and {'below' if open_high else 'at most'} {high:g}"
    raise ConfigError(f"{path} must be {lower}{upper}, not {shown(value)}")


def require_order(low: str, small: float, high: str, large: float) -> None:
    """Refuse a setting that is above another one which it must not be above."""
    if small > large:
        raise ConfigError(f"{low} must be at most {high}, but they are {small:g} and {large:g}")

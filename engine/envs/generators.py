"""Random generators of environments as arrays of words, so that a checkpoint can hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
RandomSource = np.random.Generator | np.random.RandomState
"""Gymnasium's environments draw from the first kind, dm_control's from the second."""

_WORD = 2**64
_PCG64, _MT19937 = 1, 2


def to_words(source: object) -> Words | None:
    """Return the state of a generator [W], or None for a kind that is not known here."""
    if isinstance(source, np.random.Generator):
        state: Any = source.bit_generator.state
        if state["bit_generator"] != "PCG64":
            return None
        wide = [state["state"]["state"], state["state"]["inc"]]
        parts = [part for number in wide for part in divmod(number, _WORD)]
        return np.array([_PCG64, *parts, state["has_uint32"], state["uinteger"]], dtype=np.uint64)
    if isinstance(source, np.random.RandomState):
        legacy: Any = source.get_state(legacy=False)
        if legacy["bit_generator"] != "MT19937":
            return None
        spare = np.array([legacy["gauss"]], dtype=np.float64).view(np.uint64)[0]
        head = [_MT19937, legacy["state"]["pos"], legacy["has_gauss"], spare]
        return np.array([*head, *legacy["state"]["key"]], dtype=np.uint64)
    return None


def from_words(words: NDArray[np.generic]) -> RandomSource:
    """Rebuild a generator from `to_words`.

    Raises:
        ValueError: the words are not those of a generator.
    """
    kind, *numbers = [int(word) for word in words] or [0]
    if kind == _PCG64 and len(numbers) == 6:
        high, low, inc_high, inc_low, has_spare, spare = numbers
        bits = np.random.PCG64()
        bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": high * _WORD + low, "inc": inc_high * _WORD + inc_low},
            "has_uint32": has_spare,
            "uinteger": spare,
        }
        return np.random.Generator(bits)
    if kind == _MT19937 and len(numbers) == 627:
        position, has_spare, spare, *key = numbers
        source = np.random.RandomState()
        gauss = float(np.array([spare], dtype=np.uint64).view(np.float64)[0])
        source.set_state(("MT19937", np.array(key, dtype=np.uint32), position, has_spare, gauss))
        return source
    raise ValueError(f"{len(words)} words that are no random generator's")

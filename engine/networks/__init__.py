"""Encoders under one signature: observation size and layer sizes in, features out.

To add a kind: a file with a builder of the type `EncoderBuilder`, and a line in `ENCODERS`.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.networks.mlp import Encoder, build_mlp

EncoderBuilder = Callable[[int, tuple[int, ...], str], Encoder]

ENCODERS: dict[str, EncoderBuilder] = {"mlp": build_mlp}

__all__ = ["ENCODERS", "Encoder", "EncoderBuilder", "build_mlp"]

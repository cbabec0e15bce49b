"""Encoders under one signature: observation size, layer sizes and activation in, features out.

To add a kind: a file with a class that satisfies `Encoder`, and a line in `ENCODERS`.
"""

from __future__ import annotations

from engine.networks.mlp import MLP

Encoder = MLP
ENCODERS: dict[str, type[MLP]] = {"mlp": MLP}

__all__ = ["ENCODERS", "MLP", "Encoder"]

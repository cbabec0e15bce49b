"""Shared by all tests: one torch thread, as in training, since more slow small networks down."""

from __future__ import annotations

import torch

torch.set_num_threads(1)

"""Shared by all tests.

One torch thread, as in training, since more slow small networks down; and the signals' usual meanings, since
a process started with nohup or in the background ignores some of them, and so would what it tests. Hypothesis
draws the same examples every time, so that a failure is a change's (HYPOTHESIS_PROFILE=default explores).
"""

from __future__ import annotations

import os
import signal

import torch
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

"""Shared by all tests.

One torch thread, as in training, since more slow small networks down; and the signals' usual meanings, since
a process started with nohup or in the background ignores some of them, and so would what it tests. Hypothesis
draws the same examples every time, so that a failure is a change's (HYPOTHESIS_PROFILE=default explores).
Settings and memory of whoever runs the tests are out of reach, for processes that tests start, too.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def nobodys_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let nobody's settings and memory hold, and terminals have colours."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", str(tmp_path_factory.mktemp(name.lower())))
        patch.delenv("NO_COLOR", raising=False)
        yield

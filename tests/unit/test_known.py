"""What forms and the command line say about the numbers that a setting may have."""

from __future__ import annotations

import pytest

from vmpo_tui.known import range_of


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("run.seed", ">= 0, at most 2,147,483,647"),
        ("run.total_steps", ">= 1"),  # its limit only catches slips of the finger
        ("env.timeout", "> 0"),
        ("vmpo.gamma", ">= 0, at most 1"),
        ("optimizer.sgd_momentum", ">= 0, below 1"),
        ("optimizer.policy_lr", "> 0"),
        ("env.id", ""),
    ],
)
def test_the_range_of_a_setting_in_words(key, text):
    assert range_of(key) == text

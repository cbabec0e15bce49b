"""What a diagnosis looks at: the newest figures of a run, its settings, and its returns in a few windows."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.config import Config
from vmpo_tui.history import Series
from vmpo_tui.run_view import RunView

Floats = NDArray[np.float64]

DEFAULTS = Config().to_dict()


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bounded KL with the multiplier that holds it."""

    label: str
    kl: str
    alpha: str
    epsilon: str


CONSTRAINTS = (
    Constraint("KL μ", "kl/mean", "dual/alpha_mean", "vmpo.epsilon_mu"),
    Constraint("KL Σ", "kl/covariance", "dual/alpha_covariance", "vmpo.epsilon_sigma"),
    Constraint("KL π", "kl/policy", "dual/alpha", "vmpo.epsilon_mu"),
)
NEWEST_EPISODES = 30
WINDOWS = 12
"""Parts of the episode history that returns are compared between."""
EPISODES_A_WINDOW = 200
"""At most so many episodes of a window, evenly spread, are looked at."""
ANNEALED = 0.2
"""Share of the first learning rate under which small KLs are what the schedule asks for."""


class Evidence:
    """What the conditions look at."""

    def __init__(self, view: RunView) -> None:
        self.view = view

    def tail(self, metric: str, updates: int) -> Floats | None:
        """Return the newest values of a metric [updates]; None while they are too few or not all finite."""
        series = self.view.history.metrics.get(metric)
        if series is None or len(series) < updates:
            return None
        values = series.y[-updates:]
        return values if np.isfinite(values).all() else None

    def level(self, metric: str, updates: int) -> float | None:
        """Return the median of the newest values of a metric."""
        values = self.tail(metric, updates)
        return None if values is None else float(np.median(values))

    def setting(self, path: str) -> Any:
        """Return a setting of the run by its dotted path; its default where the run did not say."""
        section, _, key = path.partition(".")
        return self.view.config.get(section, {}).get(key, DEFAULTS[section][key])

    def spread(self) -> float | None:
        """Return the range of the newest update's advantages; None where it is unknown."""
        if self.view.inspection is not None:
            histogram = self.view.inspection.advantages
            return histogram.high - histogram.low
        return 7.0 if self.setting("vmpo.normalize_advantages") else None  # of 2,048 normal ones

    def annealed(self) -> bool:
        """Whether the schedule has all but ended the policy's learning."""
        rate = self.view.latest.get("optimizer/policy_lr")
        return rate is not None and rate < ANNEALED * float(self.setting("optimizer.policy_lr"))

    def settled(self) -> bool:
        """Whether most newest episodes reach the highest return there has been: nothing is left to learn."""
        windows = self.windows
        newest = self.view.history.episodes.y[-NEWEST_EPISODES:]
        if windows is None or len(newest) < NEWEST_EPISODES:
            return False
        top = max(float(window.max()) for window in windows)
        bottom = min(float(window.min()) for window in windows)
        return float(np.median(newest)) >= top - 0.01 * (top - bottom)

    @functools.cached_property
    def windows(self) -> list[Floats] | None:
        """Return the finite returns of equally long parts of the history, oldest first; None while too few.

        Parts are equally long in environment steps. Of each at most `EPISODES_A_WINDOW` evenly spread ones.
        """
        episodes: Series = self.view.history.episodes
        if len(episodes) < WINDOWS:
            return None
        borders = np.searchsorted(episodes.x, np.linspace(episodes.x[0], episodes.x[-1], WINDOWS + 1))
        borders[-1] = len(episodes)
        windows = []
        for start, stop in itertools.pairwise(borders.tolist()):
            part = episodes.y[start : stop : max(1, (stop - start) // EPISODES_A_WINDOW)]
            windows.append(part[np.isfinite(part)])
        return windows if all(len(window) for window in windows) else None

"""What a run's figures say about its health, in plain language: pure, without Textual.

`CONDITIONS` is the one table: each condition's limit, how many updates must bear witness, what it means and
what to change. Limits were set between runs that learned well (HalfCheetah, Hopper, CartPole) and runs that
were badly set on purpose. Only the newest updates are looked at, and episodes by a few windows, so that a
history of any length costs the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from vmpo_tui.evidence import CONSTRAINTS, NEWEST_EPISODES, WINDOWS, Constraint, Evidence, Floats
from vmpo_tui.run_view import RunView
from vmpo_tui.text import number

Facts = Mapping[str, str]
"""What a condition's texts are filled in with."""


FEW_ROWS = 0.05
"""Effective sample size, as a share of the selected rows, under which too few of them count."""


class Severity(IntEnum):
    """How much a finding matters."""

    NOTE = 1
    """Worth knowing; many good runs show it."""
    WARNING = 2
    """Learning suffers."""
    SERIOUS = 3
    """The run is unlikely to recover by itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition that holds now."""

    name: str
    severity: Severity
    meaning: str
    """What it means for learning."""
    change: str
    """What to change, naming the settings."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A row of the table."""

    name: str
    severity: Severity
    limit: float
    """See the check; a ratio unless it says otherwise."""
    updates: int
    """Updates that must be there before anything is said; the newest so many are looked at."""
    check: Callable[[Evidence, Condition], Iterator[Facts]]
    """Yields the facts of each finding."""
    meaning: str
    change: str
    unless: str = "-"
    """A finding, further up in the table, that says it better."""

    def finding(self, facts: Facts) -> Finding:
        """Fill the texts in."""
        name, meaning, change = (text.format_map(facts) for text in (self.name, self.meaning, self.change))
        return Finding(name, self.severity, meaning, change)


def diagnose(view: RunView) -> tuple[Finding, ...]:
    """Return what holds now, most serious first; nothing before there is evidence."""
    evidence = Evidence(view)
    findings: list[Finding] = []
    with np.errstate(all="ignore"):
        for condition in CONDITIONS:
            if condition.unless not in {finding.name for finding in findings}:
                findings += map(condition.finding, condition.check(evidence, condition))
    return tuple(sorted(findings, key=lambda finding: -finding.severity))


class Diagnosis:
    """The newest findings, looked for at most once in ``seconds`` unless the run's state has changed."""

    seconds = 3.0

    def __init__(self) -> None:
        self._findings: tuple[Finding, ...] = ()
        self._state = ""
        self._updates = -1
        self._due = -math.inf

    def of(self, view: RunView) -> tuple[Finding, ...]:
        """Return the findings of a view, or of one not long before it."""
        now = time.monotonic()
        stale = view.updates != self._updates and now >= self._due
        if stale or view.state != self._state:
            self._findings = diagnose(view)
            self._state, self._updates, self._due = view.state, view.updates, now + self.seconds
        return self._findings


def _temperature_collapsed(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: eta as a share of the advantages' range."""
    level, spread = evidence.level("dual/temperature", condition.updates), evidence.spread()
    if level is not None and spread and level < condition.limit * spread:
        yield {"eta": number(level), **_temperature_advice(evidence)}


def _temperature_exploding(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: eta as a multiple of the advantages' range."""
    level, spread = evidence.level("dual/temperature", condition.updates), evidence.spread()
    if level is not None and spread and level > condition.limit * spread:
        yield {"eta": number(level), **_temperature_advice(evidence)}


def _temperature_advice(evidence: Evidence) -> Facts:
    if evidence.setting("vmpo.temperature_mode") == "exact":
        return {"sharper": "raise vmpo.epsilon_eta", "softer": "lower vmpo.epsilon_eta"}
    return {
        "sharper": "raise optimizer.temperature_lr, or lower vmpo.temperature_init",
        "softer": "raise optimizer.temperature_lr, or raise vmpo.temperature_init",
    }


def _alpha_at_floor(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: alpha, or alpha_min where that is higher; KL under half its bound.

    The control variate brings a KL of weight 1 along: with it a multiplier of 0 is as it should be.
    """
    if evidence.annealed() or evidence.setting("vmpo.control_variate"):
        return
    floor = max(condition.limit, 1.5 * float(evidence.setting("vmpo.alpha_min")))
    for constraint, alpha, ratio in _held(evidence, condition.updates):
        if alpha <= floor and ratio < 0.5:
            if constraint.kl == "kl/covariance":
                advice = f"lower {constraint.epsilon} if σ falls too fast; otherwise leave it"
            else:
                advice = f"raise optimizer.policy_lr to learn faster, or lower {constraint.epsilon}"
            yield {
                "label": constraint.label,
                "alpha": number(alpha),
                "ratio": _percent(ratio),
                "advice": advice,
            }


def _alpha_too_high(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: alpha; KL under a tenth of its bound."""
    for constraint, alpha, ratio in _held(evidence, condition.updates):
        if alpha > condition.limit and ratio < 0.1 and not evidence.annealed():
            yield {"label": constraint.label, "alpha": number(alpha), "ratio": _percent(ratio)}


def _held(evidence: Evidence, updates: int) -> Iterator[tuple[Constraint, float, float]]:
    """Yield each constraint that the run has, its alpha and its KL's share of the bound."""
    for constraint in CONSTRAINTS:
        alpha, kl = evidence.level(constraint.alpha, updates), evidence.level(constraint.kl, updates)
        bound = evidence.view.bounds.get(constraint.kl)
        if alpha is not None and kl is not None and bound:
            yield constraint, alpha, kl / bound


def _kl_above_bound(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: median of KL / bound, with nine tenths of the updates above the bound.

    A target policy that is kept over several updates lets the KL rise in between: whole periods count.
    """
    updates = max(condition.updates, int(evidence.setting("vmpo.target_update_period")))
    for constraint in CONSTRAINTS:
        values, bound = evidence.tail(constraint.kl, updates), evidence.view.bounds.get(constraint.kl)
        if values is not None and bound and _above(values / bound, condition.limit):
            ratio = f"{float(np.median(values)) / bound:.1f}"
            yield {"label": constraint.label, "ratio": ratio, "updates": str(updates)}


def _e_step_above_bound(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: median of KL / bound, with nine tenths of the updates above the bound."""
    values, bound = evidence.tail("estep/kl", condition.updates), evidence.view.bounds.get("estep/kl")
    if values is not None and bound and _above(values / bound, condition.limit):
        yield {"ratio": f"{float(np.median(values)) / bound:.1f}", **_temperature_advice(evidence)}


def _above(ratios: Floats, limit: float) -> bool:
    return float(np.median(ratios)) > limit and float((ratios > 1.0).mean()) >= 0.9


def _few_rows_carry_the_weight(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: the effective share of the selected rows."""
    level = evidence.level("estep/ess", condition.updates)
    if level is not None and level < condition.limit:
        yield {"share": f"{level:.1%}"}


def _sigma_collapsed(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: sigma, in units of half the action range.

    A fall to 60 % within the window counts too, once sigma is under half of its first value.
    """
    values = evidence.tail("policy/std_mean", condition.updates)
    if values is None:
        return
    sigma, before = float(np.median(values[-5:])), float(np.median(values[:5]))
    falling = 0 < sigma < 0.6 * before and sigma < 0.5 * float(evidence.setting("network.std_init"))
    if sigma < condition.limit or falling:
        speed = f"{sigma / before:.0%} of what it was {condition.updates} updates ago" if falling else "small"
        yield {"sigma": number(sigma), "speed": speed}


def _sigma_exploding(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: sigma as a multiple of its first value."""
    level, first = evidence.level("policy/std_mean", condition.updates), evidence.setting("network.std_init")
    if level is not None and level > condition.limit * float(first):
        yield {"sigma": number(level), "ratio": f"{level / float(first):.1f}"}


def _entropy_collapsed(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: share of the entropy of uniformly random actions."""
    level, actions = evidence.level("policy/entropy", condition.updates), evidence.view.action_size
    if level is None or evidence.view.continuous or actions < 2 or evidence.settled():
        return
    if level < condition.limit * math.log(actions):
        yield {"share": f"{level / math.log(actions):.1%}"}


def _value_not_explaining(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: explained variance. Of returns that no longer vary there is nothing to explain."""
    level = evidence.level("value/explained_variance", condition.updates)
    if level is not None and level < condition.limit and not evidence.settled():
        yield {"level": f"{level:.2f}"}


def _saturated(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: share of clipped action components."""
    level = evidence.level("policy/saturated", condition.updates)
    if level is not None and level > condition.limit:
        yield {"share": f"{level:.0%}"}


def _no_learning(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: rise of the mean return from the middle third to the last, as a share of the returns' range."""
    windows = evidence.windows
    if windows is None or evidence.view.updates < condition.updates or evidence.settled():
        return
    third = WINDOWS // 3
    middle, last = np.concatenate(windows[third:-third]), np.concatenate(windows[-third:])
    low, high = np.percentile(np.concatenate(windows), (2.5, 97.5))
    rise = float(last.mean() - middle.mean())
    enough = min(len(middle), len(last)) >= NEWEST_EPISODES
    if enough and evidence.view.progress >= 0.2 and rise < condition.limit * float(high - low):
        yield {"last": number(float(last.mean())), "middle": number(float(middle.mean()))}


def _learning_lost(evidence: Evidence, condition: Condition) -> Iterator[Facts]:
    """Limit: share of what had been gained that is lost in both of the last two windows, by their medians."""
    windows = evidence.windows
    if windows is None or evidence.view.updates < condition.updates:
        return
    medians = [float(np.median(window)) for window in windows]
    best, last, first = max(medians), max(medians[-2:]), medians[0]
    scatter = float(np.median([float(window.std()) for window in windows]))
    if (
        len(windows[-1]) >= 10
        and best - last > condition.limit * (best - first)
        and best - last > 2 * scatter
    ):
        yield {"last": number(last), "best": number(best)}


def _percent(ratio: float) -> str:
    return "under 1 %" if ratio < 0.01 else f"{100 * ratio:.0f} %"


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "temperature collapsed", Severity.SERIOUS, 0.005, 20, _temperature_collapsed,
        "η is {eta}, next to nothing beside the advantages: the single best rows decide everything.",
        "{softer}, or set vmpo.normalize_advantages=true.",
    ),
    Condition(
        "temperature exploding", Severity.WARNING, 30.0, 20, _temperature_exploding,
        "η is {eta}, far above the advantages: all rows weigh the same and nothing is preferred.",
        "{sharper}, or set vmpo.normalize_advantages=true.",
    ),
    Condition(
        "nothing holds {label}", Severity.NOTE, 1e-4, 20, _alpha_at_floor,
        "Its α is at its floor ({alpha}) and it is at {ratio} of its bound: the trust region is not felt.",
        "{advice}.",
    ),
    Condition(
        "{label} held too tightly", Severity.WARNING, 50.0, 20, _alpha_too_high,
        "Its α is {alpha} and it is at {ratio} of its bound: the policy hardly moves.",
        "lower optimizer.alpha_lr or vmpo.alpha_init.",
    ),
    Condition(
        "{label} above its bound", Severity.WARNING, 2.5, 20, _kl_above_bound,
        "It was {ratio} times its bound over {updates} updates: steps leave the trust region.",
        "raise optimizer.alpha_lr, or lower optimizer.policy_lr or vmpo.epochs.",
    ),
    Condition(
        "E-step KL above its bound", Severity.WARNING, 2.0, 20, _e_step_above_bound,
        "It is {ratio} times vmpo.epsilon_eta: the temperature lags behind the advantages.",
        "{softer}, or set vmpo.temperature_mode=exact.",
    ),
    Condition(
        "few rows carry the weight", Severity.WARNING, FEW_ROWS, 20, _few_rows_carry_the_weight,
        "The effective sample size is {share} of the selected rows: each update follows a few lucky ones.",
        "lower vmpo.epsilon_eta, or set vmpo.clip_advantages=3.",
    ),
    Condition(
        "sigma collapsed", Severity.SERIOUS, 0.03, 30, _sigma_collapsed,
        "σ is {sigma}, {speed}: the policy hardly tries anything new any more.",
        "lower vmpo.epsilon_sigma or optimizer.policy_lr, or raise network.std_min.",
    ),
    Condition(
        "sigma exploding", Severity.SERIOUS, 2.0, 20, _sigma_exploding,
        "σ is {sigma}, {ratio} times its first value: actions become noise.",
        "lower vmpo.epsilon_sigma or optimizer.policy_lr.",
    ),
    Condition(
        "entropy collapsed", Severity.WARNING, 0.05, 30, _entropy_collapsed,
        "The policy is nearly certain of each action: its entropy is {share} of what random actions have.",
        "lower vmpo.epsilon_mu or optimizer.policy_lr.",
    ),
    Condition(
        "value not explaining", Severity.WARNING, 0.1, 40, _value_not_explaining,
        "The value function explains {level} of the returns' variance: advantages are mostly noise.",
        "raise optimizer.value_lr or vmpo.epochs, or widen network.value_layer_sizes.",
    ),
    Condition(
        "actions saturated", Severity.WARNING, 0.6, 20, _saturated,
        "{share} of the action components are clipped at their limits: exploring there has no effect.",
        "lower network.std_init (a new run), or optimizer.policy_lr.",
    ),
    Condition(
        "learning lost", Severity.SERIOUS, 0.5, 100, _learning_lost,
        "The return fell from {best} to {last}: most of what had been learned is gone.",
        "lower optimizer.policy_lr or vmpo.epsilon_mu; go back to the best checkpoint.",
    ),
    Condition(
        "no learning in the last third", Severity.WARNING, 0.02, 100, _no_learning,
        "The mean return was {middle} in the third before and is {last} in the last one.",
        "raise optimizer.policy_lr or vmpo.epsilon_mu, or explore more with network.std_init.",
        unless="learning lost",
    ),
)  # fmt: skip

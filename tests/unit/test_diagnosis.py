"""The diagnosis on histories made for it: each condition where it holds, and silence where all is well."""

from __future__ import annotations

import dataclasses
import math
import string

import pytest

from engine.config import Config
from tests.tui.scripted_engine import STARTED, inspection, update
from vmpo_tui.diagnosis import CONDITIONS, Diagnosis, Severity, diagnose
from vmpo_tui.run_view import RunView, apply

Figures = dict[str, float]


def run(
    updates: int = 150,
    figures: Figures | None = None,
    *,
    start: Figures | None = None,
    returns: list[float] | None = None,
    settings: dict[str, dict[str, object]] | None = None,
    continuous: bool = True,
    total_steps: int = 400_000,
) -> RunView:
    """A healthy run but for the figures given: from ``start`` geometrically, or constantly."""
    config = Config().updated(
        {"network": {"std_init": 0.3}, "vmpo": {"epsilon_eta": 0.25, "control_variate": False}}
    )
    config = config.updated(settings or {})
    started = dataclasses.replace(
        STARTED, config=config.to_dict(), continuous=continuous, action_size=6, total_steps=total_steps
    )
    view = apply(RunView(), started)
    for number in range(1, updates + 1):
        event = update(number)
        share = number / updates
        changed = {
            name: value if start is None else start[name] * (value / start[name]) ** share
            for name, value in (figures or {}).items()
        }
        metrics = {"optimizer/policy_lr": 3e-4, **event.metrics, "policy/saturated": 0.05, **changed}
        episodes = event.episode_returns
        if returns is not None:
            level = returns[min(len(returns) - 1, int((number - 1) / updates * len(returns)))]
            episodes = (level + 40.0 * math.sin(number), level + 40.0 * math.cos(3.0 * number))
        view = apply(view, dataclasses.replace(event, metrics=metrics, episode_returns=episodes))
    return view


def names(view: RunView) -> set[str]:
    return {finding.name for finding in diagnose(view)}


def test_a_healthy_run_raises_nothing():
    assert diagnose(run()) == ()


def test_nothing_is_said_before_there_is_evidence():
    assert diagnose(RunView()) == ()
    assert diagnose(run(3, {"estep/ess": 0.001, "kl/mean": 5.0, "policy/saturated": 0.99})) == ()


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("temperature collapsed", lambda: run(figures={"dual/temperature": 0.01})),
        ("temperature exploding", lambda: run(figures={"dual/temperature": 500.0})),
        ("nothing holds KL μ", lambda: run(figures={"dual/alpha_mean": 1e-8, "kl/mean": 0.005})),
        ("nothing holds KL Σ", lambda: run(figures={"dual/alpha_covariance": 1e-8, "kl/covariance": 1e-4})),
        ("KL μ held too tightly", lambda: run(figures={"dual/alpha_mean": 900.0, "kl/mean": 1e-4})),
        ("KL μ above its bound", lambda: run(figures={"kl/mean": 0.2})),
        ("KL Σ above its bound", lambda: run(figures={"kl/covariance": 0.2})),
        ("E-step KL above its bound", lambda: run(figures={"estep/kl": 3.0})),
        ("few rows carry the weight", lambda: run(figures={"estep/ess": 0.02})),
        ("sigma collapsed", lambda: run(figures={"policy/std_mean": 0.01})),
        ("sigma collapsed", lambda: run(figures={"policy/std_mean": 0.04}, start={"policy/std_mean": 4.0})),
        ("sigma exploding", lambda: run(figures={"policy/std_mean": 3.0})),
        ("entropy collapsed", lambda: run(figures={"policy/entropy": 0.01}, continuous=False)),
        ("value not explaining", lambda: run(figures={"value/explained_variance": -0.2})),
        ("actions saturated", lambda: run(figures={"policy/saturated": 0.9})),
        ("learning lost", lambda: run(returns=[0, 1000, 2000, 3000, 3000, 3000, 500, 400, 300])),
        ("no learning in the last third", lambda: run(returns=[0, 800, 1500, 1500, 1500, 1500])),
    ],
)
def test_each_condition_where_it_holds(name, view):
    findings = {finding.name: finding for finding in diagnose(view())}
    assert name in findings
    assert len(findings[name].meaning) > 20
    assert len(findings[name].change) > 10


def test_every_condition_has_a_case():
    patterns = [condition.name.replace("{label}", "KL μ") for condition in CONDITIONS]
    cases = test_each_condition_where_it_holds.pytestmark[0].args[1]
    assert set(patterns) <= {name for name, _ in cases}
    assert len(CONDITIONS) >= 8


def test_advice_names_settings_that_exist():
    known = {f"{section}.{key}" for section, keys in Config().to_dict().items() for key in keys}
    for condition in CONDITIONS:
        words = condition.change.replace("=", " ").split()
        for word in (word.strip(".,;()") for word in words):
            section, _, key = word.partition(".")
            if key and section.isidentifier():
                assert word in known, f"{condition.name} advises {word}"


def test_texts_are_filled_in_completely():
    for condition in CONDITIONS:
        fields = {name for _, name, _, _ in string.Formatter().parse(condition.meaning) if name}
        assert "" not in fields
    for finding in diagnose(run(figures={"kl/mean": 0.2, "estep/ess": 0.02})):
        assert "{" not in finding.meaning + finding.change


def test_the_control_variate_holds_the_policy_in_its_multipliers_place():
    figures = {"dual/alpha_mean": 1e-8, "kl/mean": 0.005}
    assert names(run(figures=figures, settings={"vmpo": {"control_variate": True}})) == set()


def test_a_bound_that_was_raised_is_no_longer_passed():
    view = run(figures={"kl/mean": 0.2})
    assert names(dataclasses.replace(view, bounds={**view.bounds, "kl/mean": 0.5})) == set()


def test_an_ended_schedule_explains_small_kls():
    figures = {"dual/alpha_mean": 1e-8, "kl/mean": 1e-5, "optimizer/policy_lr": 1e-5}
    assert names(run(figures=figures)) == set()


def test_the_best_there_is_needs_no_further_learning():
    assert names(run(returns=[0.0] * 2 + [1000.0] * 8)) != set()
    view = run(150, {"value/explained_variance": -1.0})
    settled = apply(view, dataclasses.replace(update(151), episode_returns=(9_000.0,) * 400))
    assert "value not explaining" not in names(settled)


def test_the_most_serious_comes_first():
    found = diagnose(run(figures={"estep/ess": 0.02, "policy/std_mean": 0.01}))
    assert [finding.severity for finding in found] == [Severity.SERIOUS, Severity.WARNING]


def test_figures_that_are_not_finite_prove_nothing():
    assert diagnose(run(figures={"estep/ess": math.nan, "kl/mean": math.inf})) == ()


def test_findings_are_looked_for_again_only_after_a_while():
    diagnosis = Diagnosis()
    diagnosis.seconds = 1e9
    healthy, sick = run(), run(151, {"estep/ess": 0.02})
    assert diagnosis.of(healthy) == ()
    assert diagnosis.of(sick) == ()
    assert diagnosis.of(dataclasses.replace(sick, state="paused")) != ()


def test_the_temperature_is_measured_by_the_advantages():
    view = run(figures={"dual/temperature": 0.01})
    assert "temperature collapsed" in names(view)
    histogram = dataclasses.replace(inspection(1).advantages, low=-0.01, high=0.01)
    small = dataclasses.replace(view, inspection=dataclasses.replace(inspection(1), advantages=histogram))
    assert "temperature collapsed" not in names(small)

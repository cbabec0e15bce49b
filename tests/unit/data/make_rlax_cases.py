"""Makes rlax_cases.npz: random inputs of DeepMind's `rlax.vmpo_loss` with its outputs and gradients.

The tests read the file and need neither rlax nor jax. To make it again, in an environment of its own:

    pip install rlax==0.1.9 jax jaxlib
    python tests/unit/data/make_rlax_cases.py

Each case flattens its shape to N rows. Rows of restarting weight 0 carry the mean KL of the others, so that
rlax's mean over all rows is the mean over the valid rows that this project takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import rlax

CASES = 240
SHAPES = ((7,), (32,), (5, 6), (10, 4), (3, 4, 5), (64,))
FRACTIONS = (0.1, 0.25, 0.5, 0.75, 1.0)


def gaussian_kls(old: list[np.ndarray], new: list[np.ndarray]) -> list[np.ndarray]:
    """Mean and covariance parts from the textbook formula in variances, per row."""
    (mean_old, std_old), (mean_new, std_new) = old, new
    mean_part = 0.5 * ((mean_new - mean_old) ** 2 / std_old**2).sum(-1)
    ratio = std_old**2 / std_new**2
    return [mean_part, 0.5 * (ratio - 1.0 - np.log(ratio)).sum(-1)]


def categorical_kl(old: list[np.ndarray], new: list[np.ndarray]) -> list[np.ndarray]:
    """KL of normalised probabilities, per row."""
    p, q = (np.exp(x[0]) / np.exp(x[0]).sum(-1, keepdims=True) for x in (old, new))
    return [(p * np.log(p / q)).sum(-1)]


def parameters(generator: np.random.Generator, rows: int, continuous: bool) -> list[list[np.ndarray]]:
    """Parameters of the old and of the new policy: means and deviations, or logits."""
    if not continuous:
        old = [2.0 * generator.normal(size=(rows, 5))]
        return [old, [old[0] + 0.5 * generator.normal(size=(rows, 5))]]
    old = [generator.normal(size=(rows, 3)), generator.uniform(0.05, 2.0, (rows, 3))]
    mean = old[0] + 0.3 * generator.normal(size=(rows, 3))
    return [old, [mean, old[1] * generator.lognormal(0, 0.2, (rows, 3))]]


def make_case(index: int) -> dict[str, Any]:
    """Random inputs of one case; shapes, fractions and kinds take turns."""
    generator = np.random.default_rng(index)
    shape = SHAPES[index % len(SHAPES)]
    rows = int(np.prod(shape))
    continuous = index % 2 == 0
    restarting = np.ones(rows)
    if index % 3 == 1:
        restarting = (generator.random(rows) > 0.2).astype(float)
        restarting[0] = 1.0
    fraction = FRACTIONS[index % len(FRACTIONS)]
    if int(fraction * rows) == 0 or (int(fraction * rows) > restarting.sum() and fraction < 1.0):
        fraction = 0.5
    importance = np.ones(rows) if index % 4 < 2 else np.minimum(1.0, generator.lognormal(0, 0.5, rows))
    old, new = parameters(generator, rows, continuous)
    kls = gaussian_kls(old, new) if continuous else categorical_kl(old, new)
    return {
        "shape": np.array(shape),
        "continuous": continuous,
        "fraction": fraction,
        "restarting": restarting,
        "importance": importance,
        "log_probs": generator.normal(-2.0, 1.5, rows),
        "advantages": generator.normal(0.3, 10.0 ** generator.uniform(-1, 1.5), rows),
        "temperature": 10.0 ** generator.uniform(-1, 1),
        "epsilon_temperature": 10.0 ** generator.uniform(-2, 0),
        "alphas": 10.0 ** generator.uniform(-1, 1, len(kls)),
        "epsilons": 10.0 ** generator.uniform(-4, -1, len(kls)),
        **{f"old_{i}": parameter for i, parameter in enumerate(old)},
        **{f"new_{i}": parameter for i, parameter in enumerate(new)},
        "kls": np.stack(kls),
    }


def solve(case: dict[str, Any]) -> dict[str, Any]:
    """What rlax makes of a case: mean losses, weights, and gradients of the mean total loss."""
    shape = tuple(case["shape"])
    valid = case["restarting"] > 0
    kls = [np.where(valid, kl, kl[valid].mean()) for kl in case["kls"]]

    def loss(log_probs: Any, temperature: Any, alphas: Any) -> tuple[Any, Any]:
        constraints = [
            (jnp.asarray(kl).reshape(shape), rlax.LagrangePenalty(alphas[i], float(case["epsilons"][i])))
            for i, kl in enumerate(kls)
        ]
        total, parts = rlax.vmpo_loss(
            sample_log_probs=log_probs.reshape(shape),
            advantages=jnp.asarray(case["advantages"]).reshape(shape),
            temperature_constraint=rlax.LagrangePenalty(temperature, float(case["epsilon_temperature"])),
            kl_constraints=constraints,
            restarting_weights=jnp.asarray(case["restarting"]).reshape(shape),
            importance_weights=jnp.asarray(case["importance"]).reshape(shape),
            top_k_fraction=float(case["fraction"]),
        )
        return total.mean(), parts

    arguments = (
        jnp.asarray(case["log_probs"]),
        jnp.asarray(case["temperature"]),
        jnp.asarray(case["alphas"]),
    )
    (total, parts), gradients = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)(*arguments)
    return {
        "total": total,
        "policy_loss": parts.policy_loss.mean(),
        "temperature_loss": jnp.mean(parts.temperature_loss),
        "kl_loss": parts.kl_loss.mean(),
        "alpha_loss": parts.alpha_loss.mean(),
        "weights": parts.normalized_weights.reshape(-1),
        "selected": round(float(parts.num_samples)),
        "grad_log_probs": gradients[0],
        "grad_temperature": gradients[1],
        "grad_alphas": gradients[2],
    }


def main() -> None:
    """Make and save every case: per name all cases' numbers end to end, and how many each case has."""
    jax.config.update("jax_enable_x64", True)
    cases = [case | solve(case) for case in map(make_case, range(CASES))]
    arrays: dict[str, np.ndarray] = {}
    for name in sorted({name for case in cases for name in case} - {"kls", "shape"}):
        rows = [np.ravel(np.asarray(case.get(name, []), dtype=np.float64)) for case in cases]
        arrays[name] = np.concatenate(rows)
        arrays[f"{name}/sizes"] = np.array([len(row) for row in rows])
    np.savez_compressed(Path(__file__).with_name("rlax_cases.npz"), **arrays)


if __name__ == "__main__":
    main()

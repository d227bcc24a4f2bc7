import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Specification
from bayesbio.network import (
    NetworkPosterior,
    Node,
    ProcessNetwork,
)

LIMITS = {
    "y": Specification("y", lower=-1.0, upper=2.0),
    "z": Specification("z", upper=1.5),
}


EDGES = [("u", "x"), ("u", "y"), ("x", "y"), ("y", "z"), ("x", "z")]


EFFECTS = dict(zip(EDGES, (0.9, -1.2, 0.7, 0.5, -0.3), strict=True))


START = {"u": 0.2, "x": -0.1, "y": 0.4, "z": 0.0}


NOISE = {"u": 1.0, "x": 0.5, "y": 0.3, "z": 0.2}


def known(scale=1.0):
    """One network in any unit: every node times the scale."""
    nodes = [
        Node(
            name,
            specification=Specification(
                name,
                lower=None if limit.lower is None else limit.lower * scale,
                upper=limit.upper * scale,
            )
            if (limit := LIMITS.get(name))
            else None,
        )
        for name in "uxyz"
    ]
    return NetworkPosterior.from_parameters(
        ProcessNetwork(nodes, EDGES),
        intercept={name: value * scale for name, value in START.items()},
        coefficients=EFFECTS,
        variance={name: value * scale**2 for name, value in NOISE.items()},
    )


def by_matrices(held=None):
    """Mean and covariance from (I - B)^-1, in the order u, x, y, z."""
    held = held or {}
    names = "uxyz"
    effects = np.zeros((4, 4))
    for (parent, child), value in EFFECTS.items():
        if child not in held:
            effects[names.index(child), names.index(parent)] = value
    total = np.linalg.inv(np.eye(4) - effects)
    start = np.array([held.get(name, START[name]) for name in names])
    noise = np.diag([0.0 if name in held else NOISE[name] for name in names])
    return total @ start, total @ noise @ total.T


@pytest.mark.parametrize("scale", [1.0, 1e-7, 1e6])
def test_conditioning_is_exact_in_any_unit(scale):
    mean, covariance = by_matrices()
    seen, asked, values = [1, 3], [0, 2], np.array([0.5, -0.7])
    gain = covariance[np.ix_(asked, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
    exact = mean[asked] + gain @ (values - mean[seen])
    told = known(scale).predict({"x": 0.5 * scale, "z": -0.7 * scale}, noise=False)
    assert_allclose([float(told[n].squeeze()) for n in "uy"], exact * scale, rtol=1e-8)


def test_predictions_scatter_as_the_conditional_distribution():
    mean, covariance = by_matrices()
    many = known().replace(
        **{
            name: np.repeat(getattr(known(), name), 40_000, axis=0)
            for name in ("intercept", "effect", "variance")
        }
    )
    told = many.predict({"z": 1.0}, random_seed=3)
    exact = mean[0] + covariance[0, 3] / covariance[3, 3] * (1.0 - mean[3])
    spread = np.sqrt(covariance[0, 0] - covariance[0, 3] ** 2 / covariance[3, 3])
    assert_allclose(told["u"].mean(), exact, atol=5 * spread / 200)
    assert_allclose(told["u"].std(), spread, rtol=0.02)


def test_missing_readings_of_a_run_are_not_evidence():
    told = known().predict({"x": [0.5, np.nan], "z": [-0.7, -0.7]}, targets=["u"], noise=False)
    alone = known().predict({"z": -0.7}, targets=["u"], noise=False)
    assert_allclose(told["u"].isel(run=1).squeeze(), alone["u"].squeeze(), rtol=1e-10)

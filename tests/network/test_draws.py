import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Specification
from bayesbio.errors import ModelError
from bayesbio.network import (
    NetworkPosterior,
    Node,
    ProcessNetwork,
)

PAIR = ProcessNetwork(["feed", "titer"], [("feed", "titer")])


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


def test_parameters_that_are_not_all_given_are_asked_for():
    with pytest.raises(ModelError, match="coefficient lacks"):
        NetworkPosterior.from_parameters(
            PAIR, intercept={"feed": 0, "titer": 0}, coefficients={},
            variance={"feed": 1, "titer": 1},
        )  # fmt: skip


def test_the_joint_distribution_is_that_of_the_equations():
    mean, covariance = known().moments(list("uxyz"))
    exact_mean, exact_covariance = by_matrices()
    assert_allclose(mean[0], exact_mean, rtol=1e-12)
    assert_allclose(covariance[0], exact_covariance, rtol=1e-12)

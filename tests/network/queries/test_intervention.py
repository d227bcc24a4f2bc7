import numpy as np
import pandas as pd
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


def test_holding_a_node_is_not_seeing_it():
    exact, covariance = by_matrices({"x": 1.0})
    held = known().with_intervention({"x": 1.0})
    mean, spread = held.moments(list("uxyz"))
    assert_allclose(mean[0], exact, rtol=1e-12)
    assert_allclose(spread[0], covariance, rtol=1e-12, atol=1e-15)
    seen = float(known().predict({"x": 1.0}, noise=False)["y"].squeeze())
    assert abs(seen - exact[2]) > 0.3


def test_a_soft_intervention_carries_its_scatter_downstream():
    _, covariance = known().with_intervention({"x": (1.0, 2.0)}).moments("z")
    effect = -0.3 + 0.7 * 0.5
    _, hard = known().with_intervention({"x": 1.0}).moments("z")
    assert_allclose(covariance, hard + effect**2 * 4.0, rtol=1e-12)


def test_a_grid_agrees_with_its_points():
    grid = known().intervene({"x": [0.0, 1.0], "u": [2.0, 3.0, 4.0]}, targets=["z"], noise=False)
    assert grid["z"].dims == ("chain", "draw", "x", "u")
    for x in (0.0, 1.0):
        for u in (2.0, 3.0, 4.0):
            mean, _ = known().with_intervention({"x": x, "u": u}).moments("z")
            assert_allclose(grid["z"].sel(x=x, u=u).squeeze(), mean.squeeze(), rtol=1e-10)


def test_evidence_is_that_of_the_regressions_that_are_left():
    rng = np.random.default_rng(1)
    feed = rng.normal(size=20)
    rows = pd.DataFrame({"feed": feed, "titer": feed + 0.3 * rng.normal(size=20)})
    network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    fitted = network.fit(rows, draws=10, random_seed=1)
    for do in ({"titer": 1.0}, {"titer": (1.0, 0.1)}):
        evidence = fitted.with_intervention(do).log_evidence
        assert evidence == {"feed": fitted.log_evidence["feed"]}

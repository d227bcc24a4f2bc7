import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.data import Specification
from bayesbio.errors import ModelError
from bayesbio.network import (
    NetworkPosterior,
    Node,
    ProcessNetwork,
    fit_network,
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


def test_risk_is_the_normal_probability():
    mean, covariance = by_matrices()
    risk = known().probability_out_of_specification()
    distribution = stats.norm(mean[2], np.sqrt(covariance[2, 2]))
    exact = distribution.cdf(-1.0) + distribution.sf(2.0)
    assert_allclose(risk.total["y"], exact, rtol=1e-10)
    both = stats.multivariate_normal(mean[2:], covariance[2:, 2:])
    inside = both.cdf([2.0, 1.5], lower_limit=[-1.0, -np.inf])
    assert_allclose(risk.total["any"], 1.0 - inside, rtol=1e-4)


def test_risk_given_readings_and_under_an_intervention_combine():
    risk = known().probability_out_of_specification(
        "z", observations={"u": [0.5, 1.0]}, do={"x": 1.0}
    )
    exact, covariance = by_matrices({"x": 1.0})
    gain = covariance[3, 0] / covariance[0, 0]
    spread = np.sqrt(covariance[3, 3] - gain * covariance[0, 3])
    for place, u in enumerate((0.5, 1.0)):
        middle = exact[3] + gain * (u - exact[0])
        told = risk.total["z"].isel(run=place)
        assert_allclose(told, stats.norm.sf(1.5, middle, spread), rtol=1e-9)


def test_risk_on_a_grid_agrees_with_its_points():
    risk = known().probability_out_of_specification(do={"x": [0.0, 1.0, 2.0]}).total
    for x in (0.0, 1.0, 2.0):
        point = known().probability_out_of_specification(do={"x": x}).total
        assert_allclose(risk["y"].sel(x=x), point["y"], rtol=1e-10)
        assert_allclose(risk["any"].sel(x=x), point["any"], atol=1e-6)


def test_epistemic_and_total_risk_differ_when_parameters_are_unsure():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"u": rng.normal(size=12)})
    rows["y"] = rows["u"] + rng.normal(0, 0.5, 12)
    network = ProcessNetwork(["u", Node("y", specification=LIMITS["y"])], [("u", "y")])
    risk = fit_network(network, rows, random_seed=1).probability_out_of_specification()
    row = risk.summary().loc["y"]
    assert row["eti_5"] < row["probability"] < row["eti_95"]
    assert row["error"] < 0.01


def test_a_probability_needs_a_specification():
    with pytest.raises(ModelError, match="'u' has no specification"):
        known().probability_out_of_specification("u")


def test_a_node_cannot_be_held_and_seen():
    with pytest.raises(ModelError, match="'x' is both held"):
        known().probability_out_of_specification("z", observations={"x": 1.0}, do={"x": 1.0})


def test_a_target_that_is_read_or_held_is_in_or_out_of_its_limits():
    seen = known().probability_out_of_specification(observations={"y": [0.0, 3.0], "u": [0.1, 0.2]})
    assert seen.total["y"].values.tolist() == [0.0, 1.0]
    assert_allclose(seen.total["any"].isel(run=0), seen.total["z"].isel(run=0), atol=1e-6)
    held = known().probability_out_of_specification(["y", "z"], do={"y": 3.0})
    assert float(held.total["y"]) == 1.0
    assert_allclose(held.total["any"], 1.0)
    assert "y" not in known().probability_out_of_specification(do={"y": 3.0}).posterior
    with pytest.raises(ModelError, match="held at several values"):
        known().probability_out_of_specification(["y"], do={"y": [0.0, 3.0]})

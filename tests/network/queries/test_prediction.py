"""Predictive draws come from the distribution of the likelihood, Student-t tails included."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.data import Specification
from bayesbio.network import NetworkPosterior, Node, ProcessNetwork

DRAWS, FREEDOM = 40_000, 3.0
LIMIT = Specification("y", upper=4.0)


@pytest.fixture(scope="module")
def robust():
    """y = x + t_3, x fixed at 0 in every draw; group effects of variance 0.5 beside the t."""
    network = ProcessNetwork(["x", Node("y", specification=LIMIT)], [("x", "y")])
    one = NetworkPosterior.from_parameters(
        network,
        intercept={"x": 0.0, "y": 0.0},
        coefficients={("x", "y"): 1.0},
        variance={"x": 0.0, "y": FREEDOM / (FREEDOM - 2.0)},
    )
    many = one.taken(np.zeros(DRAWS, int))
    return many.replace(degrees_of_freedom=np.tile([np.inf, FREEDOM], (DRAWS, 1)))


def test_predictive_quantiles_are_those_of_student_t(robust):
    drawn = robust.predict(random_seed=1)["y"].to_numpy().ravel()
    for probability in (0.005, 0.1, 0.5, 0.9, 0.995):
        below = np.mean(drawn < stats.t(FREEDOM).ppf(probability))
        error = np.sqrt(probability * (1.0 - probability) / DRAWS)
        assert abs(below - probability) < 5.0 * error
    held = robust.intervene({"x": 2.0}, targets="y", random_seed=2)["y"].to_numpy()
    assert abs(np.mean(held > 2.0 + stats.t(FREEDOM).isf(0.01)) - 0.01) < 5 * np.sqrt(0.01 / DRAWS)


def test_risk_and_density_have_the_same_tails(robust):
    risk = robust.probability_out_of_specification()
    exact = stats.t(FREEDOM).sf(4.0)
    assert abs(float(risk.total["y"]) - exact) < 5.0 * float(risk.error["y"])
    few = robust.thinned(2000)
    values = pd.DataFrame({"y": [0.0, 4.0]})
    density = np.exp(few.log_likelihood(values)).mean(axis=0)
    spread = np.exp(few.log_likelihood(values)).std(axis=0) / np.sqrt(2000)
    assert (np.abs(density - stats.t(FREEDOM).pdf([0.0, 4.0])) < 5.0 * spread).all()


def test_an_outlier_moves_its_cause_less_than_under_normal_residuals(robust):
    network = ProcessNetwork(["x", "y"], [("x", "y")])
    one = NetworkPosterior.from_parameters(
        network, intercept={"x": 0.0, "y": 0.0}, coefficients={("x", "y"): 1.0},
        variance={"x": 1.0, "y": 3.0},
    ).taken(np.zeros(4000, int))  # fmt: skip
    heavy = one.replace(degrees_of_freedom=np.tile([np.inf, 3.0], (4000, 1)))
    drawn = heavy.predict({"y": 6.0}, random_seed=3)["x"].to_numpy().ravel()
    grid = np.linspace(-12.0, 12.0, 4001)
    weight = stats.norm.pdf(grid) * stats.t(3.0).pdf(6.0 - grid)
    exact = (grid * weight).sum() / weight.sum()
    assert exact < 1.0 < 1.5  # a normal residual of the same variance gives 1.5
    assert_allclose(drawn.mean(), exact, atol=0.12)

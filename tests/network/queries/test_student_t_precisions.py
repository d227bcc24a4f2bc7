"""Student-t networks given observations far out, against quadrature."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayesbio.data import Specification
from bayesbio.network import NetworkPosterior, Node, ProcessNetwork
from bayesbio.network.queries.student_t_precisions import conditional_variances

DRAWS = 4000
LIMIT = Specification("x", upper=3.0)


def network(freedom, *, group=0.0, feed=0.0):
    """u -> x -> y, residual variances 1 (and of a group), the effect of u on x zero."""
    graph = ProcessNetwork(
        ["u", Node("x", role="CQA", specification=LIMIT), "y"], [("u", "x"), ("x", "y")]
    )
    one = NetworkPosterior.from_parameters(
        graph,
        intercept={"u": 0.0, "x": 0.0, "y": 0.0},
        coefficients={("u", "x"): 0.0, ("x", "y"): 1.0},
        variance={"u": feed, "x": 1.0, "y": 1.0 + group},
    )
    many = one.taken(np.zeros(DRAWS, int))
    return many.replace(
        degrees_of_freedom=np.full((DRAWS, 3), freedom),
        group_variance=np.tile([0.0, 0.0, group], (DRAWS, 1)) / many.spread**2,
    )


def quadrature(freedom, reading, *, group=0.0):
    """P(x > 3 | y) and the density of y."""
    grid = np.linspace(-80.0, 80.0, 16_001)
    step, scale = grid[1] - grid[0], np.sqrt((freedom - 2.0) / freedom)
    of_x = stats.t.pdf(grid / scale, freedom) / scale
    of_y = stats.t.pdf((reading - grid) / scale, freedom) / scale
    if group:
        near = np.arange(-300, 301) * step
        kernel = stats.norm.pdf(near, scale=np.sqrt(group)) * step
        of_y = np.convolve(of_y, kernel, mode="same")
    joint = of_x * of_y
    return joint[grid > 3.0].sum() / joint.sum(), joint.sum() * step


@pytest.mark.parametrize(
    ("freedom", "reading", "group"), [(3.0, 4.0, 0.0), (5.0, 20.0, 0.0), (4.0, 9.0, 0.5)]
)
def test_what_explains_an_outlier_has_the_probability_of_the_quadrature(freedom, reading, group):
    posterior = network(freedom, group=group)
    exact, density = quadrature(freedom, reading, group=group)
    seen = {"y": reading}
    drawn = posterior.predict(seen, targets="x", random_seed=2)["x"].to_numpy()
    error = np.sqrt(exact * (1.0 - exact) / DRAWS)
    assert abs(np.mean(drawn > 3.0) - exact) < 5.0 * error
    risk = posterior.thinned(1000).probability_out_of_specification("x", observations=seen)
    assert abs(risk.total["x"].item() - exact) < 5.0 * np.sqrt(exact * (1.0 - exact) / 1000)
    told = np.exp(posterior.thinned(1000).log_likelihood(pd.DataFrame({"y": [reading]})))
    assert abs(told.mean() - density) < 5.0 * told.std() / np.sqrt(1000)
    assert told.std() < density  # each draw integrates well by itself


def test_nodes_without_scatter_and_runs_without_observations_are_drawn_too():
    posterior = network(5.0, feed=0.0).thinned(50)
    rng = np.random.default_rng(1)
    row = np.full(3, np.nan)
    prior, evidence = conditional_variances(posterior, row, rng, count=3)
    assert prior.shape == (3, 50, 3)
    assert (evidence == 0.0).all()
    row[2] = 7.0
    variance, _ = conditional_variances(posterior, row, rng, count=2)
    assert np.isfinite(variance).all()
    assert (variance[..., posterior.index("u")] == 0.0).all()

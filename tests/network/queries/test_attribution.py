"""Shares of variance and of risk against closed forms and brute force."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.data import Specification
from bayesbio.errors import ModelError
from bayesbio.network import (
    NetworkPosterior,
    Node,
    ProcessNetwork,
    covariance_share,
    criticality,
    shapley_effects,
)


def brute_force(gradient, covariance):
    """Average over all orders, one subset at a time."""
    count = len(gradient)
    along = covariance @ gradient

    def known(subset):
        if not subset:
            return 0.0
        chosen = list(subset)
        return along[chosen] @ np.linalg.solve(covariance[np.ix_(chosen, chosen)], along[chosen])

    shares = np.zeros(count)
    for order in itertools.permutations(range(count)):
        for place, k in enumerate(order):
            shares[k] += known(order[: place + 1]) - known(order[:place])
    return shares / math.factorial(count) / (gradient @ along)


def correlated(count, seed):
    root = np.random.default_rng(seed).normal(size=(count, count + 3))
    return root @ root.T


def test_two_dependent_inputs_share_as_in_the_closed_form():
    spread = np.array([[1.0, -0.8], [-0.8, 1.0]])
    assert_allclose(shapley_effects([1.52, 1.0], spread), [0.769, 0.231], atol=1e-3)
    assert_allclose(covariance_share([1.52, 1.0], spread), [1.246, -0.246], atol=1e-3)


def test_shapley_effects_average_over_every_order():
    spread, gradient = correlated(5, 1), np.array([1.0, -2.0, 0.5, 0.0, 3.0])
    told = shapley_effects(gradient, spread)
    assert_allclose(told, brute_force(gradient, spread), rtol=1e-9)
    assert_allclose(told.sum(), 1.0, rtol=1e-12)


def test_independent_inputs_share_their_own_variance():
    gradient, variance = np.array([1.0, 2.0, 3.0]), np.array([4.0, 1.0, 1e-4])
    shares = gradient**2 * variance / (gradient**2 @ variance)
    assert_allclose(shapley_effects(gradient, np.diag(variance)), shares, rtol=1e-9)
    assert_allclose(covariance_share(gradient, np.diag(variance)), shares, rtol=1e-12)


def test_an_input_that_says_the_same_as_another_gets_half():
    assert_allclose(shapley_effects([1.0, 0.0], np.ones((2, 2))), [0.5, 0.5], rtol=1e-9)


def test_draws_are_shared_one_by_one():
    spread = np.array([correlated(2, 1), correlated(2, 2)])
    gradient = np.array([[1.0, 2.0], [3.0, -1.0]])
    told = shapley_effects(gradient, spread)
    for row in range(2):
        assert_allclose(told[row], shapley_effects(gradient[row], spread[row]), rtol=1e-12)


def test_permutations_find_what_subsets_give():
    spread, gradient = correlated(14, 3), np.random.default_rng(4).normal(size=14)
    exact = shapley_effects(gradient, spread)
    # One more input that is nothing but noise of its own, of no effect.
    wider = np.zeros((15, 15))
    wider[:14, :14], wider[14, 14] = spread, 1.0
    told, error = shapley_effects([*gradient, 0.0], wider, permutations=4000, return_error=True)
    assert_allclose(told[:14], exact, atol=4 * error.max())
    assert error.max() < 3e-3


def test_a_hundred_inputs_are_shared_to_within_three_in_a_thousand():
    spread, gradient = correlated(100, 5), np.random.default_rng(6).normal(size=100)
    shares, error = shapley_effects(gradient, spread, return_error=True)
    assert error.max() < 3e-3
    assert_allclose(shares.sum(), 1.0, rtol=1e-6)


def test_what_is_no_covariance_is_refused():
    with pytest.raises(ModelError, match="correlation beyond 1"):
        shapley_effects([1.0, 1.0], [[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ModelError, match="expected"):
        covariance_share([1.0, 1.0], np.eye(3))


def chain():
    """Two inputs along three steps, where effects add up over paths."""
    network = ProcessNetwork(
        ["a@0", "b@0", "a@1", "b@1", Node("y@2", specification=Specification("y", upper=1.0))],
        [("a@0", "a@1"), ("b@0", "a@1"), ("b@0", "b@1"), ("a@1", "y@2"), ("b@1", "y@2")],
    )
    effects = [0.9, 0.8, 0.1, 0.7, 0.5]
    return NetworkPosterior.from_parameters(
        network,
        intercept=dict.fromkeys(network.names, 0.0),
        coefficients=dict(zip(network.edges, effects, strict=True)),
        variance={"a@0": 1.0, "b@0": 1.0, "a@1": 0.3, "b@1": 0.3, "y@2": 0.2},
    )


def test_effects_along_a_chain_multiply_as_matrices_not_cell_by_cell():
    # A published tool multiplies transition matrices element by element: .994 for .345.
    first, second = np.array([[0.9, 1.17], [0.0, 0.07]]), np.array([1.0, 1.0])
    base = chain()
    known = NetworkPosterior.from_parameters(
        base.network,
        intercept=dict.fromkeys(base.names, 0.0),
        coefficients=dict(zip(base.edges, [0.9, 1.17, 0.07, 1.0, 1.0], strict=True)),
        variance={"a@0": 1.0, "b@0": 1.0, "a@1": 0.0, "b@1": 0.0, "y@2": 0.0},
    )
    cell_by_cell = (second * np.diag(first)) ** 2
    assert_allclose(cell_by_cell[0] / cell_by_cell.sum(), 0.994, atol=5e-4)
    slope = second @ first
    told = criticality(known, "y@2").shares[0]
    assert_allclose(told, slope**2 / (slope @ slope), rtol=1e-12)
    assert_allclose(told[0], 0.345, atol=5e-4)


def test_own_scatter_along_all_paths_is_the_whole_variance():
    shares = criticality(chain(), "y@2", method="total_effect")
    assert_allclose(shares.explained, 1.0, rtol=1e-12)
    assert set(shares.inputs) == {"a@0", "b@0", "a@1", "b@1", "y@2"}


def test_dependent_states_never_get_a_negative_shapley_share():
    shapley = criticality(chain(), "y@2", inputs=["a@1", "b@1"])
    covariance = criticality(chain(), "y@2", inputs=["a@1", "b@1"], method="covariance")
    assert (shapley.shares >= 0.0).all()
    assert_allclose(shapley.explained, covariance.explained, rtol=1e-10)
    _, spread = chain().moments(["a@1", "b@1", "y@2"])
    inner, along, whole = spread[0, :2, :2], spread[0, :2, 2], spread[0, 2, 2]
    exact = along @ np.linalg.solve(inner, along) / whole
    assert_allclose(shapley.explained, exact, rtol=1e-10)


def test_shares_of_risk_add_up_to_what_the_inputs_tell_of_it():
    told = criticality(chain(), "y@2", inputs=["a@0", "b@0"], method="tail")
    _, spread = chain().moments("y@2")
    sd = np.sqrt(spread.squeeze())
    part = float(criticality(chain(), "y@2", inputs=["a@0", "b@0"]).explained[0])
    high = 1.0 / sd
    both = stats.multivariate_normal([0, 0], [[1, part], [part, 1]]).cdf([high, high])
    chance = stats.norm.cdf(high)
    exact = (both - chance**2) / (chance * (1.0 - chance))
    assert_allclose(told.explained, exact, rtol=1e-5)


def test_ranks_come_with_their_probability():
    rng = np.random.default_rng(8)
    base = chain()
    unsure = base.replace(
        intercept=np.repeat(base.intercept, 200, axis=0),
        variance=np.repeat(base.variance, 200, axis=0),
        effect=base.effect * rng.lognormal(0.0, 0.5, (200, 5)),
    )
    told = criticality(unsure, "y@2").summary()
    assert_allclose(told["probability_first"].sum(), 1.0)
    assert (told["eti_5"] <= told["mean"]).all()


def test_an_attribution_method_that_does_not_exist_is_named():
    with pytest.raises(ModelError, match="no attribution method 'sobol'"):
        criticality(chain(), "y@2", method="sobol")
    with pytest.raises(ModelError, match="inputs other than itself"):
        criticality(chain(), "a@0")

"""Priors from what an expert knows."""

import numpy as np
import pymc as pm
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from bayesbio.errors import CalibrationError
from bayesbio.inference import (
    between,
    describe,
    is_positive,
    prior_draws,
    prior_quantiles,
    register,
)


@pytest.mark.parametrize(
    ("low", "high", "probability"), [(0.02, 0.06, 0.9), (1e-6, 1e3, 0.5), (300.0, 310.0, 0.99)]
)
def test_a_positive_interval_gives_the_lognormal_with_exactly_these_quantiles(
    low, high, probability
):
    location, spread = (
        parameter.eval(mode="FAST_COMPILE")
        for parameter in between(low, high, probability).owner.inputs[-2:]
    )
    law = scipy.stats.lognorm(s=spread, scale=np.exp(location))
    assert_allclose(law.ppf([(1 - probability) / 2, (1 + probability) / 2]), [low, high], rtol=1e-9)
    assert_allclose(law.median(), np.sqrt(low * high), rtol=1e-12)


@pytest.mark.parametrize(("low", "high"), [(-5.0, 3.0), (-8.0, -2.0), (0.0, 1.0)])
def test_an_interval_that_reaches_zero_gives_the_normal_with_exactly_these_quantiles(low, high):
    location, spread = (
        parameter.eval(mode="FAST_COMPILE")
        for parameter in between(low, high, 0.8).owner.inputs[-2:]
    )
    assert_allclose(scipy.stats.norm(location, spread).ppf([0.1, 0.9]), [low, high], atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0.06, 0.02), "smaller one first"),
        ((0.02, np.inf), "two finite numbers"),
        ((0.02, 0.06, 90), "between 0 and 1"),
    ],
)
def test_an_impossible_interval_says_why(arguments, sentence):
    with pytest.raises(CalibrationError, match=sentence):
        between(*arguments)


def test_one_prior_serves_several_parameters_and_several_fits():
    prior = between(0.02, 0.06)
    for _ in range(2):
        with pm.Model(coords={"run": ["R1", "R2", "R3"]}) as model:
            register("growth", prior)
            register("death", prior)
            register("by_run", prior, dims="run")
        assert prior.name is None
        assert [variable.name for variable in model.free_RVs] == ["growth", "death", "by_run"]
        growth, death, by_run = pm.draw(model.free_RVs, 50, random_seed=1, mode="FAST_COMPILE")
        assert by_run.shape == (50, 3)
        assert np.abs(np.corrcoef([growth, death, *by_run.T]) - np.eye(5)).max() < 0.5
        assert model.named_vars_to_dims["by_run"] == ("run",)


def test_quantiles_are_exact_where_the_inverse_is_known_and_close_elsewhere():
    assert_allclose(
        prior_quantiles(pm.Gamma.dist(2.0, 4.0), [0.05, 0.5, 0.95]),
        scipy.stats.gamma(2.0, scale=0.25).ppf([0.05, 0.5, 0.95]),
        rtol=1e-6,
    )
    mixture = pm.Mixture.dist([0.5, 0.5], pm.Normal.dist([-1.0, 1.0], 0.1))
    assert_allclose(prior_quantiles(mixture, [0.25, 0.75]), [-1.0, 1.0], atol=0.01)


def test_draws_repeat_with_their_seed():
    prior = between(0.02, 0.06)
    first = prior_draws(prior, 5, random_seed=3)
    assert first.tolist() == prior_draws(prior, 5, random_seed=3).tolist()
    assert first.tolist() != prior_draws(prior, 5, random_seed=4).tolist()


@pytest.mark.parametrize(
    ("distribution", "positive"),
    [
        (pm.LogNormal.dist(0.0, 1.0), True),
        (pm.HalfNormal.dist(0.3), True),
        (pm.Gamma.dist(2.0, 1.0), True),
        (pm.Uniform.dist(0.0, 2.0), True),
        (pm.Truncated.dist(pm.Normal.dist(1.0, 0.5), lower=0.0), True),
        (pm.Normal.dist(1000.0, 1e-3), False),
        (pm.Uniform.dist(-1.0, 1.0), False),
        (pm.Flat.dist(), False),
        (pm.Uniform.dist(-60.0, -20.0), False),
        (pm.Uniform.dist(-0.9, -0.2), False),
        (pm.Triangular.dist(lower=-3.0, upper=-1.0, c=-2.0), False),
        (pm.Uniform.dist([-3.0, 1.0], [-2.0, 2.0]), False),
        (pm.Poisson.dist(3.0), True),
        (pm.Interpolated.dist(np.array([1.0, 2.0, 3.0]), np.array([0.1, 1.0, 0.1])), True),
        (pm.Interpolated.dist(np.array([-3.0, -2.0, -1.0]), np.array([0.1, 1.0, 0.1])), False),
        (pm.VonMises.dist(0.0, 1.0), False),
        (pm.Dirichlet.dist(np.ones(3)), True),
    ],
    ids=str,
)
def test_a_prior_knows_whether_it_is_positive(distribution, positive):
    assert is_positive(distribution) is positive


def test_texts_show_numbers():
    assert describe(pm.Gamma.dist(2.0, 4.0)) == "Gamma(2, 0.25)"
    assert describe(pm.HalfNormal.dist(0.3)) == "HalfNormal(0, 0.3)"


def test_what_is_no_prior_is_refused():
    with pytest.raises(CalibrationError, match="prior for growth is 0.3"), pm.Model():
        register("growth", 0.3)
    with pytest.raises(CalibrationError, match="cannot be drawn from"):
        prior_draws(pm.Flat.dist(), random_seed=1)

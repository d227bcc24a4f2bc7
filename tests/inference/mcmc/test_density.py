"""The log density compiled once."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import CalibrationError
from bayesbio.inference import LogDensity


@pytest.fixture(scope="module")
def density():
    with pm.Model(coords={"run": ["R1", "R2", "R3"]}) as model:
        offset = pm.Data("offset", np.array([1.0, 2.0, 4.0]), dims="run")
        rate = pm.LogNormal("rate", 0.0, 0.5)
        share = pm.Uniform("share", 0.0, 1.0)
        effect = pm.Normal("effect", 0.0, 1.0, dims="run")
        mean = pm.Deterministic("mean", rate * offset + share * effect, dims="run")
        pm.Normal("measured", mean, 0.3, observed=[1.2, 2.3, 3.9], dims="run")
    return LogDensity(model)


def test_value_and_gradient_agree_with_pymc(density):
    reference = density.model.logp_dlogp_function(ravel_inputs=True)
    reference.set_extra_values({})
    for point in density.prior_points(5, random_seed=1):
        value, gradient = density.value_and_gradient(point)
        expected_value, expected_gradient = reference(point)
        assert_allclose(value, expected_value, rtol=1e-12)
        assert_allclose(gradient, expected_gradient, rtol=1e-10)


def test_values_come_back_on_their_natural_scale(density):
    point = np.array([np.log(2.0), 0.0, 0.1, 0.2, 0.3])
    values = density.values(point)
    assert list(values) == ["rate", "share", "effect", "mean"]
    assert_allclose(values["rate"], 2.0)
    assert_allclose(values["share"], 0.5)
    assert_allclose(values["mean"], 2.0 * np.array([1, 2, 4]) + 0.5 * np.array([0.1, 0.2, 0.3]))
    assert density.slices == {"rate": slice(0, 1), "share": slice(1, 2), "effect": slice(2, 5)}


def test_terms_add_up_to_the_density(density):
    point = density.default_point()
    terms = density.terms(point)
    assert set(terms) == {"rate", "share", "effect", "measured"}
    assert terms["measured"].shape == (3,)
    assert_allclose(
        sum(term.sum() for term in terms.values()), density.value_and_gradient(point)[0]
    )


def test_prior_points_follow_the_prior(density):
    points = density.prior_points(2000, random_seed=2)
    assert_allclose(points[:, 0].mean(), 0.0, atol=0.05)
    assert_allclose(points[:, 0].std(), 0.5, rtol=0.05)


def test_a_density_that_cannot_be_computed_is_minus_infinity_and_no_crash():
    with pm.Model() as model:
        shift = pm.Normal("shift", 0.0, 1.0)
        pm.Normal("measured", pt.log(shift + 2.0), 0.1 + shift, observed=[0.5, 0.6])
    density = LogDensity(model)
    assert np.isfinite(density.value_and_gradient(np.array([0.5]))[0])
    # A standard deviation below zero raises, a logarithm below zero is not a number.
    for point in (-0.5, -3.0):
        value, gradient = density.value_and_gradient(np.array([point]))
        assert value == -np.inf
        assert np.isnan(gradient).all()


def test_a_model_without_continuous_unknowns_is_refused():
    with pm.Model() as discrete:
        pm.Poisson("colonies", 3.0)
    with pytest.raises(CalibrationError, match="colonies can only take whole numbers"):
        LogDensity(discrete)
    with pytest.raises(CalibrationError, match="nothing to estimate"):
        LogDensity(pm.Model())

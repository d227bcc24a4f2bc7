import numpy as np
import pytest
from numpy.polynomial import hermite_e, legendre
from numpy.testing import assert_allclose
from scipy import special, stats

from bayesbio.errors import ModelError
from bayesbio.surrogate.polynomial_chaos.orthonormal import (
    OrthonormalBasis,
    checked_family,
    from_normal,
    to_normal,
)

LAWS = {
    "uniform": stats.uniform(6.8, 0.4),
    "normal": stats.norm(310.0, 0.5),
    "lognormal": stats.lognorm(0.4, scale=2.0),
    "beta": stats.beta(2.0, 5.0, loc=1.0, scale=3.0),
    "gamma": stats.gamma(3.0, scale=2.0),
    "triangular": stats.triang(0.3, loc=-1.0, scale=4.0),
    "student": stats.t(5.0),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_polynomials_are_orthonormal_under_their_distribution(law):
    points = np.linspace(law.ppf(1e-13), law.isf(1e-13), 50_001)
    values = OrthonormalBasis.of(law).evaluate(points, degree=3)
    products = values[:, :, None] * values[:, None, :] * law.pdf(points)[:, None, None]
    assert_allclose(np.trapezoid(products, points, axis=0), np.eye(4), atol=1e-5)


def test_a_normal_input_has_hermite_and_a_uniform_one_legendre_polynomials():
    scores = np.linspace(-2.0, 2.0, 5)
    normal = OrthonormalBasis.of(stats.norm(310.0, 0.5)).evaluate(310.0 + 0.5 * scores, degree=4)
    hermite = hermite_e.hermevander(scores, 4) / np.sqrt(special.factorial(np.arange(5)))
    assert_allclose(normal, hermite, atol=1e-12)
    points = np.linspace(-1.0, 1.0, 5)
    uniform = OrthonormalBasis.of(stats.uniform(-1.0, 2.0)).evaluate(points, degree=4)
    expected = legendre.legvander(points, 4) * np.sqrt(2.0 * np.arange(5) + 1.0)
    assert_allclose(uniform, expected, atol=1e-12)


def test_normal_scores_are_exact_in_both_tails():
    law, scores = stats.lognorm(0.4, scale=2.0), np.array([-9.0, -1.0, 0.0, 9.0])
    values = from_normal(scores, law)
    assert_allclose(values, 2.0 * np.exp(0.4 * scores), rtol=1e-9)
    assert_allclose(to_normal(values, law), scores, atol=1e-9)


def test_a_distribution_that_cannot_be_used_is_refused():
    assert checked_family(stats.norm(0.0, 1.0), "a") == "norm"
    with pytest.raises(ModelError, match="frozen continuous SciPy"):
        checked_family(stats.poisson(3.0), "a")
    with pytest.raises(ModelError, match="no median"):
        checked_family(stats.norm(0.0, -1.0), "a")

import numpy as np
from numpy.polynomial import legendre
from numpy.testing import assert_allclose

from bayesbio.surrogate.polynomial_chaos.orthonormal import HIGHEST_DEGREE
from bayesbio.surrogate.polynomial_chaos.terms import (
    candidate_terms,
    most_plausible_terms,
    products_of,
)


def powers(n=60, inputs=2):
    points = np.random.default_rng(3).uniform(-1.0, 1.0, (n, inputs))
    weights = np.sqrt(2.0 * np.arange(HIGHEST_DEGREE + 1) + 1.0)
    return [legendre.legvander(column, HIGHEST_DEGREE) * weights for column in points.T]


def test_total_degree_has_the_binomial_number_of_terms_and_norms_below_one_have_fewer():
    assert len(candidate_terms(3, degree=5)) == 55
    assert len(candidate_terms(3, degree=5, norm=0.5)) < 55
    assert len({tuple(row) for row in candidate_terms(4, degree=4)}) == 69


def test_a_term_is_the_product_of_the_polynomials_of_its_inputs():
    first, second = powers()
    products = products_of([first, second], np.array([[2, 1], [0, 3]]))
    assert_allclose(products, np.column_stack([first[:, 2] * second[:, 1], second[:, 3]]))


def test_the_search_returns_the_terms_that_made_the_values():
    polynomials, made = powers(), np.array([[1, 0], [2, 1]])
    values = products_of(polynomials, made) @ [3.0, -0.5]
    evidence, (degree, _), terms = most_plausible_terms(polynomials, values - values.mean())
    assert sorted(terms.tolist()) == made.tolist() and degree == 3 and evidence > 100.0


def test_noise_has_no_terms():
    noise = np.sin(1e4 * np.arange(60.0) ** 2)
    assert most_plausible_terms(powers(), noise - noise.mean()) is None

import numpy as np
from numpy.testing import assert_allclose

from bayesbio.surrogate.polynomial_chaos.variance_shares import unexplained_sets, variance_shares


def test_interactions_count_in_totals_and_are_divided_among_shapley_effects():
    involved = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 1, 1]], bool)
    shares = variance_shares(np.array([[0.4, 0.3, 0.2, 0.1]]), involved)
    assert_allclose(shares["first_order"], [[0.4, 0.3, 0.0]])
    assert_allclose(shares["total"], [[0.7, 0.6, 0.1]])
    assert_allclose(shares["shapley"], [[0.4 + 0.1 + 0.1 / 3, 0.3 + 0.1 + 0.1 / 3, 0.1 / 3]])


def test_the_unexplained_belongs_to_inputs_and_pairs_half_and_half():
    sets, weights = unexplained_sets(np.array([0.9, 0.1, 0.0]), 0.99)
    assert sets.sum(axis=1).tolist() == [1, 1, 1, 2, 2, 2]
    assert_allclose([weights.sum(), weights[:3].sum()], [1.0, 0.5])
    assert weights[0] > weights[1] > weights[2]
    _, blind = unexplained_sets(np.array([0.9, 0.1, 0.0]), 0.0)
    assert_allclose(blind[:3], 1.0 / 6.0)


def test_one_input_causes_everything():
    sets, weights = unexplained_sets(np.array([1.0]), 0.5)
    assert sets.tolist() == [[True]] and weights.tolist() == [1.0]

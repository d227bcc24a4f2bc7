"""Sums along the edges of a graph against the matrix (I - B)^-1."""

import numpy as np
from numpy.testing import assert_allclose

from bayesbio.network import ProcessNetwork
from bayesbio.network.graph.index import GraphIndex


def test_forward_and_total_effects_are_those_of_the_inverse_matrix():
    network = ProcessNetwork(["c", "a", "b"], [("a", "b"), ("b", "c"), ("a", "c")])
    index = GraphIndex.of(network)
    effects = np.array([[0.5, -1.0], [2.0, 0.3], [0.7, 0.1]])  # (edges, draws)
    start = np.array([[1.0, 2.0], [0.5, -1.0], [0.0, 3.0]])
    for draw in range(2):
        matrix = np.zeros((3, 3))
        for (parent, child), effect in zip(network.edges, effects[:, draw], strict=True):
            matrix[network.order.index(child), network.order.index(parent)] = effect
        total = np.linalg.inv(np.eye(3) - matrix)
        assert_allclose(index.forward(effects, start)[:, draw], total @ start[:, draw])
        for target in range(3):
            assert_allclose(index.gradient(effects, target)[:, draw], total[target])

import networkx
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.network import NetworkPosterior, ProcessNetwork


def random_network(nodes, chance, seed):
    rng = np.random.default_rng(seed)
    names = [f"n{place}@{place}" for place in range(nodes)]
    edges = [
        (names[i], names[j])
        for j in range(nodes)
        for i in range(j)
        if rng.random() < chance or (j - i == 1 and rng.random() < 0.5)
    ]
    return ProcessNetwork(names, edges)


def random_posterior(network, seed):
    """Known parameters, in units from 1e-7 to 1e7."""
    rng = np.random.default_rng(seed)
    unit = {name: 10.0 ** rng.uniform(-7, 7) for name in network.order}
    return NetworkPosterior.from_parameters(
        network,
        intercept={name: rng.normal() * unit[name] for name in network.order},
        coefficients={(p, c): rng.normal(0.0, 0.6) * unit[c] / unit[p] for p, c in network.edges},
        variance={name: rng.uniform(0.2, 1.0) * unit[name] ** 2 for name in network.order},
    )


def test_pgmpy_and_we_agree_on_the_joint_distribution():
    posterior = random_posterior(random_network(12, 0.3, seed=1), seed=2)
    model = posterior.to_pgmpy()
    assert model.check_model()
    mean, covariance = model.to_joint_gaussian()
    order = list(networkx.topological_sort(model))
    ours = posterior.moments(order, standardised=True)
    assert_allclose(mean, ours[0][0], atol=1e-7)
    assert_allclose(covariance, ours[1][0], atol=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_pgmpy_and_we_agree_on_conditional_means(seed):
    rng = np.random.default_rng(seed)
    posterior = random_posterior(random_network(10, 0.4, seed=seed), seed=seed + 10)
    known = sorted(rng.choice(posterior.names, 4, replace=False).tolist())
    scores = pd.DataFrame(rng.normal(size=(5, 4)), columns=known)
    told = posterior.to_pgmpy().predict(scores)
    asked = list(told.columns)
    mean, covariance = posterior.moments([*asked, *known], standardised=True)
    first, size = covariance[0], len(asked)
    gain = np.linalg.solve(first[size:, size:], first[size:, :size]).T
    ours = mean[0, :size] + (scores.to_numpy() - mean[0, size:]) @ gain.T
    assert_allclose(told.to_numpy(), ours, atol=1e-7)

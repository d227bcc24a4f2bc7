import time
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pgmpy.base import DAG
from pgmpy.identification import Adjustment

from bayesbio.errors import ModelError
from bayesbio.network import NetworkPosterior, ProcessNetwork, adjustment_set, separated, to_graph


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


def test_separation_follows_chains_forks_and_colliders():
    network = ProcessNetwork(
        ["lot", "feed", "titer", "viability", "purity"],
        [
            ("lot", "feed"),
            ("lot", "titer"),
            ("feed", "purity"),
            ("titer", "purity"),
            ("purity", "viability"),
        ],
    )
    assert not separated(network, "feed", "titer")
    assert separated(network, "feed", "titer", given=["lot"])
    assert not separated(network, "feed", "titer", given=["lot", "purity"])
    assert not separated(network, "feed", "titer", given=["lot", "viability"])
    assert separated(network, "lot", "viability", given="purity")


@pytest.mark.parametrize("seed", range(3))
def test_separated_nodes_have_no_partial_correlation_and_others_do(seed):
    network = random_network(7, 0.25, seed=seed)
    posterior = random_posterior(network, seed=seed)
    names = list(network.order)
    for first, second in pairwise(names):
        for given in ([], [name for name in names if name not in (first, second)][:2]):
            covariance = posterior.moments([first, second, *given], standardised=True)[1][0]
            partial = covariance[0, 1]
            if given:
                partial -= covariance[0, 2:] @ np.linalg.solve(
                    covariance[2:, 2:], covariance[2:, 1]
                )
            assert (abs(partial) < 1e-12) == separated(network, first, second, given=given)


@pytest.mark.parametrize("seed", range(8))
def test_adjusting_for_the_set_gives_the_causal_effect_and_pgmpy_accepts_it(seed):
    network = random_network(8, 0.4, seed=seed)
    posterior = random_posterior(network, seed=seed)
    cause = next(name for name in network.order[2:] if network.descendants(name))
    effect = network.descendants(cause)[-1]
    chosen = adjustment_set(network, cause, effect)
    mean, covariance = posterior.moments([effect, cause, *chosen], standardised=True)
    slope = np.linalg.solve(covariance[0, 1:, 1:], covariance[0, 0, 1:])[0]
    total = posterior.total_effects(effect)[0, 0, posterior.index(cause)]
    assert_allclose(slope, total, atol=1e-10)
    graph = DAG(network.edges, roles={"exposures": cause, "outcomes": effect})
    assert Adjustment(variant="all").validate(graph.with_role("adjustment", set(chosen)))
    for left_out in chosen:  # nothing can be left out
        fewer = set(chosen) - {left_out}
        assert not Adjustment(variant="all").validate(graph.with_role("adjustment", fewer))


def test_a_mediator_is_never_adjusted_for():
    network = ProcessNetwork(
        ["lot", "feed", "biomass", "titer"],
        [("lot", "feed"), ("lot", "biomass"), ("feed", "biomass"), ("biomass", "titer")],
    )
    assert adjustment_set(network, "feed", "titer") == ("lot",)


def test_what_cannot_be_adjusted_for_is_said():
    network = ProcessNetwork(
        ["lot", "feed", "titer"], [("lot", "feed"), ("lot", "titer"), ("feed", "titer")]
    )
    with pytest.raises(ModelError, match="Not measured upstream of 'feed': lot"):
        adjustment_set(network, "feed", "titer", measured=["feed", "titer"])
    with pytest.raises(ModelError, match="'titer' is not upstream of 'feed'"):
        adjustment_set(network, "titer", "feed")
    with pytest.raises(ModelError, match="Did you mean 'titer'"):
        adjustment_set(network, "feed", "titre")
    with pytest.raises(ModelError, match="no question"):
        separated(network, "feed", "titer", given=["feed"])


def test_a_hundred_nodes_are_adjusted_for_within_seconds():
    network = random_network(100, 0.08, seed=5)
    effect = max(network.order, key=lambda name: len(network.ancestors(name)))
    upstream = network.ancestors(effect)
    cause = upstream[len(upstream) // 2]
    start = time.perf_counter()
    chosen = adjustment_set(network, cause, effect)
    assert time.perf_counter() - start < 5.0
    assert chosen and not set(chosen) & set(network.descendants(cause))
    posterior = random_posterior(network, seed=5)
    _, covariance = posterior.moments([effect, cause, *chosen], standardised=True)
    slope = np.linalg.solve(covariance[0, 1:, 1:], covariance[0, 0, 1:])[0]
    total = posterior.total_effects(effect)[0, 0, posterior.index(cause)]
    assert_allclose(slope, total, atol=1e-8)
    assert to_graph(network).number_of_nodes() == 100

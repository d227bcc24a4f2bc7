import time

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.data import Specification
from bayesbio.errors import ModelError
from bayesbio.network import NetworkPosterior, Node, ProcessNetwork, discretise

CHAIN = ProcessNetwork(
    [
        Node("feed", role="CPP"),
        Node("biomass@24", role="state"),
        Node("titer@48", role="CQA", specification=Specification("titer", lower=2.0, upper=4.0)),
    ],
    [("feed", "biomass@24"), ("biomass@24", "titer@48")],
)


def chain(noise=0.3):
    return NetworkPosterior.from_parameters(
        CHAIN,
        intercept={"feed": 5.0, "biomass@24": 2.0, "titer@48": -1.0},
        coefficients={("feed", "biomass@24"): 1.6, ("biomass@24", "titer@48"): 0.4},
        variance={"feed": 1.0, "biomass@24": noise**2, "titer@48": (0.4 * noise) ** 2},
    )


def test_marginals_are_those_of_the_continuous_network():
    discrete = chain().to_discrete(bins=4)
    for name in CHAIN.order:
        told = discrete.query(name)
        assert_allclose(told["probability"].sum(), 1.0, rtol=1e-12)
        assert_allclose(told["probability"], told["continuous"], atol=0.01)
        assert told.attrs["largest_difference"] < 0.01


def test_two_nodes_in_two_bins_have_the_orthant_probability():
    discrete = discretise(
        chain(), bins={"feed": [5.0], "biomass@24": [10.0]}, samples=400_000, random_seed=3
    )
    low = discrete.query("biomass@24", observations={"feed": 4.0})["probability"][0]
    correlation = 1.6 / np.hypot(1.6, 0.3)
    assert_allclose(low, 2.0 * (0.25 + np.arcsin(correlation) / (2.0 * np.pi)), atol=3e-3)


def test_a_diagnosis_by_elimination_is_the_sum_over_the_joint_table():
    discrete = discretise(chain(), bins=3)
    tables = {cpd.variable: cpd.values for cpd in discrete.model.get_cpds()}
    joint = np.einsum("a,ba,cb->abc", tables["feed"], tables["biomass@24"], tables["titer@48"])
    place = discrete.labels("titer@48").index(discrete.bin_of("titer@48", 3.9))
    by_hand = joint[:, :, place].sum(axis=1) / joint[:, :, place].sum()
    told = discrete.query("feed", observations={"titer@48": 3.9})
    assert_allclose(told["probability"], by_hand, rtol=1e-10)


def test_more_bins_bring_the_discrete_answer_to_the_continuous_one():
    def distance(discrete):
        told = [
            discrete.query("titer@48", observations={"feed": feed})
            for feed in np.linspace(3.5, 6.5, 13)
        ]
        gaps = [np.abs((row["probability"] - row["continuous"]).cumsum()).max() for row in told]
        return float(np.mean(gaps))

    coarse, middle, fine = (
        distance(discretise(chain(1.0), bins=bins, samples=100_000)) for bins in (2, 4, 16)
    )
    assert fine < 0.5 * middle and middle < 0.7 * coarse
    assert fine < 0.04


def test_the_continuous_column_is_the_conditional_normal():
    told = discretise(chain(), bins={"titer@48": [2.0, 4.0]}).query(
        "titer@48", observations={"feed": 6.0}
    )
    law = stats.norm(-1.0 + 0.4 * (2.0 + 1.6 * 6.0), 0.4 * 0.3 * np.sqrt(2.0))
    expected = [law.cdf(2.0), law.cdf(4.0) - law.cdf(2.0), law.sf(4.0)]
    assert_allclose(told["continuous"], expected, rtol=1e-9, atol=1e-12)


def test_limits_of_a_specification_are_cuts():
    discrete = discretise(chain(), bins=3)
    assert {2.0, 4.0} <= set(discrete.cuts["titer@48"].tolist())
    assert discrete.bin_of("titer@48", 1.0) == "below 2"


def test_log_nodes_are_cut_in_their_unit():
    network = ProcessNetwork(
        [Node("feed", role="CPP"), Node("titer", role="CQA", link="log")], [("feed", "titer")]
    )
    posterior = NetworkPosterior.from_parameters(
        network,
        intercept={"feed": 0.0, "titer": -12.0},
        coefficients={("feed", "titer"): 0.5},
        variance={"feed": 1.0, "titer": 0.1},
    )
    discrete = discretise(posterior, bins=2)
    assert_allclose(discrete.cuts["titer"], np.exp(-12.0), rtol=0.02)
    assert discrete.query("titer", observations={"feed": 3.0})["probability"][1] > 0.8


def dense(nodes, reach):
    names = [f"n{place:03d}" for place in range(nodes)]
    edges = [(names[i], names[j]) for j in range(nodes) for i in range(max(0, j - reach), j)]
    network = ProcessNetwork(names, edges)
    return NetworkPosterior.from_parameters(
        network,
        intercept=dict.fromkeys(names, 0.0),
        coefficients=dict.fromkeys(edges, 0.2),
        variance=dict.fromkeys(names, 1.0),
    )


def test_a_table_too_large_to_make_is_refused_at_once():
    start = time.perf_counter()
    with pytest.raises(ModelError, match=r"'n012' and its 12 parents would have 1.6e\+06 cells"):
        discretise(dense(21, 20), bins=3, samples=1000)
    assert time.perf_counter() - start < 2.0


def test_a_question_too_large_to_answer_is_refused_at_once():
    rng = np.random.default_rng(1)
    names = [f"a{k}" for k in range(40)] + [f"b{k}" for k in range(60)]
    edges = [(a, f"b{k}") for k in range(60) for a in rng.choice(names[:40], 4, replace=False)]
    posterior = NetworkPosterior.from_parameters(
        ProcessNetwork(names, edges),
        intercept=dict.fromkeys(names, 0.0),
        coefficients=dict.fromkeys(edges, 0.3),
        variance=dict.fromkeys(names, 1.0),
    )
    discrete = discretise(posterior, bins=3, samples=1000)
    start = time.perf_counter()
    with pytest.raises(ModelError, match="treewidth is too large"):
        discrete.query("a0", observations={f"b{k}": 0.5 for k in range(60)})
    assert time.perf_counter() - start < 5.0
    assert_allclose(discrete.query("b3")["probability"].sum(), 1.0, rtol=1e-12)


def test_what_cannot_be_cut_or_asked_is_said():
    posterior = chain()
    for bins, said in (
        (1, "2 or more"),
        ({"feed": []}, "at least one"),
        ({"feed": [3.0, 2.0]}, "do not rise"),
        ({"feeed": [3.0]}, "Did you mean 'feed'"),
    ):
        with pytest.raises(ModelError, match=said):
            discretise(posterior, bins=bins)
    with pytest.raises(ModelError, match="at least 1000"):
        discretise(posterior, samples=10)
    discrete = discretise(posterior, samples=1000)
    with pytest.raises(ModelError, match="asked for and given"):
        discrete.query("feed", observations={"feed": 5.0})
    with pytest.raises(ModelError, match="leave out what is not known"):
        discrete.query("feed", observations={"titer@48": np.nan})

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from bayesbio.network import (
    ProcessNetwork,
    edge_support,
    fit_network,
)

PAIR = ProcessNetwork(["feed", "titer"], [("feed", "titer")])


RNG = np.random.default_rng(7)


FEED = RNG.normal(5.0, 1.0, 30)


ROWS = pd.DataFrame({"feed": FEED, "titer": 1.0 + 0.4 * FEED + RNG.normal(0, 0.2, 30)})


def test_bayes_factors_speak_for_edges_that_exist():
    network = ProcessNetwork(["feed", "noise", "titer"], [("feed", "titer"), ("noise", "titer")])
    support = edge_support(network, ROWS.assign(noise=RNG.normal(size=30)))
    assert support.loc[("feed", "titer"), "log_bayes_factor"] > 5.0
    assert support.loc[("noise", "titer"), "log_bayes_factor"] < 0.0


def test_a_bayes_factor_is_the_ratio_of_two_fits():
    support = edge_support(PAIR, ROWS)["log_bayes_factor"].iloc[0]
    without = fit_network(PAIR.without_edges([("feed", "titer")]), ROWS).log_evidence["titer"]
    assert_allclose(support, fit_network(PAIR, ROWS).log_evidence["titer"] - without, rtol=1e-10)

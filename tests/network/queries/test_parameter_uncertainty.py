import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from bayesbio.data import Specification
from bayesbio.network import (
    Node,
    ProcessNetwork,
    fit_network,
)


def fitted():
    rng = np.random.default_rng(4)
    feed = rng.normal(size=14)
    growth = 0.5 * feed + rng.normal(0, 0.5, 14)
    rows = pd.DataFrame({"feed": feed, "growth": growth})
    rows["titer"] = growth + rng.normal(0, 0.2, 14)
    limit = Specification("titer", lower=-0.4)
    network = ProcessNetwork(
        ["feed", "growth", Node("titer", specification=limit)],
        [("feed", "growth"), ("growth", "titer")],
    )
    return fit_network(network, rows, random_seed=5)


def test_model_risk_names_the_node_that_matters():
    told = fitted().model_risk("titer", random_seed=1)
    assert_allclose(told["share"].sum(), 1.0, rtol=1e-9)
    assert told.index[0] == "growth"
    assert told.attrs["sd"] > 0.0
    risk = fitted().model_risk("titer", measure="probability", random_seed=1)
    assert_allclose(risk["share"].sum(), 1.0, rtol=1e-9)

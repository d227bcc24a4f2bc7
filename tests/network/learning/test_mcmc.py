import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Table, TableColumn
from bayesbio.inference.mcmc.sampling import sample
from bayesbio.network import (
    NodePrior,
    ProcessNetwork,
)
from bayesbio.network.learning.mcmc import build_network_model, predictive_parameters
from bayesbio.network.learning.standardising import node_priors, standardise

PAIR = ProcessNetwork(["feed", "titer"], [("feed", "titer")])


RNG = np.random.default_rng(7)


FEED = RNG.normal(5.0, 1.0, 30)


ROWS = pd.DataFrame({"feed": FEED, "titer": 1.0 + 0.4 * FEED + RNG.normal(0, 0.2, 30)})


def test_sites_and_odd_readings_are_sampled_in_one_model():
    rng = np.random.default_rng(11)
    site = np.repeat(np.arange(6), 10)
    feed = rng.normal(size=60)
    titer = 0.8 * feed + rng.normal(0, 0.8, 6)[site] + rng.normal(0, 0.2, 60)
    titer[3] += 6.0
    feed[[5, 20]] = np.nan
    low = titer < np.quantile(titer, 0.1)
    rows = pd.DataFrame({"site": site.astype(str), "feed": feed, "titer": titer})
    rows["titer"] = rows["titer"].clip(lower=titer[~low].min())
    columns = [
        TableColumn("site", "group", levels=tuple("012345")),
        *(TableColumn(name, "response") for name in ("feed", "titer")),
    ]
    table = Table(rows, columns, pd.DataFrame({"titer": np.where(low, "below", "")}))
    fitted = PAIR.fit(
        table, group="site", robust=True, draws=300, tune=300, chains=2, random_seed=2
    )
    row = fitted.effects().iloc[0]
    assert abs(row["mean"] - 0.8) < 0.15
    assert fitted.check()["divergences"].passed
    place = fitted.index("titer")
    between = fitted.sampled["posterior"]["group_sd"].to_numpy()[..., place] * fitted.spread[place]
    assert 0.3 < np.median(between) < 2.0


@pytest.mark.slow
def test_the_sampler_and_the_closed_form_agree_with_a_prior_and_with_gaps():
    prior = NodePrior(("feed",), np.array([1.5, 0.3]), np.array([[1, 5], [5, 26.0]]), 0.05, 4.0)
    network = PAIR.replace(priors={"titer": prior})
    for rows in (ROWS, ROWS.assign(titer=ROWS["titer"].mask(np.arange(30) < 6))):
        data = standardise(network, Table.of(rows))
        priors = node_priors(network, data)
        model = build_network_model(network, data, priors, group=None, robust=False)
        told = predictive_parameters(sample(model, draws=1500, tune=500, chains=4, random_seed=3))
        exact = network.fit(rows, draws=2000, random_seed=4)
        for name in ("intercept", "effect", "variance"):
            first, second = told[name], getattr(exact, name)
            assert_allclose(first.mean(0), second.mean(0), atol=0.06 * second.std(0).max())
            assert_allclose(first.std(0), second.std(0), rtol=0.08)

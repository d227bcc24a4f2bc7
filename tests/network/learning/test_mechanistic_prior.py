from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.data import Campaign, Run
from bayesbio.errors import ModelError
from bayesbio.network import (
    Node,
    ProcessNetwork,
    add_mechanistic_prior,
    check_linearity,
)


def calibration(power):
    """Stand in for a calibration: biomass doubles, titer follows it by a power."""
    rng = np.random.default_rng(6)
    names = [f"R{k}" for k in range(8)]
    start = rng.lognormal(0.0, 1.0, (2, 50, 8, 1))

    def predict(*, times, noise, random_seed):
        course = np.concatenate([start, 2.0 * start**power], axis=3)
        if noise:
            course = course * np.random.default_rng(random_seed).lognormal(0, 0.05, course.shape)
        return xr.Dataset(
            {"biomass": (("chain", "draw", "run", "time"), course)},
            coords={"time": times, "run": names},
        )

    campaign = Campaign([Run(name) for name in names])
    model = SimpleNamespace(State=SimpleNamespace(_fields=("biomass",)), inputs=())
    passed = SimpleNamespace(passed=True)
    return SimpleNamespace(model=model, campaign=campaign, predict=predict, check=lambda: passed)


def pair(link):
    names = ("biomass@0", "biomass@24")
    return ProcessNetwork([Node(name, link=link) for name in names], [names])


def test_trajectories_become_the_prior_of_a_node():
    network = add_mechanistic_prior(pair("log"), calibration(1.5), strength=6.0)
    prior = network.priors["biomass@24"]
    assert_allclose(prior.mean, [np.log(2.0), 1.5], atol=0.05)
    assert prior.variance < 0.02
    # Three runs were too few without it.
    rows = pd.DataFrame({"biomass@0": [0.5, 1.0, 2.0], "biomass@24": [0.7, 2.1, 5.5]})
    two = rows.iloc[:2]
    told = network.replace(priors=network.priors).fit(rows).effects()["mean"].iloc[0]
    assert abs(told - 1.5) < 0.15
    with pytest.raises(Exception, match="2 readings for 2 unknowns"):
        pair("log").fit(two)
    assert network.fit(rows).check().passed


def test_a_bent_law_is_straight_on_the_right_scale_only():
    assert check_linearity(pair("log"), calibration(3.0))["r_squared"].iloc[0] > 0.999
    bent = check_linearity(pair("identity"), calibration(3.0))
    assert bent["r_squared"].iloc[0] < 0.9
    assert "link" in bent["remedy"].iloc[0]
    with pytest.raises(ModelError, match="Remedies: give the node"):
        add_mechanistic_prior(pair("identity"), calibration(3.0), nodes=["biomass@24"])
    assert add_mechanistic_prior(pair("identity"), calibration(3.0)).priors == {}


def test_a_node_the_model_does_not_know_is_named():
    network = ProcessNetwork(["biomass@0", "titer@24"], [("biomass@0", "titer@24")])
    with pytest.raises(ModelError, match="lacks titer@24"):
        add_mechanistic_prior(network, calibration(1.0), nodes=["titer@24"])

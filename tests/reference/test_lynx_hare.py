"""The posterior of the lynx-hare cycle against its published reference.

Reference: posteriordb, posterior hudson_lynx_hare-lotka_volterra (Stan, lognormal errors).
Counts: Hewitt (1921), as shipped in data/hudson_lynx_hare.csv with its card.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pymc as pm
import pytest

from bayesbio.calibrate import fit
from bayesbio.data import read_campaign
from bayesbio.inference import lognormal

COUNTS = Path(__file__).parents[2] / "data" / "hudson_lynx_hare.csv"

MEANS_AND_DEVIATIONS = {
    "hare_growth": (0.5469, 0.0631),
    "predation": (0.02775, 0.00415),
    "lynx_decline": (0.8001, 0.0894),
    "lynx_growth": (0.02409, 0.00353),
    "initial_hare": (34.04, 2.92),
    "initial_lynx": (5.936, 0.531),
    "noise_hare": (0.2481, 0.0433),
    "noise_lynx": (0.2510, 0.0436),
}


class LotkaVolterra:
    """Prey that grow, predators that live on them, as a user would write it."""

    class State(NamedTuple):
        hare: float
        lynx: float

    class Parameters(NamedTuple):
        hare_growth: float
        predation: float
        lynx_decline: float
        lynx_growth: float

    units = dict.fromkeys((*State._fields, *Parameters._fields), "1")
    inputs = ()
    settings = ()
    defaults = {}

    def rates(self, time, state, parameters, inputs, settings):
        return {"encounters": state.hare * state.lynx}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        hare, lynx, eaten = state.hare, state.lynx, rates["encounters"]
        return self.State(
            hare=parameters.hare_growth * hare - parameters.predation * eaten,
            lynx=parameters.lynx_growth * eaten - parameters.lynx_decline * lynx,
        )


@pytest.fixture(scope="module")
def posterior():
    columns = {"hare_thousands": "hare", "lynx_thousands": "lynx"}
    campaign = read_campaign(COUNTS, time="t", columns=columns, model=LotkaVolterra())
    rate = pm.TruncatedNormal.dist(1.0, 0.5, lower=0.0)
    per_encounter = pm.TruncatedNormal.dist(0.05, 0.05, lower=0.0)
    initial = pm.LogNormal.dist(np.log(10.0), 1.0)
    calibration = fit(
        campaign,
        LotkaVolterra(),
        priors={
            "hare_growth": rate,
            "predation": per_encounter,
            "lynx_decline": rate,
            "lynx_growth": per_encounter,
            "initial_hare": initial,
            "initial_lynx": initial,
        },
        noise=lognormal(pm.LogNormal.dist(-1.0, 1.0)),
        random_seed=1,
    )
    return calibration.posterior["posterior"]


@pytest.mark.parametrize("name", MEANS_AND_DEVIATIONS)
def test_the_posterior_agrees_with_the_published_one(posterior, name):
    mean, deviation = MEANS_AND_DEVIATIONS[name]
    draws = posterior[name].values
    assert abs(draws.mean() - mean) < 0.1 * deviation
    assert 0.9 < draws.std() / deviation < 1.1

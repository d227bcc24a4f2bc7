"""Levels, covariates and priors as they are asked for, or refused in words."""

from __future__ import annotations

import pandas as pd
import pytest

from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest
from bayesbio.data import Campaign, Run
from bayesbio.errors import BayesbioError
from bayesbio.inference import between
from bayesbio.mechanistic import BatchCulture

GROWTH, YIELD = "maximum_growth_rate", "cell_yield"


@pytest.fixture(scope="module")
def campaign():
    """Two clones at two sites, four runs."""
    frame = pd.DataFrame({"time_h": [0.0, 4.0, 8.0], "quantity": "biomass", "value": [0.3, 0.9, 2]})
    rows = zip("AABB", "XYXY", (303.0, 305.0, 306.0, 310.0), strict=True)
    return Campaign(
        [
            Run(f"R{i}", frame, dict(clone=c, site=s, temperature=t, initial_substrate=20.0))
            for i, (c, s, t) in enumerate(rows)
        ]
    )


def test_parameters_that_stand_together_are_correlated(campaign):
    found = formulate(
        FitRequest(campaign, BatchCulture(), vary={(GROWTH, YIELD): "run", GROWTH: "clone"})
    )
    assert found.correlated_blocks == {"run": ((GROWTH, YIELD),)}
    levels = {unknown.name: unknown.levels for unknown in found.unknowns}
    assert levels[GROWTH] == ("clone", "run") and levels[YIELD] == ("run",)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"covariates": {GROWTH: "temprature"}},
            "Did you mean 'temperature'",
        ),
        ({"covariates": {"growth": "clone"}}, "covariates for 'growth'"),
        (
            {"covariates": {GROWTH: "clone"}, "vary": {GROWTH: "clone"}},
            "cannot vary by clone beside",
        ),
        ({"covariates": {GROWTH: "initial_substrate"}}, "initial_substrate is 20.0 in all 4 runs"),
        ({"covariates": {"initial_substrate": "clone"}}, "is given by the runs"),
        ({"covariates": {GROWTH: "clone"}, "priors": {GROWTH: 0.3}}, "priors fixes maximum_growth"),
        ({"vary": {(GROWTH, YIELD): "run", GROWTH: "run"}}, "by run twice"),
        ({"vary": {GROWTH: "clone:cask"}}, "has no 'cask'"),
        ({"vary": {3: "run"}}, "was not understood"),
        ({"vary": {GROWTH: "run"}, "priors": {f"{GROWTH}_sd_run": 0.2}}, "PyMC distribution"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(campaign, options, sentence):
    with pytest.raises(BayesbioError, match=sentence):
        formulate(FitRequest(campaign, BatchCulture(), **options))


def test_spreads_and_slopes_take_priors_of_their_own(campaign):
    prior = between(0.05, 0.5)
    found = formulate(
        FitRequest(
            campaign, BatchCulture(), vary={GROWTH: "run"}, priors={f"{GROWTH}_sd_run": prior}
        )
    )
    assert found.hyperpriors == {f"{GROWTH}_sd_run": prior}

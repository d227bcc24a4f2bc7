"""Runs that the calibration has not seen."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.calibrate import held_out_scores
from bayesbio.calibrate.predicting.run_parameters import run_parameters
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.data import Campaign, Run
from bayesbio.errors import ModelError
from bayesbio.inference import folds, lognormal, pool_scores
from bayesbio.mechanistic import BatchReactor


@pytest.fixture(scope="module")
def draws():
    rng = np.random.default_rng(3)
    return xr.Dataset(
        {
            "initial_biomass": (("chain", "draw", "run"), rng.uniform(size=(2, 4000, 1))),
            "noise_biomass": (("chain", "draw"), np.full((2, 4000), 0.1)),
        },
        {"run": ["R1"]},
    )


def start(draws, readings, flag=""):
    frame = pd.DataFrame({"time_h": 0.0, "quantity": "biomass", "value": readings})
    run = Run("next", frame.assign(replicate=range(len(readings)), flag=flag))
    noise = {"biomass": lognormal()}
    rng = np.random.default_rng(1)
    campaign = Campaign([Run("R1")])
    names = ["initial_biomass"]
    made = run_parameters(
        names, draws, [run], campaign=campaign, structure=ParameterStructure(), rng=rng, noise=noise
    )
    return made["initial_biomass"]


def test_a_new_run_starts_from_its_first_reading_give_or_take_the_noise(draws):
    found = np.log(start(draws, [0.5]))
    assert_allclose([found.mean(), found.std()], [np.log(0.5), 0.1], atol=0.005)


def test_replicates_of_the_first_reading_narrow_the_start(draws):
    found = start(draws, [0.4, 0.5, 0.5, 0.6])
    assert_allclose([found.mean(), found.std()], [0.5, 0.025], atol=0.002)


def test_without_a_quantified_first_reading_a_new_run_has_to_state_its_start(draws):
    with pytest.raises(ModelError, match="or a reading of biomass at 0 h"):
        start(draws, [0.5], flag="below")


def test_held_out_runs_are_scored_like_the_baselines(campaign):
    table = held_out_scores(
        campaign,
        BatchReactor(isothermal=True),
        folds(campaign)[:1],
        vary={"rate_constant_1": "run"},
        noise="normal",
        draws=150,
        tune=200,
        chains=2,
        random_seed=1,
    )
    assert set(table["run"]) == {"R1"}
    assert set(table["model"]) == {"BatchReactor"}
    assert table.attrs["r_hat"] < 1.1
    pooled = pool_scores(table)
    assert pooled.loc[("concentration_a", "BatchReactor"), "rmse"] < 0.1

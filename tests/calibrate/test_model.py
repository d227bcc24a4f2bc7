"""The statistical model, plain: names, priors of spreads and slopes, likelihood."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.calibrate import build_model
from bayesbio.data import Campaign, Run
from bayesbio.mechanistic import BatchReactor

MODEL = BatchReactor(isothermal=True)
TIMES = np.array([1.0, 4.0])


@pytest.fixture(scope="module")
def campaign():
    rows = pd.DataFrame({"time_h": TIMES, "quantity": "concentration_a", "value": [0.6, 0.15]})
    start = {"initial_concentration_a": 1.0}
    runs = [Run(f"R{i}", rows, {**start, "temperature_shift": float(i)}) for i in range(3)]
    return Campaign(runs)


def test_the_likelihood_is_normal_around_the_solution(campaign):
    """A -> B of first order: a exp(-k t), every run with its own effect."""
    made = build_model(
        campaign, MODEL, vary={"rate_constant_1": "run"}, noise="normal",
        priors={"rate_constant_2": 0.05},
    )  # fmt: skip
    effect = np.array([-1.0, 0.0, 2.0])
    values = {
        "rate_constant_1": 0.5, "rate_constant_1_sd_run": 0.1,
        "rate_constant_1_effect_run": effect, "noise_concentration_a": 0.02,
    }  # fmt: skip
    assert {variable.name for variable in made.free_RVs} == set(values)
    known = pm.do(made, values)
    found = float(known.compile_logp(vars=known.observed_RVs, mode="FAST_COMPILE")({}))
    rate = 0.5 * np.exp(0.1 * effect)[:, None]
    expected = stats.norm(np.exp(-rate * TIMES), 0.02).logpdf([0.6, 0.15]).sum()
    assert_allclose(found, expected, rtol=1e-4)


def test_slopes_of_covariates_have_a_prior_of_half_a_logarithm_for_one_sd_of_the_term(campaign):
    made = build_model(campaign, MODEL, covariates={"rate_constant_1": "temperature_shift"})
    slope = made["rate_constant_1_slope"]
    drawn = pm.draw(slope, 4000, random_seed=1, mode="FAST_COMPILE")
    expected = 0.5 / np.std([0.0, 1.0, 2.0], ddof=1)
    ddof_0 = 0.5 / np.std([0.0, 1.0, 2.0])
    assert min(abs(drawn.std() / each - 1.0) for each in (expected, ddof_0)) < 0.06
    assert list(made.coords["rate_constant_1_term"]) == ["temperature_shift"]

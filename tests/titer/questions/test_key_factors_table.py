"""Key factors, interactions and confounding."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.titer import (
    Linear,
    TiterModel,
    key_factors,
)
from tests.titer.validation.replicated_media import posterior_of


def test_key_factors_are_those_that_act_and_the_pure_pair_is_among_them(screened_out, truth):
    told = screened_out.key_factors("10 %")
    assert set(truth.active) <= set(told.index[told["key"]])
    assert told["influence"].is_monotonic_decreasing
    pair = list(truth.pure_interaction)
    assert (told.loc[pair, "influence"] > 3.0 * told.loc[pair, "effect"].abs()).all()
    assert told.attrs["unit"] == "g/L" and told.attrs["size"] > 0.0
    assert_allclose(told["probability_first"].sum(), 1.0)
    assert_allclose([sum(p) for p in told.attrs["rank_probability"].values()], 1.0)


@pytest.mark.slow
def test_with_150_cultures_the_key_factors_are_exactly_those_that_act(truth):
    table = truth.table(150, random_seed=21)
    found = TiterModel("titer", transform="log").fit(table, random_seed=5)
    assert found.check().passed, str(found.check())
    told = found.key_factors("10 %")
    assert set(told.index[told["key"]]) == set(truth.active)


def test_the_pure_interaction_leads_the_pairs(screened_out, truth):
    told = screened_out.interactions("10 %")
    first = set(told.index[0]), set(told.index[1])
    assert set(truth.pure_interaction) in first
    assert told["probability_matters"].iloc[0] > 0.9


def test_effects_are_measured_in_the_unit_of_the_titer(fitted):
    told = fitted.key_factors()
    curve = fitted.partial_effect("feed", points=201)
    low, high = told.loc["feed", ["low", "high"]].to_numpy(float)
    along = np.interp([low, high], curve["feed"], curve["eti_50"])
    assert_allclose(told.loc["feed", "effect"], along[1] - along[0], rtol=0.02)
    assert np.isnan(told.loc["clone", "effect"]) and told.loc["clone", "influence"] > 0.3
    assert told.loc["feed", "probability_positive"] > 0.99


def test_factors_that_cannot_be_distinguished_are_named():
    rng = np.random.default_rng(1)
    a = rng.normal(size=60)
    frame = pd.DataFrame({"a": a, "b": a + 0.01 * rng.normal(size=60), "c": rng.normal(size=60)})
    frame["titer"] = 5.0 + a + 0.2 * rng.normal(size=60)
    terms = [Linear(name) for name in "abc"]
    problem = TiterModel(transform="identity", terms=terms).formulate(frame)
    share = rng.uniform(size=200)  # the data fix the sum of the two effects alone
    effects = np.column_stack([share, 1.0 - share, 0.01 * rng.normal(size=200)])
    posterior = posterior_of(problem, 200, effect_score=effects)
    table = posterior.confounding()
    assert table[["factor", "other"]].to_numpy().tolist() == [["a", "b"]]
    assert table["probability_either"].iloc[0] > 0.95
    assert table["sentence"].iloc[0] in key_factors(posterior).attrs["warnings"]


def test_the_size_that_matters_may_be_a_share_of_the_median_titer(fitted):
    median = np.median(fitted.table["titer"])
    assert_allclose(key_factors(fitted, "10 %").attrs["size"], 0.1 * median)
    assert_allclose(key_factors(fitted).attrs["size"], 0.2 * np.std(fitted.table["titer"]))

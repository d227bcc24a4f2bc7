"""What is put into a regression is found again."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import DataError
from bayesbio.titer import (
    R2D2,
    Horseshoe,
    Hurdle,
    Linear,
    Monotone,
    Ordered,
    Saturating,
    StudentT,
    TiterModel,
)


@pytest.mark.slow
def test_saturation_levels_and_order_are_found_through_outliers():
    rng = np.random.default_rng(6)
    glucose = rng.uniform(0.2, 10.0, 150)
    dose = rng.choice(["low", "middle", "high"], 150)
    step = np.select([dose == "middle", dose == "high"], [0.6, 0.7], 0.0)
    y = 2.0 + 3.0 * glucose / (1.0 + glucose) + step + 0.1 * rng.normal(size=150)
    y[:6] += 3.0
    frame = pd.DataFrame(
        {
            "glucose": glucose,
            "dose": pd.Categorical(dose, ["low", "middle", "high"], ordered=True),
            "titer": y,
        }
    )
    model = TiterModel(
        "titer",
        transform="identity",
        terms=[Saturating("glucose"), Ordered("dose")],
        likelihood=StudentT(),
    )
    found = model.fit(frame, draws=500, tune=500, random_seed=6)
    assert found.check().passed, str(found.check())
    low, high = np.quantile(found.flat["half_saturation_glucose"], [0.025, 0.975])
    assert low < 1.0 < high
    steps = found.flat["steps_dose"].mean(axis=0)
    assert_allclose(steps, [6 / 7, 1 / 7], atol=0.1)
    assert found.flat["noise"].mean() < 0.15
    with pytest.raises(DataError, match="only the levels that were fitted: low, middle, high"):
        found.predict({"glucose": 1.0, "dose": "huge"})


@pytest.mark.slow
def test_a_hurdle_tells_zeros_from_small_titers():
    rng = np.random.default_rng(7)
    x, z = rng.normal(size=(2, 200))
    makes = rng.uniform(size=200) < 1.0 / (1.0 + np.exp(-2.0 * x))
    titer = np.where(makes, np.exp(1.0 + 0.4 * z + 0.1 * rng.normal(size=200)), 0.0)
    frame = pd.DataFrame({"x": x, "z": z, "titer": titer})
    terms = [Linear("x"), Linear("z")]
    found = TiterModel("titer", transform="log", terms=terms, likelihood=Hurdle()).fit(
        frame, draws=500, tune=500, random_seed=7
    )
    assert found.check().passed, str(found.check())
    told = found.summary()
    assert told.loc["production_effect[x]", "eti_5"] > 1.0
    assert abs(told.loc["production_effect[z]", "eti_50"]) < 0.4
    assert_allclose(told.loc["effect[z]", "eti_50"], 0.4, atol=0.04)
    drawn = found.predict({"x": 0.0, "z": 0.0})["titer"].to_numpy()
    assert 0.4 < (drawn == 0.0).mean() < 0.6
    parts = found.explain({"x": 1.0, "z": 1.0})
    assert_allclose(parts["mean"].iloc[:-1].sum(), parts["mean"].iloc[-1], rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior", [Horseshoe(heredity="strong"), Horseshoe(heredity="weak"), R2D2()]
)
def test_every_prior_finds_the_factors_that_act(truth, prior):
    table = truth.table(100, random_seed=2)
    found = TiterModel("titer", transform="log", prior=prior).fit(
        table, draws=500, tune=700, random_seed=2
    )
    keys = found.key_factors("10 %")
    alone = set(truth.active) - set(truth.pure_interaction)
    assert alone <= set(keys.index[keys["key"]])


@pytest.mark.slow
def test_a_monotone_term_never_turns_back():
    rng = np.random.default_rng(8)
    dose = rng.uniform(0.0, 10.0, 80)
    y = 1.0 + 2.0 * (dose > 5.0) + 0.2 * rng.normal(size=80)
    frame = pd.DataFrame({"dose": dose, "titer": y})
    found = TiterModel("titer", transform="identity", terms=[Monotone("dose", pieces=5)]).fit(
        frame, draws=500, tune=500, random_seed=8
    )
    curve = found.partial_effect("dose", points=21)["eti_50"].to_numpy()
    assert (np.diff(curve) >= -1e-9).all()
    assert_allclose(curve[[0, -1]], [1.0, 3.0], atol=0.25)

"""Missing cells and errors in variables."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.titer import (
    Linear,
    TiterModel,
)
from bayesbio.titer.factors.missing_factors import FactorDistribution


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_errors_in_variables_undo_the_flattening_of_a_slope(seed):
    rng = np.random.default_rng(seed)
    true = rng.normal(size=120)
    y = 5.0 + 1.0 * true + 0.2 * rng.normal(size=120)
    read = true + 0.6 * rng.normal(size=120)
    frame = pd.DataFrame({"od": read, "titer": y})
    terms = [Linear("od")]
    plain = TiterModel("titer", transform="identity", terms=terms)
    aware = TiterModel("titer", transform="identity", terms=terms, factor_error={"od": 0.6})
    slope = {}
    for name, model in (("plain", plain), ("aware", aware)):
        found = model.fit(frame, draws=1000, tune=500, random_seed=seed)
        assert found.check().passed, str(found.check())
        slope[name] = found.flat["effect"][:, 0] / found.design.coding["od"].spread
    assert np.quantile(slope["plain"], 0.95) < 0.95
    low, high = np.quantile(slope["aware"], [0.025, 0.975])
    assert low < 1.0 < high


@pytest.mark.slow
def test_missing_cells_are_modelled_and_cost_little():
    rng = np.random.default_rng(4)
    a = rng.normal(size=80)
    b = 0.8 * a + 0.6 * rng.normal(size=80)
    frame = pd.DataFrame({"a": a, "b": b, "titer": 5.0 + a - 0.5 * b + 0.1 * rng.normal(size=80)})
    frame.loc[rng.choice(80, 20, replace=False), "b"] = np.nan
    model = TiterModel("titer", transform="identity", terms=[Linear("a"), Linear("b")])
    found = model.fit(frame, draws=500, tune=500, random_seed=4)
    assert found.check().passed, str(found.check())
    assert "missing in 20 of 80 rows" in " ".join(found.warnings)
    slope = found.flat["effect"][:, 1] / found.design.coding["b"].spread
    low, high = np.quantile(slope, [0.025, 0.975])
    assert low < -0.5 < high and high - low < 0.2


FACTORS = FactorDistribution(
    ("a", "b"), np.zeros(2), np.array([[1.0, 0.8], [0.8, 1.0]]), np.zeros(2)
)


def test_a_missing_cell_is_normal_given_the_others_of_its_row():
    mean, root = FACTORS.conditional(np.array([1.0, np.nan]))
    assert_allclose([mean[0], root[0, 0]], [0.8, 0.6])
    cells = {"a": np.array([1.0, 0.0]), "b": np.array([np.nan, 0.5])}
    drawn = FACTORS.completed(cells, 40000, np.random.default_rng(1))
    assert drawn["a"].shape == (2,) and (drawn["b"][:, 1] == 0.5).all()
    assert_allclose([drawn["b"][:, 0].mean(), drawn["b"][:, 0].std()], [0.8, 0.6], atol=0.02)


def test_a_factor_read_with_an_error_is_shrunk_towards_the_mean():
    read = dataclasses.replace(FACTORS, covariance=np.eye(2), error=np.array([1.0, 0.0]))
    mean, root = read.conditional(np.array([2.0, 0.0]))
    assert_allclose([mean[0], root[0, 0]], [1.0, np.sqrt(0.5)], rtol=1e-6)

"""Contributions that add up to the prediction."""

import numpy as np
from numpy.testing import assert_allclose


def test_contributions_add_up_to_the_prediction(fitted):
    row = {"ph": 6.7, "feed": 4.5, "clone": "B", "site": "south"}
    parts = fitted.explain(row)
    assert list(parts.index[[0, -1]]) == ["average culture", "prediction"]
    assert {"ph", "feed", "clone", "ph x feed", "site"} < set(parts.index)
    assert_allclose(parts["mean"].iloc[:-1].sum(), parts["mean"].iloc[-1], rtol=1e-9)
    predicted = fitted.predict(row, noise=False)["titer"]
    assert_allclose(parts["mean"].iloc[-1], float(predicted.mean()), rtol=1e-9)
    assert parts.loc["clone", "eti_5"] > 0.0 > parts.loc["ph", "eti_95"]


def test_contributions_add_up_where_a_level_and_a_cell_are_unknown(fitted):
    parts = fitted.explain({"ph": np.nan, "feed": 4.5, "clone": "Q", "site": "moon"})
    assert_allclose(parts["mean"].iloc[:-1].sum(), parts["mean"].iloc[-1], rtol=1e-9)


def test_on_the_log_scale_a_contribution_is_the_logarithmic_mean_times_the_effect(fitted):
    row = {"ph": 7.0, "feed": 5.0, "clone": "A", "site": "west"}
    parts = fitted.explain(row)
    code = fitted.design.coding["feed"]
    effect = fitted.flat["effect"][:, fitted.design.labels.index("feed")]
    start = fitted.flat["intercept"]
    at = np.log(fitted.predict(row, noise=False)["titer"].to_numpy().ravel())
    between = (np.exp(at) - np.exp(start)) / (at - start)
    expected = between * effect * (5.0 - code.centre) / code.spread
    assert_allclose(parts.loc["feed", "mean"], expected.mean(), rtol=1e-4)

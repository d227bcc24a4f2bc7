"""Baselines for scale-up: closed forms, and errors where few scales are known."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.scaleup.validation.scale_baselines import (
    SCALE_BASELINES,
    mean_curve,
    nearest_scale,
    power_law,
)

TIMES = np.arange(1.0, 9.0)


def readings(log10_volume, *, runs=2, scatter=0.05, seed=1):
    rng = np.random.default_rng([seed, int(10 * log10_volume)])
    tables = [
        pd.DataFrame(
            {
                "run": f"{log10_volume} {number}",
                "time_h": TIMES,
                "log10_volume": log10_volume,
                "value": 5.0 * TIMES * 10.0 ** (-0.02 * log10_volume)
                * np.exp(scatter * rng.standard_normal(8)),
            }
        )
        for number in range(runs)
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def test_a_power_law_of_two_scales_has_errors():
    """A line through two points leaves no residuals; the intervals must not be empty."""
    train = pd.concat([readings(0.0), readings(2.0)])
    test = readings(4.0, runs=1)
    drawn = power_law(train, test, 1)
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
    assert np.mean((test["value"] >= low) & (test["value"] <= high)) > 0.5
    assert (drawn.std(axis=0) / test["value"] > 0.01).all()


def test_a_power_law_goes_on_exactly():
    train = pd.concat([readings(x, scatter=0.0) for x in (0.0, 1.0, 2.0)])
    test = readings(4.0, runs=1, scatter=0.0)
    assert_allclose(np.median(power_law(train, test, 1), axis=0), test["value"], rtol=1e-6)


def test_the_nearest_scale_is_the_nearest():
    train = pd.concat([readings(0.0, scatter=0.0), readings(3.0, scatter=0.0)])
    test = readings(4.0, runs=1)
    drawn = nearest_scale(train, test, 1)
    nearest = mean_curve(train[train["log10_volume"] == 3.0], test["time_h"])
    assert_allclose(drawn.mean(axis=0) - nearest, 0.0, atol=0.2 * np.abs(nearest).max())


@pytest.mark.parametrize("name", SCALE_BASELINES)
def test_every_baseline_predicts_a_scale_from_two_others(name):
    train = pd.concat([readings(0.0), readings(2.0)])
    drawn = SCALE_BASELINES[name](train, readings(3.0, runs=1), 1)
    assert drawn.shape[1] == len(TIMES) and len(drawn) >= 1000
    assert np.isfinite(drawn).all() and (drawn.std(axis=0) > 0.0).all()

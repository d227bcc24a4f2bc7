"""Late turns of the data that predictions do not follow."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from bayesbio.calibrate.checks.missing_rates import missing_rates
from bayesbio.mechanistic import MammalianFedBatch

TIMES, RUNS = np.arange(15.0) * 24.0, 6
SHAPES = {
    "rising": TIMES / 336.0,
    "falling late": np.minimum(TIMES, 168.0) / 168.0 - np.maximum(TIMES - 168.0, 0.0) / 250.0,
    "level": np.full(15, 0.6),
}


def tree(data, model, *, noise=0.05, quantity="lactate"):
    """Readings of one shape beside predictions of another, with a swollen noise term."""
    rng = np.random.default_rng(1)
    row, time = f"{quantity}_row", np.tile(TIMES, RUNS)
    observed = np.tile(SHAPES[data], RUNS) + noise * rng.standard_normal(time.size)
    draws = np.tile(SHAPES[model], RUNS) + 0.3 * rng.standard_normal((1, 400, time.size))
    coords = {
        f"{quantity}_time": (row, time),
        f"{quantity}_run": (row, np.repeat([f"R{i}" for i in range(RUNS)], 15)),
    }
    return xr.DataTree.from_dict(
        {
            "posterior_predictive": xr.Dataset({quantity: (("chain", "draw", row), draws)}, coords),
            "observed_data": xr.Dataset({quantity: (row, observed)}, coords),
        }
    )


def test_lactate_that_falls_is_named_with_the_option_that_makes_it_fall():
    item = missing_rates(tree("falling late", "rising"), MammalianFedBatch())
    assert item.question == "model" and not item.passed and not item.advisory
    assert "Lactate falls late in 6 of 6 runs" in item.sentence
    assert "try lactate_uptake=True" in item.sentence and "lactate_uptake=True" in item.remedy


def test_what_no_option_supplies_is_named_all_the_same():
    item = missing_rates(tree("falling late", "rising"), SimpleNamespace())
    assert "does not make it fall." in item.sentence and "correction" in item.remedy


@pytest.mark.parametrize("shape", SHAPES)
def test_predictions_that_follow_are_not_named(shape):
    assert missing_rates(tree(shape, shape), MammalianFedBatch()) is None


def test_readings_that_only_scatter_are_no_turn():
    assert missing_rates(tree("level", "level", noise=0.1), MammalianFedBatch()) is None

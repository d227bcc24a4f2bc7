"""Priors and data: what leaves its prior is named, with the slip of unit that would explain it."""

import numpy as np
import pytest
import xarray as xr

from bayesbio.inference.diagnostics.prior_checks import outside_prior


def tree(median, unit="1/h", name="rate", observed=()):
    """A prior around 0.03 and a posterior around a median."""
    rng = np.random.default_rng(1)
    prior = 0.03 * np.exp(0.5 * rng.standard_normal((1, 2000)))
    posterior = median * np.exp(0.05 * rng.standard_normal((4, 500)))
    groups = {
        "posterior": xr.Dataset({name: (("chain", "draw"), posterior, {"units": unit})}),
        "prior": xr.Dataset({name: (("chain", "draw"), prior)}),
        "observed_data": xr.Dataset({each: ("row", [1.0]) for each in observed}),
    }
    return xr.DataTree.from_dict(groups)


def test_an_unknown_inside_its_prior_is_not_named():
    item = outside_prior(tree(0.04))
    assert item.passed and item.value == 0 and item.question == "model"


@pytest.mark.parametrize(
    ("factor", "unit", "words"),
    [
        (24.0, "1/h", "24 times what was expected: hours and days"),
        (1 / 24.0, "1/h", "1/24 of what was expected: hours and days"),
        (1000.0, "g/L", "thousandfold"),
        (60.0, "1/h", "minutes"),
    ],
)
def test_the_likely_slip_of_unit_is_named(factor, unit, words):
    item = outside_prior(tree(0.03 * factor, unit))
    assert not item.passed and item.advisory and words in item.sentence and "rate" in item.sentence


def test_a_unit_without_time_is_no_slip_of_hours():
    assert "hours" not in outside_prior(tree(0.03 * 24.0, "g/L")).sentence


def test_noise_has_a_check_of_its_own_and_is_not_named_here():
    assert outside_prior(tree(3.0, name="noise_titer", observed=("titer",))) is None
    assert not outside_prior(tree(3.0, name="noise_titer", observed=("glucose",))).passed


def test_without_draws_of_the_prior_nothing_is_said():
    posterior = tree(0.04)["posterior"].to_dataset()
    assert outside_prior(xr.DataTree.from_dict({"posterior": posterior})) is None

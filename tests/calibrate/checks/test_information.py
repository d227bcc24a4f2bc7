"""Information of a plan and of data, against closed forms."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.calibrate import Calibration, expected_information, learned
from bayesbio.data import Campaign, Run
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference import between
from bayesbio.mechanistic import BatchCulture

STARTS = {"initial_biomass": 0.2, "initial_substrate": 10.0}
PLAN = Campaign([Run("R1", settings=STARTS)])
ONLY_GROWTH = {
    "substrate_monod_constant": 1e-6,
    "cell_yield": 1e6,
    "maximum_growth_rate": between(0.1, 0.4),
}


def test_exponential_growth_has_its_fisher_information():
    times = np.array([2.0, 5.0, 9.0])
    told = expected_information(
        PLAN, BatchCulture(), times={"biomass": times}, priors=ONLY_GROWTH, relative_error=0.05
    )
    rate, sd = 0.2, np.log(2.0) / 1.6448536269514722
    growth = 0.2 * np.exp(rate * times)
    slope = growth * rate * times * sd / (0.05 * growth.max())
    expected = 1.0 / np.sqrt(1.0 + slope @ slope)
    found = told.table.loc["maximum_growth_rate"]
    assert_allclose(found["posterior_sd"] / found["prior_sd"], expected, rtol=1e-3)
    assert_allclose(found["prior_sd"], sd, rtol=1e-6)


def test_twice_the_runs_carry_twice_the_information():
    twice = Campaign([Run("R1", settings=STARTS), Run("R2", settings=STARTS)])
    plan = dict(times={"biomass": [3.0, 6.0]}, priors=ONLY_GROWTH)
    once, both = (
        expected_information(each, BatchCulture(), **plan).table["narrowed"].iloc[0] ** 2 - 1.0
        for each in (PLAN, twice)
    )
    assert_allclose(both, 2 * once, rtol=1e-6)


def test_readings_of_a_design_are_a_plan_and_their_values_do_not_matter():
    def told(values):
        rows = {"time_h": [3.0, 6.0], "quantity": "biomass", "value": values}
        design = Campaign([Run("R1", pd.DataFrame(rows), STARTS)])
        return expected_information(design, BatchCulture()).table

    pd.testing.assert_frame_equal(told([1.0, 2.0]), told([30.0, 20.0]))


def test_what_would_help_is_what_was_not_read():
    told = expected_information(PLAN, BatchCulture(), times={"biomass": [4.0, 8.0]})
    assert told.helpful.index[0] == "substrate"
    assert "Reading substrate as well would help most: cell_yield" in str(told)
    assert "little about cell_yield and substrate_monod_constant" in str(told)


def test_two_parameters_that_are_read_as_a_product_trade_off():
    """Biomass at the end is S0 times the yield: with S0 unknown, only the product is read."""
    plan = Campaign([Run("R1", settings={"initial_biomass": 0.2})])
    priors = {
        "initial_substrate": between(5.0, 20.0),
        "cell_yield": between(0.1, 0.6),
        "maximum_growth_rate": 0.5,
        "substrate_monod_constant": 0.1,
    }
    told = expected_information(plan, BatchCulture(), times={"biomass": [60.0]}, priors=priors)
    ((*pair, correlation),) = told.trade_offs
    assert set(pair) == {"initial_substrate", "cell_yield"}
    assert correlation < -0.95
    assert "fix their product better than either" in str(told)


def calibration_of(draws, prior):
    """A calibration with known draws."""
    rows = {"time_h": [2.0, 6.0], "quantity": "biomass", "value": [0.4, 1.0]}
    tree = {
        group: xr.Dataset({name: (("chain", "draw"), value) for name, value in values.items()})
        for group, values in (("posterior", draws), ("prior", prior))
    }
    names = list(draws)
    return Calibration(
        model=BatchCulture(),
        campaign=Campaign([Run("R1", pd.DataFrame(rows), STARTS)]),
        posterior=xr.DataTree.from_dict(tree),
        noise={},
        options={
            "given": {} if len(names) == 3 else ONLY_GROWTH | {"maximum_growth_rate": 0.2},
            "priors": dict.fromkeys(names, ""),
            "positive": dict.fromkeys(names, True),
            "vary": {},
            "rtol": 1e-6,
            "atol": 1e-9,
        },
    )


def test_contraction_is_one_minus_the_ratio_of_variances_of_the_logarithms():
    rng = np.random.default_rng(4)
    shape = (2, 400)
    prior = {
        name: np.exp(rng.normal(0.0, 0.8, shape)) for name in BatchCulture().Parameters._fields
    }
    after = {
        name: 0.3 * value ** (0.1 if "growth" in name else 1.0) for name, value in prior.items()
    }
    told = learned(calibration_of(after, prior))
    assert_allclose(told.table.loc["maximum_growth_rate", "contraction"], 0.99, atol=1e-6)
    assert_allclose(told.table.loc["cell_yield", "narrowed"], 1.0, rtol=2e-3)
    assert "little about" in str(told)
    assert told.helpful.index[0] == "substrate"


def test_a_plan_that_reads_nothing_is_refused():
    with pytest.raises(ModelError, match="reads nothing"):
        expected_information(PLAN, BatchCulture())
    with pytest.raises(ModelError, match="'titer'.*no state or output"):
        expected_information(PLAN, BatchCulture(), times={"titer": [1.0]})
    with pytest.raises(ModelError, match="no such parameter"):
        expected_information(PLAN, BatchCulture(), times=[1.0], priors={"growth": 1.0})
    bare = Campaign([Run("R1", settings={"initial_biomass": 0.2})])
    with pytest.raises(ModelError, match="says nothing of initial_substrate"):
        expected_information(bare, BatchCulture(), times=[1.0])


def test_with_nothing_estimated_there_is_nothing_to_have_learned():
    empty = calibration_of({}, {})
    with pytest.raises(CalibrationError, match="Nothing with one value was estimated"):
        learned(empty)

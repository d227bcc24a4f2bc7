"""Monitoring against a calibrated model: few runs are enough where the mechanism is known."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

import bayesbio
from bayesbio.calibrate import Calibration
from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError
from bayesbio.inference import lognormal
from bayesbio.mechanistic import BatchCulture
from bayesbio.monitoring import Monitor, parameter_drift
from bayesbio.ode import simulate

TIMES = np.arange(0.0, 15.0, 2.0)


def culture(rng, name, growth=0.45, cell_yield=0.5, late=1.0):
    """Six readings of biomass and substrate; biomass read too high or low after eight hours."""
    start = {"initial_biomass": 0.2, "initial_substrate": 10.0}
    course = simulate(
        BatchCulture(),
        parameters=dict(
            maximum_growth_rate=growth * np.exp(rng.normal(0.0, 0.04)),
            substrate_monod_constant=0.2,
            cell_yield=cell_yield,
        ),
        settings=start,
        times=TIMES,
    ).squeeze()
    rows = [
        pd.DataFrame(
            {
                "time_h": TIMES,
                "quantity": quantity,
                "value": course[quantity].to_numpy() * np.exp(rng.normal(0.0, 0.05, len(TIMES))),
            }
        )
        for quantity in ("biomass", "substrate")
    ]
    rows[0].loc[rows[0]["time_h"] > 8.0, "value"] *= late
    return Run(name, pd.concat(rows), settings=start)


@pytest.fixture(scope="module")
def calibration():
    """Six runs and draws as a fit of them would give, stated instead of sampled."""
    rng = np.random.default_rng(20261103)
    campaign = Campaign([culture(rng, f"R{n}") for n in range(6)])
    dims = ("chain", "draw")

    def around(value, spread):
        return dims, np.exp(rng.normal(np.log(value), spread, (2, 200)))

    growth = around(0.45, 0.01)[1]
    by_run = growth[..., None] * np.exp(0.04 * rng.normal(size=(2, 200, 6)))
    posterior = xr.Dataset(
        {
            "maximum_growth_rate": (dims, growth),
            "maximum_growth_rate_sd_run": around(0.04, 0.2),
            "maximum_growth_rate_by_run": ((*dims, "run"), by_run),
            "substrate_monod_constant": around(0.2, 0.1),
            "cell_yield": around(0.5, 0.01),
            "noise_biomass": around(0.05, 0.1),
            "noise_substrate": around(0.05, 0.1),
        },
        coords={"chain": [0, 1], "draw": np.arange(200), "run": list(campaign.names)},
    )
    names = ("maximum_growth_rate", "substrate_monod_constant", "cell_yield")
    return Calibration(
        model=BatchCulture(),
        campaign=campaign,
        posterior=xr.DataTree.from_dict({"posterior": posterior}),
        noise={"biomass": lognormal(), "substrate": lognormal()},
        options={
            "vary": {"maximum_growth_rate": ["run"]},
            "given": {},
            "positive": dict.fromkeys(names, True),
            "rtol": 1e-6,
            "atol": 1e-9,
            "random_seed": 1,
            "findings": [],
        },
    )


@pytest.fixture(scope="module")
def monitor(calibration):
    return Monitor().fit(calibration)


def test_new_runs_with_growth_of_their_own_are_usual(monitor):
    rng = np.random.default_rng(2)
    alarms = [monitor.score(culture(rng, f"new {n}")).alarm for n in range(12)]
    assert np.mean(alarms) <= 0.2
    readings = pd.concat([monitor.score(culture(rng, f"new {n}")).readings for n in range(10)])
    assert abs(readings["value"].between(readings["lower"], readings["upper"]).mean() - 0.9) < 0.07


def test_runs_that_the_model_draws_set_the_limit(monitor):
    run = monitor.reference.calibration.campaign["R1"]
    own, simulated = monitor.reference.with_simulated(run)
    assert len(simulated) == 200  # the other half of 400 draws tells what is expected
    apart = np.array([each.reading for each in simulated]) - own.mean
    biomass = (
        own.quantity_index == 0
    )  # the substrate is used up at an hour of its own in every draw
    spread = np.sqrt(np.diag(own.covariance))
    assert_allclose(apart.std(axis=0)[biomass], spread[biomass], rtol=0.4)
    assert len(monitor.maximum_score.highest) == 6 * 200
    assert 0.01 <= (monitor.maximum_score.highest > monitor.limit).mean() <= 0.06


def test_a_yield_that_is_another_and_a_biased_assay_are_found(monitor):
    rng = np.random.default_rng(3)
    poor = [monitor.score(culture(rng, f"poor {n}", cell_yield=0.35)) for n in range(5)]
    assert np.mean([score.alarm for score in poor]) >= 0.8
    biased = [monitor.score(culture(rng, f"biased {n}", late=1.35)) for n in range(5)]
    assert np.mean([score.alarm and score.alarm_time > 8.0 for score in biased]) >= 0.8
    assert all(score.quantity == "biomass" for score in biased if score.alarm)


def test_it_comes_back_from_its_file(monitor, tmp_path):
    run = culture(np.random.default_rng(4), "new")
    again = bayesbio.load(monitor.save(tmp_path / "monitor.nc"))
    pd.testing.assert_frame_equal(again.score(run).course, monitor.score(run).course)


def test_what_was_not_fitted_cannot_be_watched(calibration):
    with pytest.raises(DataError, match="no readings of 'titer'; it was fitted to biomass"):
        Monitor(quantities=["titer"]).fit(calibration)


def test_a_calibration_does_not_drift_from_itself(calibration):
    table = parameter_drift(calibration, calibration)
    assert "cell_yield" in table.index
    assert table.loc["cell_yield", "unit"] == "g/g"
    assert (table["probability_higher"] - 0.5).abs().max() < 0.1

"""Every kind of noise in a fit: sampled, scored, predicted, saved; a published assay curve."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesbio
from bayesbio.calibrate import fit, prior_check
from bayesbio.data import Campaign, Run
from bayesbio.errors import ModelError
from bayesbio.inference import (
    assay,
    autocorrelated,
    between,
    combined,
    counts,
    lognormal,
    normal,
    replicated,
    shared,
)
from bayesbio.mechanistic import Parameter

DATA = Path(__file__).parents[2] / "data"
CURVE = {"bottom": 0.05, "top": 2.0, "midpoint": 1.0, "slope": 1.2}


class Decay:
    """Five quantities that fall together, as a user would write it."""

    class State(NamedTuple):
        viable_cell_density: float
        glucose: float
        lactate: float
        biomass: float
        titer: float

    class Parameters(NamedTuple):
        start: float
        rate: float

    units = {
        "viable_cell_density": "1e6 cells/mL",
        **dict.fromkeys(("glucose", "lactate", "biomass", "titer"), "g/L"),
        "start": "g/L",
        "rate": "1/h",
    }
    inputs = ()
    settings = ()
    defaults = {
        "start": Parameter(0.5, 8.0, "made up for this test"),
        "rate": Parameter(0.01, 0.3, "made up for this test"),
    }

    def solution(self, time, parameters, settings):
        left = parameters.start * 2.718281828459045 ** (-parameters.rate * time)
        return self.State(left, 2 * left, left, left, left)


def signal(concentration):
    """Optical density of a concentration."""
    rise = CURVE["top"] - CURVE["bottom"]
    return CURVE["bottom"] + rise / (1 + (CURVE["midpoint"] / concentration) ** CURVE["slope"])


def standards(rng):
    """A dilution series in duplicate."""
    known = np.repeat([0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0], 2)
    return pd.DataFrame(
        {"concentration": known, "signal": signal(known) + 0.02 * rng.normal(size=14)}
    )


def virtual_runs(rng):
    """Four runs; analytes of a sample share an error, biomass drifts, titer is read as a signal."""
    times = np.array([0.0, 2.0, 5.0, 9.0, 10.0, 16.0, 24.0, 30.0])
    runs = []
    for name in ("R1", "R2", "R3", "R4"):
        true = 4.0 * np.exp(-0.06 * times)
        sample = np.exp(0.1 * rng.normal(size=8))
        drift = np.cumsum(0.02 * rng.normal(size=8))
        read = {
            "viable_cell_density": rng.poisson(50.0 * true) / 50.0,
            "glucose": 2 * true * sample * np.exp(0.02 * rng.normal(size=8)),
            "lactate": true * sample + 0.03 * rng.normal(size=8),
            "biomass": true * np.exp(drift + 0.01 * rng.normal(size=8)),
            "optical_density": signal(true) + 0.02 * rng.normal(size=8),
        }
        frame = pd.concat(
            [pd.DataFrame({"time_h": times, "quantity": q, "value": v}) for q, v in read.items()]
        )
        starts = {f"initial_{state}": 1.0 for state in Decay.State._fields}
        runs.append(Run(name, frame, starts))
    return Campaign(runs, units={"optical_density": "1"})


def kinds(rng):
    """Six kinds of noise in one campaign."""
    return {
        "viable_cell_density": counts(per_unit=50.0),
        "glucose": shared(lognormal()),
        "lactate": shared(combined()),
        "biomass": autocorrelated(replicated(lognormal())),
        "optical_density": assay("titer", standards(rng), noise=normal()),
    }


@pytest.fixture(scope="module")
def everything():
    """One calibration with six kinds of noise."""
    rng = np.random.default_rng(11)
    return fit(
        virtual_runs(rng),
        Decay(),
        noise=kinds(rng),
        draws=1500,
        tune=1500,
        chains=4,
        random_seed=5,
    )


def test_every_kind_of_noise_is_predicted_from_its_priors():
    rng = np.random.default_rng(11)
    found = prior_check(virtual_runs(rng), Decay(), noise=kinds(rng), draws=100, random_seed=2)
    table = found.summary()
    assert set(table.index) == set(kinds(rng))
    assert (table["inside"] > 0.5).all() and (table["unsolved"] == 0).all()
    log = np.log(found.prediction[["glucose", "lactate"]].isel(run=0, time=0).clip(1e-3))
    left = log - np.log(found.draws["start"])
    assert np.corrcoef(left["glucose"].squeeze(), left["lactate"].squeeze())[0, 1] > 0.2
    assert found.prediction["optical_density"].attrs["signal_of"] == "titer"


@pytest.mark.slow
def test_the_posterior_names_every_part_of_the_noise(everything):
    assert {
        "noise_shared",
        "noise_shared_by_sample",
        "noise_lactate_fraction",
        "noise_biomass_sd_run",
        "noise_biomass_by_run",
        "noise_biomass_sd_drift",
        "noise_biomass_memory",
        "noise_biomass_by_drift",
        "curve_optical_density_midpoint",
    } <= set(everything.draws.data_vars)
    assert everything.unit("noise_biomass_memory") == "h"
    assert everything.unit("curve_optical_density_midpoint") == "g/L"
    assert everything.unit("noise_shared") == "1"


@pytest.mark.slow
def test_what_was_put_in_lies_in_the_99_per_cent_intervals(everything):
    truth = {
        "start": 4.0,
        "rate": 0.06,
        "noise_shared": 0.1,
        "noise_glucose": 0.02,
        "noise_optical_density": 0.02,
        **{f"curve_optical_density_{part}": value for part, value in CURVE.items()},
    }
    for name, value in truth.items():
        low, high = everything.draws[name].quantile([0.005, 0.995])
        assert low < value < high, name
    assert everything.check()["R-hat"].value < 1.05


@pytest.mark.slow
def test_every_reading_has_a_likelihood_and_a_prediction(everything):
    tree = everything.posterior
    for quantity in everything.noise:
        assert np.isfinite(tree["log_likelihood"][quantity]).all()
        assert np.isfinite(tree["posterior_predictive"][quantity]).all()
    assert (everything.draws["rate"].std() > 0) and len(everything.check().items) > 5


@pytest.mark.slow
def test_new_runs_are_predicted_as_signals_and_as_concentrations(everything):
    starts = {f"initial_{state}": 1.0 for state in Decay.State._fields}
    course = everything.predict(settings=starts, times=[0.0, 24.0], random_seed=1)
    assert_allclose(course["titer"].median(("chain", "draw")).squeeze()[0], 4.0, rtol=0.05)
    read = course["optical_density"].median(("chain", "draw")).squeeze()
    assert_allclose(read[0], signal(4.0), rtol=0.05)
    glucose, lactate = (np.log(course[name].isel(run=0, time=0)) for name in ("glucose", "lactate"))
    assert np.corrcoef(glucose.to_numpy().ravel(), lactate.to_numpy().ravel())[0, 1] > 0.8
    assert_allclose(
        course["viable_cell_density"] * 50, np.round(course["viable_cell_density"] * 50)
    )


@pytest.mark.slow
def test_it_predicts_the_same_bytes_after_saving(everything, tmp_path):
    path = everything.save(tmp_path / "posterior.nc")
    again = bayesbio.load(path, model=Decay())
    for name, values in everything.predict(random_seed=2).data_vars.items():
        assert np.array_equal(values, again.predict(random_seed=2)[name], equal_nan=True)


def test_a_signal_of_something_the_model_lacks_is_refused():
    rng = np.random.default_rng(1)
    series = standards(rng)
    with pytest.raises(ModelError, match="the model has no 'titre'. Did you mean 'titer'"):
        fit(
            virtual_runs(rng),
            Decay(),
            noise={"optical_density": assay("titre", series)},
            random_seed=1,
        )


def test_the_curve_of_the_dnase_assay_is_the_published_one():
    """Run 1 by least squares, as in the card of the table; standard errors in brackets."""
    table = pd.read_csv(DATA / "dnase_elisa.csv")
    first, other = table[table["run"] == 1], table[table["run"] == 2]
    series = first.rename(columns={"conc_ng_mL": "concentration", "optical_density": "signal"})
    unknown = other.loc[other["conc_ng_mL"] == 3.125, "optical_density"].to_numpy()
    readings = pd.DataFrame({"time_h": 0.0, "quantity": "optical_density", "value": unknown})
    readings["replicate"] = [1, 2]
    run = Run("sample", readings, {f"initial_{state}": 1.0 for state in Decay.State._fields})
    calibration = fit(
        Campaign([run], units={"optical_density": "1"}),
        Decay(),
        priors={"rate": 0.0, "start": between(0.1, 50.0)},
        noise={"optical_density": assay("titer", series, bottom=0.0, noise=normal())},
        draws=500,
        tune=500,
        chains=2,
        random_seed=3,
    )
    draws = calibration.draws
    found = {
        "asymptote": draws["curve_optical_density_top"],
        "midpoint": np.log(draws["curve_optical_density_midpoint"]),
        "scale": 1.0 / draws["curve_optical_density_slope"],
    }
    published = {"asymptote": (2.345, 0.078), "midpoint": (1.483, 0.081), "scale": (1.041, 0.032)}
    for name, (value, error) in published.items():
        assert abs(float(found[name].median()) - value) < 0.5 * error
        assert 0.7 < float(found[name].std()) / error < 1.5
    low, high = draws["start"].quantile([0.05, 0.95]).to_numpy()
    # 12 000 draws put the quantiles at 3.65 and 4.08: the sample of run 2 reads high on run 1
    assert_allclose([low, high], [3.65, 4.08], rtol=0.02)

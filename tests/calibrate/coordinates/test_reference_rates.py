"""Coordinates at a reference state change the road of the sampler, not where it leads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.calibrate.coordinates.reference_rates import (
    LogTotalAndRatios,
    reference_rate_parameterisation,
)
from bayesbio.calibrate.coordinates.sampling_coordinates import SamplingCoordinates
from bayesbio.calibrate.model import statistical_model
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances
from bayesbio.data import Campaign, Profile, Run
from bayesbio.inference import between
from bayesbio.mechanistic import (
    BatchCulture,
    CitrateOnOilSupply,
    MammalianFedBatch,
    PackedBed,
    Parameter,
)

LEVELS = np.array([3.6, 0.07, 1.0])


def evaluated(expression):
    return np.asarray(expression.eval(mode="FAST_COMPILE"))


def test_the_transform_is_undone_by_its_inverse():
    transform = LogTotalAndRatios(LEVELS)
    logs = np.log([12.0, 0.2, 0.7])
    there = evaluated(transform.forward(pt.constant(logs)))
    assert_allclose(evaluated(transform.backward(pt.constant(there))), logs, rtol=1e-12)
    total = np.sum(np.log1p(LEVELS / np.exp(logs)))
    assert_allclose(there[0], np.log(total), rtol=1e-12)


def test_the_jacobian_is_that_of_finite_differences():
    transform = LogTotalAndRatios(LEVELS)
    point = np.array([0.3, -0.4, 0.8])
    columns = []
    for place in range(3):
        step = 1e-6 * np.eye(3)[place]
        high, low = (
            evaluated(transform.backward(pt.constant(point + sign * step))) for sign in (1, -1)
        )
        columns.append((high - low) / 2e-6)
    _, expected = np.linalg.slogdet(np.array(columns).T)
    assert_allclose(evaluated(transform.log_jac_det(pt.constant(point))), expected, rtol=1e-7)


@pytest.fixture(scope="module")
def formulation(request):
    """A mammalian fed-batch with all four analytes read twice."""
    model = MammalianFedBatch()
    names = ["viable_cell_density", "glucose", "glutamine", "lactate", "ammonium"]
    values = [[1.0, 8.0], [5.0, 1.0], [0.6, 0.2], [0.5, 4.0], [0.02, 0.08]]
    frame = pd.DataFrame(
        [
            (time, name, value)
            for name, pair in zip(names, values, strict=True)
            for time, value in zip((24.0, 120.0), pair, strict=True)
        ],
        columns=["time_h", "quantity", "value"],
    )
    settings = {
        "initial_viable_cell_density": 0.3,
        "initial_dead_cell_density": 0.01,
        "initial_glucose": 5.4,
        "initial_glutamine": 0.7,
        "initial_lactate": 0.1,
        "initial_ammonium": 0.02,
        "initial_volume": 1.0,
        "feed_glucose": 72.0,
        "feed_glutamine": 5.8,
    }
    feed = {"feed_rate": Profile([(0.0, 0.0), (72.0, 0.001)], "step")}
    runs = [Run(name, frame, settings, profiles=feed) for name in ("R1", "R2")]
    return formulate(FitRequest(Campaign(runs), model, vary={"maximum_growth_rate": "run"}))


def test_growth_and_death_have_reference_forms(formulation):
    forms = {form.rate: form for form in reference_rate_parameterisation(formulation)}
    assert forms["growth"].leading == "maximum_growth_rate"
    assert set(forms["growth"].factors) == {
        "glucose_monod_constant",
        "glutamine_monod_constant",
        "lactate_inhibition_constant",
        "ammonium_inhibition_constant",
    }
    assert set(forms["growth"].inhibitions) == {
        "lactate_inhibition_constant",
        "ammonium_inhibition_constant",
    }
    assert forms["death"].leading == "maximum_death_rate"
    lactate = forms["growth"].inhibitions["lactate_inhibition_constant"]
    assert 0.1 < lactate < 4.0


def test_rates_whose_parameters_are_all_known_have_none(formulation):
    known = {
        name: MammalianFedBatch().defaults[name].centre
        for name in ("glutamine_degradation_rate", "specific_productivity", "maximum_death_rate")
    }
    formed = formulate(FitRequest(formulation.campaign, MammalianFedBatch(), priors=known))
    assert [form.rate for form in reference_rate_parameterisation(formed)] == ["growth"]


def test_the_textbook_parameters_keep_their_priors(formulation):
    """Draws through the coordinates at the reference state are draws from the stated priors."""
    with_reference = statistical_model(
        formulation, Tolerances(), coordinates=SamplingCoordinates(formulation)
    )
    names = [
        "maximum_growth_rate",
        "lactate_inhibition_constant",
        "ammonium_inhibition_constant",
        "maximum_death_rate",
    ]
    draws = pm.draw(
        [with_reference[name] for name in names], 2000, random_seed=3, mode="FAST_COMPILE"
    )
    model = formulation.kernels.trace.model
    for name, drawn in zip(names, draws, strict=True):
        interval = model.defaults[name]
        spread = np.log(interval.high / interval.low) / (2 * stats.norm.ppf(0.95))
        standard = (np.log(drawn) - np.log(interval.centre)) / spread
        assert stats.kstest(standard, "norm").pvalue > 1e-3
    logs = np.corrcoef(np.log(draws))
    assert_allclose(logs, np.eye(4), atol=0.1)


def test_a_prior_that_is_not_lognormal_keeps_plain_coordinates():
    frame = pd.DataFrame({"time_h": [4.0, 8.0], "quantity": "biomass", "value": [0.6, 1.5]})
    start = {"initial_biomass": 0.3, "initial_substrate": 20.0}
    campaign = Campaign([Run("R1", frame, start)])
    normal = {"maximum_growth_rate": pm.TruncatedNormal.dist(0.3, 0.1, lower=0.0)}
    assert (
        reference_rate_parameterisation(
            formulate(FitRequest(campaign, BatchCulture(), priors=normal))
        )
        == ()
    )
    positive = {"maximum_growth_rate": between(0.1, 0.5)}
    (form,) = reference_rate_parameterisation(
        formulate(FitRequest(campaign, BatchCulture(), priors=positive))
    )
    assert form.leading == "maximum_growth_rate"


@pytest.mark.slow
def test_a_setting_that_runs_leave_out_takes_its_usual_value():
    frame = pd.DataFrame({"time_h": [10.0, 40.0], "quantity": "biomass", "value": [5.0, 40.0]})
    profiles = {
        "residual_oil": Profile([(0.0, 30.0), (60.0, 2.0)], "linear"),
        "dilution_rate": Profile([(0.0, 0.004)], "step"),
    }
    run = Run("R1", frame, {"initial_biomass": 0.5}, profiles=profiles)
    assert "feed_oil" not in run.settings
    formed = formulate(FitRequest(Campaign([run]), CitrateOnOilSupply()))
    assert {form.rate for form in reference_rate_parameterisation(formed)} <= {
        "growth",
        "formation",
    }


class Wasteful:
    """Growth of which a share is lost: a factor 1 - x that may change its sign."""

    class State(NamedTuple):
        biomass: Any

    class Parameters(NamedTuple):
        growth_rate: Any
        dead_share: Any

    units = {"biomass": "g/L", "growth_rate": "1/h", "dead_share": "1"}
    inputs = ()
    settings = ()
    defaults = {
        "growth_rate": Parameter(0.05, 1.0, "a guess"),
        "dead_share": Parameter(0.05, 0.5, "a guess"),
    }

    def rates(self, time, state, parameters, inputs, settings):
        return {"growth": parameters.growth_rate * (1.0 - parameters.dead_share) * state.biomass}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        return self.State(biomass=rates["growth"])


def test_a_factor_that_may_change_its_sign_has_no_reference_form():
    frame = pd.DataFrame({"time_h": [4.0, 8.0], "quantity": "biomass", "value": [0.6, 1.5]})
    formed = formulate(
        FitRequest(Campaign([Run("R1", frame, {"initial_biomass": 0.3})]), Wasteful())
    )
    assert reference_rate_parameterisation(formed) == ()
    made = statistical_model(formed, Tolerances(), coordinates=SamplingCoordinates(formed))
    assert np.isfinite(pm.draw(made["growth_rate"], 500, random_seed=1, mode="FAST_COMPILE")).all()


def test_a_model_along_a_grid_is_sampled_in_its_textbook_parameters():
    times = np.linspace(0.01, 0.06, 6)
    values = np.exp(-0.5 * ((times - 0.03) / 0.01) ** 2)
    frame = pd.DataFrame({"time_h": times, "quantity": "outlet_concentration", "value": values})
    pulse = Profile([(0.0, 20.0), (0.001, 0.0)], "step")
    run = Run("pulse", frame, profiles={"inlet_concentration": pulse})
    known = {
        "uptake_rate": 0.0,
        "release_rate": 0.0,
        "maximum_reaction_rate": 0.0,
        "half_saturation": 1.0,
        "decay_rate": 0.0,
        "column_porosity": 0.35,
    }
    units = {"outlet_concentration": "g/L", "inlet_concentration": "g/L"}
    asked = FitRequest(Campaign([run], units=units), PackedBed(length=0.1), known, noise="normal")
    formed = formulate(asked)
    assert reference_rate_parameterisation(formed) == ()
    assert SamplingCoordinates(formed).warnings == []

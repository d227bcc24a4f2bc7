"""What is unknown and what is given: defaults, names, and refusals in a sentence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pymc as pm
import pytest

from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest
from bayesbio.data import Campaign, Run
from bayesbio.errors import BayesbioError, CalibrationError, DataError, ModelError
from bayesbio.inference import between
from bayesbio.mechanistic import BatchCulture, FedBatchCulture


def run(name="R1", settings=None, values=(0.3, 0.9, 2.4), quantity="biomass", **columns):
    """A small run of a culture."""
    frame = pd.DataFrame({"time_h": np.arange(len(values)) * 4.0, "value": values, **columns})
    return Run(name, frame.assign(quantity=quantity), settings or {"initial_substrate": 20.0})


def unknowns(campaign, model=None, **options):
    """Unknowns by name."""
    found = formulate(FitRequest(campaign, model or BatchCulture(), **options))
    return {unknown.name: unknown for unknown in found.unknowns}


def test_parameters_take_the_default_intervals_of_the_model():
    found = unknowns(Campaign([run()]))
    assert set(BatchCulture().Parameters._fields) <= set(found)
    assert "doi" in found["maximum_growth_rate"].source.lower()


def test_a_number_fixes_a_parameter():
    found = formulate(FitRequest(Campaign([run()]), BatchCulture(), priors={"cell_yield": 0.5}))
    assert found.given == {"cell_yield": 0.5}
    assert "cell_yield" not in {unknown.name for unknown in found.unknowns}


def test_a_start_that_no_run_states_is_estimated_around_the_first_readings():
    found = unknowns(Campaign([run(), run("R2")]))["initial_biomass"]
    assert found.each_run
    assert found.source == "around the first readings"


def test_a_start_in_the_table_of_runs_is_given():
    settings = {"initial_substrate": 20.0, "initial_biomass": 0.25}
    assert "initial_biomass" not in unknowns(Campaign([run(settings=settings)]))


def test_the_start_of_a_state_may_stand_under_its_own_name():
    settings = {"initial_substrate": 20.0, "volume": 1.5, "feed_substrate": 100.0}
    assert "initial_volume" not in unknowns(Campaign([run(settings=settings)]), FedBatchCulture())


def test_excluded_rows_are_left_out():
    found = formulate(FitRequest(Campaign([run(flag=["", "excluded", ""])]), BatchCulture()))
    assert found.rows["biomass"]["value"].tolist() == [0.3, 2.4]
    assert found.kept["biomass"].tolist() == [True, False, True]


def test_fewer_readings_than_parameters_is_a_warning():
    found = formulate(FitRequest(Campaign([run(values=(0.3, 0.9))]), BatchCulture()))
    assert any("the priors decide" in str(finding) for finding in found.findings)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (
            {"priors": {"maximum_groth_rate": between(0.1, 0.4)}},
            ModelError,
            "Did you mean 'maximum_growth_rate'",
        ),
        ({"vary": {"maximum_growth_rate": "clon"}}, DataError, "Did you mean 'clone'"),
        ({"vary": {"growth": "run"}}, ModelError, "vary for 'growth'"),
        ({"vary": {"initial_substrate": "run"}}, ModelError, "given by the runs"),
        ({"priors": {"initial_biomass": -1.0}}, ModelError, "starts at zero or more"),
        ({"noise": {"titer": "normal"}}, ModelError, "noise for 'titer'"),
        ({"noise": {"biomass": "gaussian"}}, ModelError, "Use one of normal"),
        ({"vary": "run"}, ModelError, "vary='run' was not understood"),
        ({"vary": {"cell_yield": 3}}, ModelError, "name each parameter and what it varies over"),
        ({"priors": {"cell_yield": np.nan}}, ModelError, "a finite number to fix it"),
        ({"priors": {"cell_yield": "0.5"}}, CalibrationError, "PyMC distribution was expected"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, error, sentence):
    settings = {"initial_substrate": 20.0, "clone": "a"}
    campaign = Campaign([run(settings=settings), run("R2", settings=settings)])
    with pytest.raises(error, match=sentence):
        formulate(FitRequest(campaign, BatchCulture(), **options))


@pytest.mark.parametrize("given", ["runs.csv", pd.DataFrame({"run": ["A"]})], ids=["path", "table"])
def test_a_table_that_was_not_read_yet_is_refused(given):
    with pytest.raises(DataError, match=r"A Campaign was expected, .* read_campaign"):
        formulate(FitRequest(given, BatchCulture()))


def test_a_model_that_was_not_made_yet_is_refused():
    with pytest.raises(ModelError, match=r"give the model itself, BatchCulture\(\)"):
        formulate(FitRequest(Campaign([run()]), BatchCulture))


def test_a_state_that_nothing_starts_is_named():
    with pytest.raises(ModelError, match="Nothing says where substrate starts"):
        formulate(FitRequest(Campaign([run(settings={"medium": "A"})]), BatchCulture()))


def test_a_start_stated_for_some_runs_only_names_the_other():
    runs = [run(settings={"initial_substrate": 20.0}), run("R2", settings={"medium": "A"})]
    with pytest.raises(ModelError, match="Run 'R2': BatchCulture needs the initial state"):
        formulate(FitRequest(Campaign(runs), BatchCulture()))


def test_a_feed_without_a_concentration_is_refused():
    settings = {"initial_substrate": 20.0, "volume": 1.0}
    with pytest.raises(BayesbioError, match="feed_substrate"):
        formulate(FitRequest(Campaign([run(settings=settings)]), FedBatchCulture()))


def test_readings_that_are_all_censored_cannot_size_their_noise():
    with pytest.raises(DataError, match="below or above a limit"):
        formulate(FitRequest(Campaign([run(flag=["below"] * 3)]), BatchCulture()))


def test_nothing_measured_that_the_model_has_is_refused():
    with pytest.raises(DataError, match="None of the measured quantities"):
        formulate(
            FitRequest(Campaign([run(quantity="ph", values=(7.0, 6.9, 6.8))]), BatchCulture())
        )


def test_a_negative_concentration_stops_before_any_sampling():
    with pytest.raises(DataError, match="zero or more"):
        formulate(FitRequest(Campaign([run(values=(0.3, -0.9, 2.4))]), BatchCulture()))


@pytest.mark.parametrize("noise", ["lognormal", {"biomass": "lognormal"}])
def test_a_reading_below_zero_with_lognormal_noise_is_named_before_any_sampling(noise):
    """A blank-corrected value within the assay's noise is a reading; lognormal cannot have it."""
    campaign = Campaign([run(), run("R2", values=(0.3, -0.001, 2.4))])
    says = r"Run 'R2'.*4 h.*biomass has a value of -0.001; lognormal .*'below'.*normal\(\)"
    with pytest.raises(DataError, match=says):
        formulate(FitRequest(campaign, BatchCulture(), noise=noise))
    assert formulate(FitRequest(campaign, BatchCulture())).noise["biomass"].kind == "normal"


def test_priors_are_not_changed_by_use():
    prior = pm.LogNormal.dist(0.0, 1.0)
    formulate(FitRequest(Campaign([run()]), BatchCulture(), priors={"cell_yield": prior}))
    assert prior.name is None


def test_a_refit_without_a_run_keeps_the_noise_and_the_start_prior_of_the_whole():
    """One target for importance weights and refits, whatever the run that is left out reads."""
    start = {"initial_substrate": 20.0}
    frame = run().measurements
    runs = [run(name, settings=start) for name in ("R1", "R2")]
    odd = runs[0].replace(name="R3", measurements=frame.assign(value=4.0 * frame["value"]))
    whole = formulate(FitRequest(Campaign([*runs, odd]), BatchCulture(), noise="normal"))
    part = FitRequest(
        Campaign(runs), BatchCulture(), noise=whole.noise, start_priors=whole.start_priors
    )
    refit, alone = formulate(part), formulate(dataclasses.replace(part, start_priors=None))
    assert refit.noise["biomass"].describe() == whole.noise["biomass"].describe()
    assert refit.medians["initial_biomass"] == whole.medians["initial_biomass"]
    assert alone.medians["initial_biomass"] != whole.medians["initial_biomass"]

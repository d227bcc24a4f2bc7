"""Where chains start: what is held, what is hidden, what is forgotten."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from bayesbio.calibrate.coordinates.sampling_coordinates import SamplingCoordinates
from bayesbio.calibrate.coordinates.starts import (
    CompiledProblem,
    auxiliary_variables,
    group_sd_names,
)
from bayesbio.calibrate.model import statistical_model
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances


def new_runs(campaign):
    """The campaign again under other names, as if run a second time."""
    runs = [run.replace(name=f"{run.name}b") for run in campaign]
    shifted = [
        run.replace(measurements=run.measurements.assign(value=run.measurements["value"] * 1.001))
        for run in runs
    ]
    return campaign.replace(runs=tuple(shifted))


def test_spreads_that_are_carried_are_neither_solved_with_nor_held(calibration, campaign, model):
    formulation = formulate(
        FitRequest(new_runs(campaign), model, priors=calibration, vary={"rate_constant_1": "run"})
    )
    made = statistical_model(
        formulation, Tolerances(), coordinates=SamplingCoordinates(formulation)
    )
    free = {variable.name for variable in made.free_RVs}
    assert free == {"copula_scores", "rate_constant_1_effect_of_levels"}
    assert "rate_constant_1_sd_run" in made.named_vars
    assert not group_sd_names(formulation)


def test_spreads_between_groups_are_held_and_standardised_effects_hidden(campaign, model):
    formulation = formulate(FitRequest(campaign, model, vary={"rate_constant_1": "run"}))
    assert group_sd_names(formulation) == ("rate_constant_1_sd_run",)
    assert auxiliary_variables(formulation) == {"rate_constant_1_effect_run"}


def test_failures_of_the_search_are_forgotten():
    log = np.ones(3)
    CompiledProblem(None, None, SimpleNamespace(failure_log=[log])).reset_failures()
    assert not log.any()

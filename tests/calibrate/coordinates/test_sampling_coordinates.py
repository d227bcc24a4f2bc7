"""All changes of coordinates together."""

import numpy as np

from bayesbio.calibrate.coordinates.sampling_coordinates import SamplingCoordinates
from bayesbio.calibrate.model import statistical_model
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances


def test_only_the_names_of_the_sampler_are_added_and_are_zero_at_a_mode(campaign, model):
    formulation = formulate(FitRequest(campaign, model, vary={"rate_constant_1": "run"}))
    coordinates = SamplingCoordinates(formulation)
    plain = set(statistical_model(formulation, Tolerances()).named_vars)
    made = statistical_model(formulation, Tolerances(), coordinates=coordinates)
    added = {variable.name for variable in (*made.free_RVs, *made.deterministics)} - plain
    assert added == set(coordinates.names) == {"rate_constant_1_effect_of_levels"}
    mode = {name: np.asarray(value) for name, value in formulation.medians.items()}
    mode |= {"rate_constant_1_sd_run": np.array(0.2), "noise_concentration_a": np.array(0.01)}
    mode |= {"noise_concentration_b": np.array(0.02)}
    mode["rate_constant_1_by_run"] = np.full(5, formulation.medians["rate_constant_1"])
    data, zero = coordinates.update(mode)
    assert zero == ["rate_constant_1_effect_of_levels"]
    assert set(data) == {"rate_constant_1.information", "rate_constant_1.expected"}
    assert coordinates.warnings == []

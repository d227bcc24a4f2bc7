"""Formulas in the settings of runs: what columns they give, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import CalibrationError
from bayesbio.inference import are_identifiable, design

RUNS = pd.DataFrame(
    {
        "clone": ["A", "A", "B", "B", "C"],
        "temperature_shift": [305.0, 307.0, 306.0, 309.0, 310.0],
        "site": ["X"] * 5,
        "kelvin_above": [0.0, 2.0, 1.0, 4.0, 5.0],
    },
    index=["R1", "R2", "R3", "R4", "R5"],
)


def test_columns_are_the_formula_around_the_average_run():
    found = design("specific_productivity", "log(temperature_shift) + clone", RUNS)
    assert set(found.terms) == {"clone=B", "clone=C", "log(temperature_shift)"}
    columns = dict(zip(found.terms, found.columns.T, strict=True))
    assert_allclose(found.columns.mean(axis=0), 0.0, atol=1e-12)
    raw = np.log(RUNS["temperature_shift"].to_numpy())
    assert_allclose(columns["log(temperature_shift)"], raw - raw.mean(), rtol=1e-12)
    assert_allclose(np.ptp(columns["clone=B"]), 1.0)


def test_other_runs_are_measured_from_the_same_average():
    found = design("specific_productivity", "center(temperature_shift) + clone", RUNS)
    new = pd.DataFrame({"clone": ["B"], "temperature_shift": [320.0]}, index=["new"])
    at = dict(zip(found.terms, found.of(new)[0], strict=True))
    assert_allclose(at["center(temperature_shift)"], 320.0 - RUNS["temperature_shift"].mean())
    assert_allclose(at["clone=B"], 0.6)
    assert_allclose(found.of(RUNS), found.columns)


def test_an_interaction_is_a_product():
    found = design("x", "temperature_shift:clone + clone", RUNS.drop(index="R5"))
    assert "temperature_shift:clone=B" in "".join(found.terms)


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("temperature_shft", "no run has a 'temperature_shft'. Did you mean 'temperature_shift'"),
        ("site", "site is X in all 5 runs"),
        ("temperature_shift + kelvin_above", "their effects cannot be told apart"),
        ("log(kelvin_above)", "is not a finite number in every run"),
        ("__import__('os')", "expected the right-hand side"),
        ("temperature_shift.real", "only arithmetic and the functions"),
        ("eval(clone)", "the function 'eval' is not known"),
        ("y ~ clone", "expected the right-hand side"),
        ("clone +", "was not understood"),
    ],
)
def test_a_formula_that_cannot_be_used_is_refused_in_words(formula, sentence):
    with pytest.raises(CalibrationError, match=sentence.replace("(", r"\(")):
        design("specific_productivity", formula, RUNS)


def test_a_run_without_its_covariate_is_named():
    runs = RUNS.astype(object)
    runs.loc["R3", "clone"] = None
    with pytest.raises(CalibrationError, match="Run 'R3' has no 'clone'"):
        design("specific_productivity", "clone", runs)


def test_a_level_that_was_not_calibrated_on_is_refused_with_the_way_out():
    found = design("specific_productivity", "clone", RUNS)
    new = pd.DataFrame({"clone": ["D"]}, index=["new"])
    with pytest.raises(CalibrationError, match="calibrated with A, B, C only.*vary="):
        found.of(new)


def test_groups_that_covariates_already_tell_apart_are_seen():
    clone = [0, 0, 1, 1, 2]
    assert not are_identifiable(design("x", "clone", RUNS).columns, clone)
    assert are_identifiable(design("x", "temperature_shift", RUNS).columns, clone)
    assert are_identifiable(design("x", "clone", RUNS).columns, range(5))

"""Posterior predictive checks of residuals: size under the model, and planted misfits."""

import numpy as np
import pytest

from bayesbio.inference.diagnostics.assay_noise import noise_size
from bayesbio.inference.diagnostics.lack_of_fit import lack_of_fit, residuals_along_time
from bayesbio.inference.diagnostics.predictive_checks import Predicted
from bayesbio.inference.diagnostics.verdict import Gate

RUNS, TIMES = 6, np.arange(0.0, 15.0)
RUN = np.repeat([f"R{i}" for i in range(RUNS)], len(TIMES))
TIME = np.tile(TIMES, RUNS) * 24.0
MEAN = 5.0 + np.sin(TIME / 80.0)


def quantity(name, rng, *, misfit=0.0, noise=0.05, assumed=None):
    """Draws of a model whose mean is known well, and readings of mean x (1 + misfit) with noise."""
    mean = MEAN * np.exp(rng.normal(0.0, 0.005, (500, 1)))
    draws = mean * np.exp(rng.normal(0.0, assumed or noise, (500, MEAN.size)))
    observed = MEAN * (1.0 + misfit) * np.exp(rng.normal(0.0, noise, MEAN.size))
    exact = np.ones(MEAN.size, bool)
    return Predicted(name, observed, draws, None, [], exact, RUN, TIME)


def failing(cases):
    return {item.name for item in lack_of_fit(cases, Gate()) if not item.passed}


def test_data_of_the_model_itself_alarm_as_seldom_as_stated():
    """120 data sets at 1 % for each of 6 checks: a count above 10 has probability below 1e-6."""
    names = ["predictive p-values", "residual autocorrelation", "trend over time"]
    names += ["trend over the level", "run bias", "coverage by third"]
    rng = np.random.default_rng(1)
    alarms = [failing([quantity(n, rng) for n in ("glucose", "titer")]) for _ in range(120)]
    counts = {name: sum(name in each for each in alarms) for name in names}
    assert max(counts.values()) <= 10


LATE = np.where(TIME > 200.0, (TIME - 200.0) / 500.0, 0.0)
MISFITS = {
    "residual autocorrelation": LATE,
    "trend over time": LATE,
    "trend over the level": 0.15 * (MEAN - 5.0) ** 2,
    "run bias": np.where(RUN == "R3", 0.25, 0.0),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_planted_misfit_is_called_by_its_check_and_names_the_quantity(name):
    rng = np.random.default_rng(2)
    cases = [quantity("titer", rng), quantity("glucose", rng, misfit=MISFITS[name], assumed=0.08)]
    item = next(item for item in lack_of_fit(cases, Gate()) if item.name == name)
    assert not item.passed and "glucose" in item.sentence and "glucose" in item.remedy
    assert item.question == "model"


def test_readings_that_scatter_in_one_third_only_are_called_by_coverage():
    rng = np.random.default_rng(3)
    rough = quantity("glucose", rng)
    observed = np.where(TIME > 230.0, MEAN * np.exp(rng.normal(0.0, 0.15, MEAN.size)), MEAN)
    case = Predicted("glucose", observed, rough.draws, None, [], rough.exact, RUN, TIME)
    item = next(i for i in lack_of_fit([case], Gate()) if i.name == "coverage by third")
    assert not item.passed and "last third" in item.sentence


def test_readings_of_one_run_and_time_count_once():
    rng = np.random.default_rng(4)
    case = quantity("glucose", rng)
    twice = Predicted(
        "glucose",
        np.repeat(case.observed, 2),
        np.repeat(case.draws, 2, axis=1),
        None,
        [],
        np.repeat(case.exact, 2),
        np.repeat(RUN, 2),
        np.repeat(TIME, 2),
    )
    (course,) = residuals_along_time([twice])
    assert course.values.shape == (501, MEAN.size)


@pytest.mark.parametrize(
    ("scatter", "passed", "advisory"),
    [(0.05, True, True), (0.14, False, True), (0.4, False, False)],
)
def test_scatter_is_compared_with_what_the_assay_usually_has(scatter, passed, advisory):
    """Glucose: usually at most 5 %; twice that asks for a look, four times fails."""
    item = noise_size([quantity("glucose", np.random.default_rng(5), noise=scatter)], Gate())
    assert item.passed is passed and item.advisory is advisory
    assert item.value == pytest.approx(scatter / 0.05, rel=0.35)


def test_rows_that_are_no_time_courses_have_no_residuals_along_time():
    case = quantity("glucose", np.random.default_rng(6))
    table = Predicted("glucose", case.observed, case.draws, None, [], case.exact)
    assert residuals_along_time([table]) == []
    assert noise_size([table], Gate()) is None
    assert [item.name for item in lack_of_fit([table], Gate())] == ["predictive p-values"]

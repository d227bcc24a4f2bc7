import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.errors import DataError
from bayesbio.surrogate.gaussian_process.inputs import (
    NoiseModel,
    OutcomeTransform,
    as_outcomes,
    check_duplicates,
)


@pytest.mark.parametrize("link", ["identity", "log"])
def test_a_transform_standardises_and_comes_back(link):
    values = np.array([0.5, 1.0, 4.0, 9.0])
    transform = OutcomeTransform.of(values, link)
    standardised = transform.forward(values)
    assert_allclose([standardised.mean(), standardised.std()], [0.0, 1.0], atol=1e-12)
    assert_allclose(transform.backward(standardised), values)


def test_the_jacobian_makes_a_lognormal_density_of_a_normal_one():
    values = np.array([0.5, 1.0, 4.0])
    transform = OutcomeTransform("log", 0.3, 0.7)
    density = stats.norm.logpdf(transform.forward(values)).sum() + transform.log_jacobian(values)
    expected = stats.lognorm(0.7, scale=np.exp(0.3)).logpdf(values).sum()
    assert_allclose(density, expected)


def test_noise_is_relative_after_a_log_link():
    variance = OutcomeTransform("log", 0.0, 2.0).noise_variance(np.array([0.1]), np.array([5.0]))
    assert_allclose(variance, (0.1 / 5.0 / 2.0) ** 2)


def test_the_log_link_needs_positive_outcomes():
    with pytest.raises(DataError, match="needs outcomes above zero. Use link='identity'"):
        OutcomeTransform.of(np.array([0.0, 1.0]), "log")


def test_noise_that_varies_has_a_slope_for_each_input():
    rows = np.array([[-0.5, 0.5], [0.5, 0.0]])
    assert NoiseModel.of(0.1, rows=2).design(rows, 2).shape == (2, 0)
    assert_allclose(NoiseModel.of("estimate", rows=2).design(rows, 2), [[1.0], [1.0]])
    varying = NoiseModel.of("varying", rows=2).design(rows, 2)
    assert_allclose(varying, [[1.0, -1.0, 1.0], [1.0, 1.0, 0.0]])
    assert NoiseModel.of(0.0, rows=2).exact and not NoiseModel.of("estimate", rows=2).exact


@pytest.mark.parametrize(
    ("outcome", "rows", "sentence"),
    [
        ([1.0, 2.0], 2, "at least 3"),
        ([1.0, 2.0, 3.0], 4, "one outcome per row"),
        ([1.0, np.nan, 3.0], 3, "is nan in row 1"),
        ([1.0, 1.0, 1.0], 3, "does not vary"),
        (np.arange(601.0), 601, "up to 600"),
    ],
)
def test_outcomes_that_cannot_be_used_are_refused(outcome, rows, sentence):
    with pytest.raises(DataError, match=sentence):
        as_outcomes(outcome, rows=rows)


def test_noise_that_cannot_be_used_is_refused():
    for noise, sentence in [
        (-1.0, "zero or more"),
        ("big", "'estimate', 'varying'"),
        ([0.1, 0.2], "has shape"),
    ]:
        with pytest.raises(DataError, match=sentence):
            NoiseModel.of(noise, rows=3)


def test_exact_readings_at_one_point_are_refused():
    rows = np.array([[0.0], [0.5], [0.0]])
    with pytest.raises(DataError, match="Rows 0 and 2 are the same point"):
        check_duplicates(rows, NoiseModel.of(0.0, rows=3))
    check_duplicates(rows, NoiseModel.of("estimate", rows=3))

"""Priors from experts and publications."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import CalibrationError
from bayesbio.inference import (
    describe,
    from_quantiles,
    is_positive,
    literature,
    prior_quantiles,
    source_of,
)


def test_a_prior_has_the_quantiles_the_expert_gave():
    lognormal = from_quantiles({0.1: 0.02, 0.9: 0.08})
    assert_allclose(prior_quantiles(lognormal, [0.1, 0.9]), [0.02, 0.08], rtol=1e-9)
    normal = from_quantiles({0.25: -1.0, 0.5: 0.0, 0.75: 1.0})
    assert_allclose(prior_quantiles(normal, [0.25, 0.5, 0.75]), [-1.0, 0.0, 1.0], atol=1e-9)
    share = from_quantiles({0.05: 0.5, 0.95: 0.9}, upper=1.0)
    assert_allclose(prior_quantiles(share, [0.05, 0.95]), [0.5, 0.9], rtol=0.03)
    assert is_positive(lognormal) and not is_positive(normal) and is_positive(share)


def test_one_published_value_keeps_its_error_and_its_source():
    prior = literature(0.31, standard_error=0.031, doi="https://doi.org/10.1002/bit.260270403")
    assert source_of(prior) == "doi:10.1002/bit.260270403"
    low, high = prior_quantiles(prior, [0.15866, 0.84134])
    assert_allclose((high - low) / 2.0, 0.031, rtol=0.01)
    around = literature(0.3, interval=(0.2, 0.5), probability=0.95, doi="10.1002/x")
    assert_allclose(prior_quantiles(around, [0.025, 0.975]), [0.2, 0.5], rtol=1e-9)


def test_several_studies_predict_one_more():
    prior = literature([0.2, 0.3, 0.45], doi=["10.1002/a", "10.1002/b", "10.1002/c"])
    logs = np.log([0.2, 0.3, 0.45])
    wanted = logs.std(ddof=1) * np.sqrt(4.0 / 3.0)
    low, middle, high = np.log(prior_quantiles(prior, [0.15865525, 0.5, 0.84134475]))
    assert_allclose([middle, (high - low) / 2.0], [logs.mean(), wanted], rtol=1e-6)
    assert source_of(prior) == "doi:10.1002/a, doi:10.1002/b, doi:10.1002/c"
    assert "LogNormal" in describe(literature([0.3, 0.3], doi="10.1002/a"))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: from_quantiles({0.5: 1.0}), "give two or more"),
        (lambda: from_quantiles({0.1: 2.0, 0.9: 1.0}), "do not rise"),
        (lambda: from_quantiles({0.1: 0.2, 0.9: 1.5}, upper=1.0), "a fraction whose quantiles"),
        (
            lambda: from_quantiles({0.1: 1.0, 0.5: 1.01, 0.9: 9.0}),
            "No lognormal distribution has these quantiles",
        ),
        (lambda: literature(0.3, standard_error=0.1, doi="Bailey 1986"), "is no DOI"),
        (lambda: literature(0.3, doi="10.1002/x"), "how sure the value is"),
    ],
)
def test_knowledge_that_makes_no_prior_is_refused_in_words(wrong, sentence):
    with pytest.raises(CalibrationError, match=sentence):
        wrong()

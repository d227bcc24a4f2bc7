"""Growth laws of the table against their equations as published, written down by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.mechanistic.kinetics.growth_laws import GROWTH_LAWS, TabulatedGrowthLaw

GIVEN = SimpleNamespace(
    maximum_growth_rate=0.4,
    substrate_monod_constant=0.2,
    substrate_inhibition_constant=30.0,
    contois_constant=0.1,
    tessier_constant=0.5,
    moser_exponent=2.0,
)
S, X = 1.5, 3.0
EXPECTED = {
    "monod": 0.4 * S / (0.2 + S),
    "haldane": 0.4 * S / (0.2 + S + S**2 / 30.0),
    "contois": 0.4 * S / (0.1 * X + S),
    "tessier": 0.4 * (1 - np.exp(-S / 0.5)),
    "moser": 0.4 * S**2 / (0.2**2 + S**2),  # the constant is where the rate is half
}


@pytest.mark.parametrize("law", GROWTH_LAWS)
def test_a_law_is_its_published_equation(law):
    assert_allclose(TabulatedGrowthLaw(law).rate(S, X, GIVEN), EXPECTED[law], rtol=1e-6)


@pytest.mark.parametrize("law", GROWTH_LAWS)
def test_every_parameter_has_an_interval_and_a_source(law):
    for unit, interval in GROWTH_LAWS[law].parameters.values():
        assert unit and 0 < interval.low < interval.high and interval.source

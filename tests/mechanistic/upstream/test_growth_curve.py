"""The growth curve: any quantity with its unit, and a plateau that is an interval."""

import pytest

from bayesbio.errors import ModelError
from bayesbio.mechanistic import GrowthCurve


def test_any_quantity_with_its_unit_may_rise():
    model = GrowthCurve(form="weibull", quantity="titer", unit="g/L", plateau=(0.5, 8.0))
    assert model.State._fields == ("titer",)
    assert model.defaults["plateau"].high == 8.0


def test_a_plateau_must_be_an_interval():
    with pytest.raises(ModelError, match="low below high"):
        GrowthCurve(plateau=(5.0, 1.0))
    with pytest.raises(ModelError, match="central interval"):
        GrowthCurve(plateau=(5.0,))
    with pytest.raises(ModelError, match="Did you mean 'logistic'"):
        GrowthCurve(form="logistics")

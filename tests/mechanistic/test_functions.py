"""The functions that model bodies are written with."""

import math

import numpy as np
import pytest
import sympy
from numpy.testing import assert_allclose

from bayesbio.data.vocabulary import units
from bayesbio.mechanistic import constant, exp, log, smooth_maximum, sqrt, tanh

PAIRS = [(exp, math.exp), (log, math.log), (sqrt, math.sqrt), (tanh, math.tanh)]


@pytest.mark.parametrize(("function", "reference"), PAIRS)
def test_numbers_arrays_objects_symbols_and_quantities_go_through(function, reference):
    values = np.array([[0.3, 1.0], [2.0, 5.0]])
    expected = np.vectorize(reference)(values)
    assert type(function(0.3)) is float
    assert function(2) == reference(2)
    assert_allclose(function(values), expected, rtol=1e-15)
    objects = function(values.astype(object))
    assert objects.dtype == object
    assert_allclose(objects.astype(float), expected, rtol=1e-15)
    symbol = sympy.Symbol("x", positive=True)
    assert_allclose(float(function(symbol).subs(symbol, 0.3)), reference(0.3), rtol=1e-14)
    assert_allclose(function(0.3 * units.unit("1")).magnitude, reference(0.3), rtol=1e-15)


def test_an_object_array_may_hold_symbols():
    x = sympy.Symbol("x")
    assert list(exp(np.array([x, 0.0], dtype=object))) == [sympy.exp(x), 1.0]


def test_an_exponential_takes_no_unit():
    with pytest.raises(Exception, match="dimensionless"):
        exp(1.0 * units.unit("g/L"))


def test_a_root_takes_the_root_of_the_unit():
    assert sqrt(4.0 * units.unit("g**2")).units == units.unit("g").units


def test_a_smooth_maximum_is_above_and_close():
    values = np.linspace(-3.0, 3.0, 61)
    smooth = smooth_maximum(values, 0.5, width=1e-3)
    sharp = np.maximum(values, 0.5)
    assert np.all(smooth >= sharp)
    assert_allclose(smooth, sharp, atol=0.5e-3)
    assert smooth_maximum(0.5, 0.5, width=1e-3) == 0.5 + 0.5e-3


def test_a_constant_is_a_number_until_units_are_checked():
    assert constant(2.0, "mg/L", like=1.0) == 2.0
    assert constant(2.0, "mg/L", like=sympy.Symbol("x")) == 2.0
    dressed = constant(2.0, "mg/L", like=1.0 * units.unit("g/L"))
    assert dressed.to("g/L").magnitude == pytest.approx(0.002)

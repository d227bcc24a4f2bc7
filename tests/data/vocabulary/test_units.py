import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.units import convert, registry, unit
from bayesbio.errors import UnitError


@pytest.mark.parametrize(
    ("written", "house", "factor"),
    [
        ("mio/mL", "1e6 cells/mL", 1.0),
        ("10^6 cells/ml", "1e6 cells/mL", 1.0),
        ("E6 c/mL", "1e6 cells/mL", 1.0),
        ("x10^6 cells/mL", "1e6 cells/mL", 1.0),
        ("10⁶/mL", "1e6 cells/mL", 1.0),
        ("10E6 cells/mL", "1e6 cells/mL", 1.0),
        ("Mio. Zellen/mL", "1e6 cells/mL", 1.0),
        ("million cells per mL", "1e6 cells/mL", 1.0),
        ("MVC/mL", "1e6 cells/mL", 1.0),
        ("1e5 cells/mL", "1e6 cells/mL", 0.1),
        ("cells/mL", "1e6 cells/mL", 1e-6),
        ("10^9 cells/L", "1e6 cells/mL", 1.0),
        ("mmol/L", "mol/L", 1e-3),
        ("MMOL/L", "mol/L", 1e-3),
        ("g L-1", "g/L", 1.0),
        ("g·L⁻¹", "g/L", 1.0),
        ("mg/dL", "g/L", 0.01),
        ("g/100mL", "g/L", 10.0),
        ("% w/v", "g/L", 10.0),
        ("gDCW/L", "g/L", 1.0),
        ("d", "h", 24.0),
        ("min", "h", 1 / 60),
        ("Stunden", "h", 1.0),
        ("%", "1", 0.01),
        ("% sat", "1", 0.01),
        ("rpm", "1/min", 1.0),
        ("mL/h", "L/h", 1e-3),
        ("L/d", "L/h", 1 / 24),
        ("slpm", "L/h", 60.0),
        ("vvm", "1/h", 60.0),
        ("mOsm/kg H2O", "mmol/kg", 1.0),
        ("pg/cell/day", "g/(1e9 cells h)", 1e-12 * 1e9 / 24),
        ("W/m3", "W/m^3", 1.0),
        ("mol L-1 h-1", "mol/(L h)", 1.0),
    ],
)
def test_the_spelling_of_laboratories_is_read(written, house, factor):
    assert_allclose(convert(1.0, written, house), factor, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "millimolar", "grams"),
    [
        ("glucose", 20.0, 20e-3 * (6 * 12.011 + 12 * 1.008 + 6 * 15.999)),
        ("glutamine", 4.0, 4e-3 * (5 * 12.011 + 10 * 1.008 + 2 * 14.007 + 3 * 15.999)),
        ("lactate", 10.0, 10e-3 * (3 * 12.011 + 6 * 1.008 + 3 * 15.999)),  # as lactic acid
        ("ammonium", 5.0, 5e-3 * (14.007 + 4 * 1.008)),
        ("ethanol", 100.0, 100e-3 * (2 * 12.011 + 6 * 1.008 + 15.999)),
        ("citrate", 100.0, 100e-3 * (6 * 12.011 + 8 * 1.008 + 7 * 15.999)),  # as citric acid
    ],
)
def test_millimolar_becomes_grams_through_the_molar_mass(name, millimolar, grams):
    assert_allclose(convert(millimolar, "mM", "g/L", quantity=name), grams, rtol=1e-4)


def test_conversion_there_and_back_gives_the_same_values():
    values = np.array([0.1, 5.0, 33.3])
    there = convert(values, "g/L", "mmol/L", quantity="glucose")
    assert_allclose(convert(there, "mmol/L", "g/L", quantity="glucose"), values, rtol=1e-12)


def test_degrees_become_kelvin_with_their_offset():
    assert convert(37.0, "°C", "K") == 310.15
    assert_allclose(convert(np.array([98.6]), "degF", "K"), [310.15])


def test_concentrations_need_a_molar_mass_to_change_kind():
    with pytest.raises(UnitError, match="molar mass"):
        convert(1.0, "mM", "g/L")


def test_units_that_measure_other_things_are_refused():
    with pytest.raises(UnitError, match=r"glucose in 'h' cannot be converted to 'g/L'"):
        convert(1.0, "h", "g/L", quantity="glucose")


def test_an_unknown_unit_is_named():
    with pytest.raises(UnitError, match=r"'g/foo' is not a unit that is known here"):
        unit("g/foo")


def test_cells_are_a_dimension_of_their_own():
    balance = unit("1e6 cells/mL") * unit("g/(1e9 cells h)")
    assert balance.check(unit("g/(L h)").dimensionality)
    assert_allclose(balance.to("g/(L h)").magnitude, 1.0)


def test_the_registry_reads_what_models_write():
    for text in ("1e6 cells/mL", "g/(1e9 cells h)", "%", "1", "J/(h L K)", "1e9 cells h/L"):
        assert registry()(text) is not None


def test_words_are_no_units():
    assert not any(units.is_unit(word) for word in ("YSI", "R1", "offline", "S01", "Batch"))


GLUCOSE, CARBON = 180.156, 6 * 12.011


@pytest.mark.parametrize(
    ("unit", "name", "grams"),
    [
        *[(u, "glucose", GLUCOSE / CARBON) for u in ("g C/L", "g-C/L", "gC/L", "g C L-1")],
        *[(u, "glucose", GLUCOSE / 6) for u in ("mol C/L", "C-mol/L", "Cmol/L", "mol-C/L")],
        ("mmol C/L", "glucose", GLUCOSE / 6000),
        ("C-mmol/L", "glucose", GLUCOSE / 6000),
        ("mg C/L", "glucose", GLUCOSE / CARBON / 1000),
        ("mg N/L", "ammonium", 18.039 / 14.007 / 1000),
        ("mg NO3-N/L", "nitrate", None),
        ("mmol N/L", "glutamine", 146.145 / 2000),
        ("mg P/L", "phosphate", 94.971 / 30.974 / 1000),
        ("g N/L", "nitrogen", 1.0),
    ],
)
def test_grams_of_an_element_become_grams_of_the_molecule(unit, name, grams):
    if grams is None:
        with pytest.raises(UnitError):
            convert(1.0, unit, "g/L", quantity=name)
    else:
        assert_allclose(convert(1.0, unit, "g/L", quantity=name), grams, rtol=1e-6)


@pytest.mark.parametrize(
    ("unit", "name"),
    [("g C/L", "biomass"), ("g N/L", "glucose"), ("g C/L", None), ("g c/L", "glucose")],
)
def test_an_element_that_the_formula_does_not_hold_is_never_cancelled(unit, name):
    with pytest.raises(UnitError, match="counts|compared"):
        convert(1.0, unit, "g/L", quantity=name)


def test_cells_are_not_cancelled_where_grams_are_expected():
    with pytest.raises(UnitError):
        convert(1.0, "g cells/L", "g/L")
    assert_allclose(convert(1.0, "10^6/mL", "1e6 cells/mL"), 1.0)


@pytest.mark.parametrize("unit", ["9**9**9", "(9)**(9)**9", "((9)**99)**99", "m**999", "1e999", ""])
def test_powers_of_numbers_are_no_units(unit):
    assert not units._is_plain(unit) or not units.is_unit(unit)

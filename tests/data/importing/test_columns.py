import numpy as np
import pytest

from bayesbio.data.importing.columns import (
    ReadOptions,
    assumed_unit,
    check_role,
    find_header,
    plan_quantity,
)
from bayesbio.data.vocabulary.quantities import extended, quantity, shipped
from bayesbio.errors import DataError

OPTIONS = ReadOptions(shipped(), columns={"Glc YSI": "glucose [mM]", "junk": "ignore"})
VALUES = np.array([1.0, 2.0])


@pytest.mark.parametrize(
    ("header", "name", "unit", "role"),
    [
        ("Glc YSI", "glucose", "mM", "measurement"),
        ("Glucose added (g)", "glucose", "g", "bolus"),
        ("glucose (g C/L)", "glucose", "g C/L", "measurement"),
        ("spider silk (mg/L)", "spider_silk", "mg/L", "measurement"),
        ("Agitation (rpm)", "agitation", "rpm", "profile"),
    ],
)
def test_a_header_becomes_a_quantity_with_unit_and_role(header, name, unit, role):
    plan, findings = plan_quantity(header, "", VALUES, OPTIONS)
    assert (plan.word.name, plan.unit, plan.role, findings) == (name, unit, role, [])


@pytest.mark.parametrize(
    ("header", "severity", "sentence"),
    [
        ("glucos (g/L)", "error", "Did you mean glucose?"),
        ("glucose (h)", "error", "expected a unit that can be converted to g/L"),
        ("biomass (g C/L)", "error", "gives biomass in 'g C/L'; expected a unit"),
        ("DCW (g/kg)", "warning", "at a density of 1 kg/L"),
        ("zorblax", "warning", "not in the vocabulary and has no unit"),
    ],
)
def test_what_is_not_understood_is_answered(header, severity, sentence):
    _, (finding,) = plan_quantity(header, "", VALUES, OPTIONS)
    assert finding.severity == severity and sentence in str(finding)


def test_a_column_that_is_left_out_is_not_used():
    assert plan_quantity("junk", "", VALUES, OPTIONS)[0].role == "not used"


def test_columns_are_found_with_and_without_their_unit():
    header = ("Batch ID", "Glc [mM]", "glc")
    assert (find_header(header, "glc"), find_header(header, "Glc"), find_header(header, "x")) == (
        2,
        2,
        None,
    )
    assert find_header(header[:2], "glc") == 1


def test_units_that_are_not_given_are_assumed_from_the_numbers():
    assert assumed_unit(quantity("temperature"), np.array([37.0]))[0] == "degC"
    assert assumed_unit(quantity("viable_cell_density"), np.array([3e6]))[0] == "cells/mL"
    assert assumed_unit(quantity("viability"), np.array([0.98]))[0] == "1"


def test_options_that_do_not_exist_are_refused():
    with pytest.raises(DataError, match=r"role 'profil' is unknown.*Did you mean 'profile'"):
        check_role("profil")
    with pytest.raises(DataError, match="expected '.' or ','"):
        ReadOptions(extended(), decimal=";")

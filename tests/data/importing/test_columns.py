import numpy as np
import pandas as pd
import pytest

from bayesbio.data import read_campaign
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


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("Ansatz;Zeit (Std);Lebendzelldichte (Mio/mL);Glukose (g/L);Ammoniak (mmol/L)", 24),
        ("Lote;Tiempo (días);Células viables (10^6 cel/mL);Glucosa (g/L);Amonio (mmol/L)", 1),
        ("Essai;Jour;Cellules viables (10^6/mL);Glucose (g/L);Ammoniac (mmol/L)", 1),
        ("Prova;Giorno;Cellule vive (10^6/mL);Glucosio (g/L);Ammoniaca (mmol/L)", 1),
    ],
)
def test_headers_are_read_in_other_languages(tmp_path, header, rows):
    lines = [f"A;{rows * day};{0.5 + day},5;6,{day};1,{day}" for day in range(4)]
    path = tmp_path / "sheet.csv"
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    campaign = read_campaign(path)
    assert set(campaign.quantities) == {"ammonium", "glucose", "viable_cell_density"}
    assert campaign["A"].times()[-1] == 72.0
    assert not list(campaign.findings)


def test_single_letters_mean_what_their_company_says():
    days, company = np.arange(5.0), {"Run": "A", "Day": np.arange(5.0), "Xv (1e6/mL)": 1.0}
    frame = pd.DataFrame({**company, "V": 99 - days, "G": 6 - days, "L": days, "Gln (mM)": 2.0})
    campaign = read_campaign(frame)
    assert {"viability", "glucose", "lactate", "glutamine"} <= set(campaign.quantities)
    assert "Column 'V' was read as viability" in str(campaign.findings)
    vessel = read_campaign(pd.DataFrame({**company, "V": 2 + days / 10}))
    assert "volume" in vessel.quantities


def test_glu_is_glucose_only_where_nothing_else_is():
    frame = pd.DataFrame({"Run": "A", "Day": np.arange(5.0), "Lac (g/L)": 1.0, "Glu": 5.0})
    assert "glucose" in read_campaign(frame).quantities
    both = read_campaign(frame.assign(**{"Glc (g/L)": 6.0}))
    assert {"glucose", "glutamate"} <= set(both.quantities)

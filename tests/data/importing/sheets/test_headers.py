import pytest

from bayesbio.data.importing.sheets.headers import Headers, snake
from bayesbio.data.vocabulary.quantities import shipped

HEADERS = Headers(shipped())


@pytest.mark.parametrize(
    ("text", "name", "unit"),
    [
        ("Glc [mM]", "glucose", "mM"),
        ("glucose_g_L", "glucose", "g_L"),
        ("VCD (1e6 cells/mL)", "viable_cell_density", "1e6 cells/mL"),
        ("T / °C", "temperature", "°C"),
        ("% viability", "viability", "%"),
        ("Glucose YSI (g/L)", "glucose", "g/L"),
        ("glucose (g C/L)", "glucose", "g C/L"),
        ("Feed A glucose (g/L)", "feed_glucose", "g/L"),
    ],
)
def test_name_and_unit_are_separated(text, name, unit):
    header = HEADERS.read(text)
    assert header.words[0].name == name
    assert header.unit in (unit, unit.replace("_", "/"))


def test_replicates_parts_and_bad_units_are_recognised():
    assert HEADERS.read("Lac (g/L) 2").replicate == 2 and HEADERS.read("VCD B").replicate == 2
    assert HEADERS.read("Biomass SD (g/L)").part == "sd"
    assert HEADERS.read("glucose [bananas]").bad_unit == "bananas"
    assert HEADERS.read("glucose", "g/L").unit == "g/L"


def test_prose_has_no_unit():
    assert HEADERS.read("the pump was stopped " * 20).unit is None


def test_headers_become_names_of_the_house():
    assert snake("Cell Line") == "cell_line" and snake("  ") == "unnamed"


@pytest.mark.parametrize(
    ("text", "name", "unit"),
    [
        ("Penicillin concentration(P:g/L)", "penicillin", "g/L"),
        ("Offline Penicillin concentration(P_off:P(g L^{-1}))", "penicillin", "g L^-1"),
        ("pH(pH:pH)", "ph", "pH"),
    ],
)
def test_a_symbol_before_the_unit_is_no_part_of_it(text, name, unit):
    header = Headers(shipped()).read(text)
    assert (header.words[0].name, header.unit) == (name, unit)

import json
import re
import subprocess
import sys
from typing import NamedTuple

import pytest

from bayesbio.data.vocabulary import quantities as vocabulary
from bayesbio.data.vocabulary.quantities import (
    ATOMIC_MASSES,
    Quantity,
    key,
    known,
    quantity,
    subscripted,
)
from bayesbio.data.vocabulary.units import same_dimension, unit
from bayesbio.errors import DataError

OTHERS = {"H": 1.008, "O": 15.999, "Na": 22.990, "Mg": 24.305, "Cl": 35.45, "K": 39.098,
          "Ca": 40.078, "Fe": 55.845}  # fmt: skip
MOLECULES = [name for name in known() if quantity(name).molar_mass]


@pytest.mark.parametrize("name", MOLECULES)
def test_the_formula_of_a_molecule_weighs_its_molar_mass(name):
    word = quantity(name)
    symbols = set(re.findall(r"[A-Z][a-z]?", word.formula))
    masses = {**OTHERS, **ATOMIC_MASSES}
    assert sum(masses[s] * word.atoms(s) for s in symbols) == pytest.approx(
        word.molar_mass, rel=1e-3
    )


def test_atoms_and_mass_fractions_follow_the_formula():
    glutamine = quantity("glutamine")
    assert (glutamine.atoms("C"), glutamine.atoms("N"), glutamine.atoms("S")) == (5, 2, 0)
    assert glutamine.mass_fraction("N") == pytest.approx(2 * 14.007 / 146.145)
    assert Quantity("biomass").mass_fraction("C") == 0.0
    assert Quantity("salt", formula="NaCl").atoms("N") == 0  # sodium is no nitrogen


def test_a_role_that_does_not_exist_is_refused():
    with pytest.raises(DataError, match="role 'wish' is unknown"):
        Quantity("a", role="wish")


def test_names_are_compared_by_letters_and_digits():
    assert key("Grün µ₂ α-β") == "grunu2alphabeta"
    assert subscripted("S", "feed") == r"S_{\mathrm{feed}}"


@pytest.mark.parametrize("name", vocabulary.known())
def test_every_word_has_a_unit_a_symbol_and_a_meaning(name):
    word = quantity(name)
    assert unit(word.unit) is not None
    assert word.symbol and word.description


def test_no_name_is_an_alias_of_another_word():
    words = {name: quantity(name) for name in vocabulary.known()}
    assert all(vocabulary.find(name) is words[name] for name in words)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("VCD", "viable_cell_density"),
        ("Viab", "viability"),
        ("Glc", "glucose"),
        ("Gln", "glutamine"),
        ("Lac", "lactate"),
        ("NH4", "ammonium"),
        ("NH4+", "ammonium"),
        ("Titer", "titer"),
        ("OD", "optical_density"),
        ("OD600", "optical_density"),
        ("DCW", "biomass"),
        ("mu", "specific_growth_rate"),
        ("kLa", "oxygen_transfer_coefficient"),
        ("DO", "dissolved_oxygen"),
        ("T", "temperature"),
        ("Viable Cell Density", "viable_cell_density"),
        ("cA", "concentration_a"),
        ("Ca", "calcium"),
        ("feed_glucose", "feed_glucose"),
        ("Initial VCD", "initial_viable_cell_density"),
    ],
)
def test_aliases_lead_to_the_word_of_the_house(alias, name):
    assert quantity(alias).name == name


def test_the_words_of_the_style_have_its_units():
    stated = {
        "viable_cell_density": "1e6 cells/mL",
        "viability": "1",
        "specific_growth_rate": "1/h",
        "maximum_growth_rate": "1/h",
        "death_rate": "1/h",
        "glucose_monod_constant": "g/L",
        "cell_yield_on_glucose": "1e9 cells/g",
        "specific_productivity": "g/(1e9 cells h)",
        "titer": "g/L",
        "oxygen_transfer_coefficient": "1/h",
        "power_per_volume": "W/m3",
        "tip_speed": "m/s",
        "ionic_capacity": "mol/L",
        "characteristic_charge": "1",
        "steric_factor": "1",
        "column_porosity": "1",
        "particle_porosity": "1",
        "residence_time": "h",
    }
    assert {name: quantity(name).unit for name in stated} == stated


def test_initial_and_feed_names_take_the_unit_of_their_state():
    assert quantity("initial_viable_cell_density").unit == "1e6 cells/mL"
    assert quantity("initial_concentration_a").unit == "mol/L"
    assert quantity("feed_glutamine").unit == "g/L"
    assert quantity("initial_glucose").role == "setting"


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(DataError) as caught:
        quantity("glucos")
    assert str(caught.value) == (
        "'glucos' is not in the vocabulary. Did you mean glucose? A new quantity: "
        "read_campaign(..., quantities={'glucos': 'g/L'})."
    )


@pytest.mark.parametrize(
    "name", ["glutamate", "lactose", "harvest titer", "rate_constant_3", "igf1"]
)
def test_what_is_another_word_is_no_slip(name):
    assert vocabulary.shipped().typo(name) is None


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("glucos", "glucose"),
        ("viabillity", "viability"),
        ("viable_cell_densty", "viable_cell_density"),
        ("initial_glucos", "initial_glucose"),
    ],
)
def test_a_slip_of_the_pen_is_noticed(slip, meant):
    assert vocabulary.shipped().typo(slip) == meant


def test_a_model_extends_the_vocabulary_and_its_units_hold():
    class Model:
        class State(NamedTuple):
            hare: float
            glucose: float

        units = {"hare": "1", "glucose": "mol/L", "burrows": "1", "pump": "L/h"}
        inputs = ("pump",)
        settings = ("burrows",)

    words = vocabulary.extended(model=Model())
    assert words.find("hare").role == "measurement"
    assert words.find("Glc").unit == "mol/L"
    assert (words.find("pump").role, words.find("burrows").role) == ("profile", "setting")
    assert quantity("glucose").unit == "g/L"


def test_amounts_are_concentrations_times_litre():
    assert quantity("glucose").amount_unit == "g"
    assert quantity("concentration_a").amount_unit == "mol"
    assert quantity("viable_cell_density").amount_unit == "1e9 cells"
    assert quantity("volume").amount_unit == "L"
    assert same_dimension("1e9 cells", "cells")


def test_carbon_fraction_of_glucose_is_forty_percent():
    assert quantity("glucose").mass_fraction("C") == pytest.approx(0.40, abs=1e-3)


def test_importing_the_room_builds_no_unit_registry():
    code = (
        "import sys, json; import bayesbio.data; "
        "print(json.dumps([m for m in ('pint', 'pymc', 'openpyxl') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []

import re

import pytest

from bayesbio.data.vocabulary.lookup import known, quantity
from bayesbio.data.vocabulary.terms import ATOMIC_MASSES, Quantity, key, subscripted
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

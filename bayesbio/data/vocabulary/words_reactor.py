"""Chemical reactors: species, heats, rate constants."""

from __future__ import annotations

from typing import Any

from bayesbio.data.vocabulary.lookup import Quantity


def _parameter(name: str, unit: str, symbol: str, description: str, **more: Any) -> Quantity:
    return Quantity(name, unit, symbol, description, role="parameter", **more)


SPECIES = tuple(
    Quantity(
        f"concentration_{letter}",
        "mol/L",
        f"c_{letter.upper()}",
        f"Species {letter.upper()}",
        (
            f"c_{letter}",
            f"c{letter.upper()}",
            f"conc {letter}",
            f"{letter} conc",
            f"species {letter}",
        ),
    )
    for letter in "abcd"
)

QUANTITIES = (
    *SPECIES,
    _parameter("rate_constant_1", "1/h", "k_1", "First step at the reference temperature"),
    _parameter("rate_constant_2", "1/h", "k_2", "Second step at the reference temperature"),
    _parameter("activation_energy_1", "J/mol", "E_1", "Activation energy of the first step"),
    _parameter("activation_energy_2", "J/mol", "E_2", "Activation energy of the second step"),
    _parameter("reaction_enthalpy_1", "J/mol", r"\Delta H_1", "Heat of the first step", lower=None),
    _parameter(
        "reaction_enthalpy_2", "J/mol", r"\Delta H_2", "Heat of the second step", lower=None
    ),
    _parameter("heat_capacity", "J/(L K)", r"\rho c_p", "Heat capacity per volume"),
    _parameter("heat_transfer", "J/(h L K)", r"UA/V", "Heat transfer per volume and kelvin"),
    _parameter(
        "reference_temperature", "K", r"T_{\mathrm{ref}}", "Where rate constants are stated"
    ),
    Quantity("conversion", "1", "X_A", "Share of the reactant that is gone", upper=1.0),
    Quantity("reaction_yield", "1", "Y", "Product made per reactant charged", upper=1.0),
    Quantity("selectivity", "1", "S", "Product made per reactant gone", upper=1.0),
)

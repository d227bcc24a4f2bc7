"""A quantity: its name, unit, symbol, meaning, other names and molecular formula."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from bayesbio.errors import DataError

ROLES = ("measurement", "profile", "setting", "time", "run", "parameter", "bolus", "sample")
ATOMIC_MASSES = {"C": 12.011, "N": 14.007, "P": 30.974, "S": 32.06}  # [g/mol], IUPAC 2021
AMOUNTS = {"g/L": "g", "mol/L": "mol", "1e6 cells/mL": "1e9 cells", "U/L": "U"}


@dataclasses.dataclass(frozen=True)
class Quantity:
    """
    One term of the vocabulary.

    Parameters
    ----------
    name : str
        The name in code, a field's name in a model and a column's name in a table.
    unit : str
        Its house unit.
    symbol : str
        LaTeX symbol for equations and figures.
    description : str
        What it is, in one line.
    aliases : tuple of str
        Other names under which laboratories export it.
    molar_mass : float [g/mol], optional
        Lets mol become g. Organic acids count as the free acid, the form of the assay's standard.
    formula : str
        Molecular formula, such as C6H12O6: lets grams or moles of carbon, nitrogen, phosphorus or
        sulfur become grams of the molecule, and serves the carbon balance.
    role : str
        What a column of that name usually is: measurement, profile, setting, parameter, ...
    lower, upper : float, optional [unit]
        Physical limits.
    interpolation : {"linear", "step"}
        How a profile of it is read between its points.
    in_tables : {"", "response"}
        Whether a table of cultures measures it rather than sets it.
    unit_if_above_one : str
        Unit of numbers above one where none is given: a viability of 98 is in %.
    usual_noise : float, optional
        Relative standard deviation of a reading that its assays seldom exceed.

    Examples
    --------
    >>> from bayesbio.data import quantity
    >>> quantity("VCD").unit, quantity("glucose").atoms("C")
    ('1e6 cells/mL', 6)
    """

    name: str
    unit: str = "1"
    symbol: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    molar_mass: float | None = None
    formula: str = ""
    role: str = "measurement"
    lower: float | None = 0.0
    upper: float | None = None
    interpolation: str = "linear"
    in_tables: str = ""
    unit_if_above_one: str = ""
    usual_noise: float | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise DataError(f"Quantity {self.name!r}: role {self.role!r} is unknown; use {ROLES}.")
        if not self.symbol:
            object.__setattr__(self, "symbol", rf"\mathrm{{{self.name.replace('_', r'\ ')}}}")
        object.__setattr__(self, "aliases", tuple(self.aliases))

    def atoms(self, element: str) -> int:
        """Count the atoms of an element in a molecule; 0 where the formula is not known."""
        counts = re.findall(r"([A-Z][a-z]?)(\d*)", self.formula)
        return sum(int(count or 1) for symbol, count in counts if symbol == element)

    def mass_fraction(self, element: str) -> float:
        """
        Mass of carbon, nitrogen, phosphorus or sulfur per mass [g/g]; 0 where it is not known.

        Examples
        --------
        >>> glucose = Quantity("glucose", molar_mass=180.156, formula="C6H12O6")
        >>> round(glucose.mass_fraction("C"), 4)
        0.4
        """
        if not self.molar_mass:
            return 0.0
        return ATOMIC_MASSES[element] * self.atoms(element) / self.molar_mass

    @property
    def amount_unit(self) -> str:
        """Unit of an amount of it in a vessel: its concentration unit times litre."""
        return AMOUNTS.get(self.unit, self.unit)

    def replace(self, **changes: Any) -> Quantity:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)


def key(text: str) -> str:
    """
    Reduce a name to what is compared: letters and digits in lower case.

    Examples
    --------
    >>> key("Viable Cell-Density") == key("viable_cell_density")
    True
    """
    return re.sub(r"[^0-9a-z]", "", str(text).lower().translate(PLAIN_LETTERS))


PLAIN_LETTERS = str.maketrans(
    {
        **dict(zip("äöüéèµμ₀₁₂₃₄₅₆₇₈₉", "aoueeuu0123456789", strict=True)),
        "α": "alpha",
        "β": "beta",
    }
)


def subscripted(symbol: str, text: str) -> str:
    r"""
    Add a word to the subscript of a LaTeX symbol.

    Examples
    --------
    >>> print(subscripted(r"c_{\mathrm{Glc}}", "feed"), subscripted("S", "0"))
    c_{\mathrm{Glc},\mathrm{feed}} S_{\mathrm{0}}
    """
    word = f"\\mathrm{{{text}}}"
    if symbol.endswith("}") and "_{" in symbol:
        return f"{symbol[:-1]},{word}}}"
    if "_" in symbol:
        base, under = symbol.rsplit("_", 1)
        return f"{base}_{{{under},{word}}}"
    return f"{symbol}_{{{word}}}"

"""Names, units and numbers as a reader wants to see them."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np

from bayesbio.data import quantity
from bayesbio.errors import DataError

__all__ = [
    "ReaderUnit",
    "axis_label",
    "number",
    "quantity_unit",
    "reader_unit",
    "title",
    "unit_text",
]

NOISE_PARTS = {
    "sd_drift": "Drift of the readings, sd,",
    "memory": "Memory of the drift of the readings",
    "fraction": "Proportional measurement noise",
    "sd_sample": "Error shared by replicates, sd,",
}
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
DAYS_FROM_HOURS = 96.0  # a course longer than this reads better in days


@dataclasses.dataclass(frozen=True)
class ReaderUnit:
    """
    How a quantity in house units is shown: ``shown = factor * value + offset``.

    Parameters
    ----------
    unit : str
        The unit shown.
    factor, offset : float
        From the house unit to the unit shown.

    Examples
    --------
    >>> reader_unit("jacket_temperature", "K").shown(310.15)
    37.0
    """

    unit: str
    factor: float = 1.0
    offset: float = 0.0

    def shown(self, values: Any) -> Any:
        """Convert values of any shape from the house unit to the unit shown."""
        return self.factor * values + self.offset


def reader_unit(quantity: str, unit: str) -> ReaderUnit:
    """
    Choose the unit in which a measured or predicted quantity is shown.

    Parameters
    ----------
    quantity : str
        Its name; ``time`` is shown in hours or days (see `time_unit`).
    unit : str
        Its house unit.

    Returns
    -------
    ReaderUnit
        Degrees Celsius for temperatures, per cent for fractions, otherwise the house unit.

    Examples
    --------
    >>> reader_unit("viability", "fraction").shown(0.5)
    50.0
    >>> reader_unit("glucose", "g/L").unit
    'g/L'
    """
    if unit in ("K", "kelvin"):
        return ReaderUnit("°C", offset=-273.15)
    if unit == "fraction" or quantity == "viability":
        return ReaderUnit("%", factor=100.0)
    return ReaderUnit(unit_text(unit))


def quantity_unit(name: str) -> str:
    """
    Look up the house unit of a quantity; blank when the vocabulary does not know it.

    Examples
    --------
    >>> quantity_unit("titer"), quantity_unit("margin_of_the_plant")
    ('g/L', '')
    """
    try:
        return quantity(name).unit
    except DataError:
        return ""


def time_unit(last: float) -> ReaderUnit:
    """
    Choose hours or days for a course that ends at the given time.

    Parameters
    ----------
    last : float [h]
        The last time shown.

    Examples
    --------
    >>> time_unit(336.0).unit, time_unit(24.0).unit
    ('d', 'h')
    """
    return ReaderUnit("d", factor=1 / 24) if last > DAYS_FROM_HOURS else ReaderUnit("h")


def unit_text(unit: str) -> str:
    """
    Spell a unit with real exponents; a pure number has none.

    Examples
    --------
    >>> unit_text("1e6 cells/mL")
    '10⁶ cells/mL'
    >>> unit_text("g/(1e9 cells h)")
    'g/(10⁹ cells h)'
    >>> unit_text("1")
    ''
    """
    unit = "" if unit in ("1", "dimensionless", "nan", "None") else unit
    unit = re.sub(r"\b1e(\d+)", lambda match: "10" + match[1].translate(SUPERSCRIPT), unit)
    unit = re.sub(r"(?:\*\*|\^)(-?\d+)", lambda match: match[1].translate(SUPERSCRIPT), unit)
    return re.sub(r"\bm([23])\b", lambda match: "m" + match[1].translate(SUPERSCRIPT), unit)


def title(name: str) -> str:
    """
    Turn a name in code into words.

    Examples
    --------
    >>> title("viable_cell_density")
    'Viable cell density'
    >>> title("maximum_growth_rate_sd_run")
    'Maximum growth rate, sd between runs'
    >>> title("strength_sd_batch:cask")
    'Strength, sd between casks within batches'
    >>> title("correlation_run[growth_rate, cell_yield]")
    'Correlation of growth rate with cell yield, between runs'
    >>> title("specific_productivity_slope[clone=B]")
    'Specific productivity, slope by clone=B'
    >>> title("growth_correction_product"), title("growth_correction_product_weight_2")
    ('Correction of growth by product', 'Correction of growth by product, weight 2')
    >>> title("noise_glucose")
    'Measurement noise of glucose'
    >>> title("glucose_monod_constant")
    'Glucose Monod constant'
    >>> title("pH"), title("seed_ph")
    ('pH', 'Seed pH')
    """
    if match := re.fullmatch(r"correlation_([\w:]+)\[(.+), (.+)\]", name):
        pair = f"{_words(match[2])} with {_words(match[3])}"
        return f"Correlation of {pair}, between {_plural(match[1])}"
    if match := re.fullmatch(r"(\w+)_correction_(\w+?)(_amplitude|_weight_\d+)?", name):
        part = f",{match[3].replace('_', ' ')}" if match[3] else ""
        return f"Correction of {_words(match[1])} by {_words(match[2])}{part}"
    if match := re.fullmatch(r"(\w+)_slope\[(.+)\]", name):
        return f"{title(match[1])}, slope by {_words(match[2])}"
    if match := re.fullmatch(r"noise_(\w+)_(sd_drift|memory|fraction|sd_sample)", name):
        return f"{NOISE_PARTS[match[2]]} of {_words(match[1])}"
    if match := re.fullmatch(r"curve_(\w+)_([a-z]+)", name):
        return f"Calibration curve of {_words(match[1])}, {match[2]}"
    if name == "noise_shared":
        return "Error shared by all analytes of a sample"
    if match := re.fullmatch(r"(\w+)_sd_([\w:]+)", name):
        return f"{title(match[1])}, sd between {_plural(match[2])}"
    if match := re.fullmatch(r"(\w+?)_by_([\w:]+)", name):
        return f"{title(match[1])} by {match[2].replace('_', ' ')}"
    if match := re.fullmatch(r"noise_(\w+)_degrees_of_freedom", name):
        return f"Tail weight of the noise of {match[1].replace('_', ' ')}"
    if match := re.fullmatch(r"noise_(\w+)", name):
        return f"Measurement noise of {match[1].replace('_', ' ')}"
    words = re.sub(
        r"\b(monod|haldane|contois|langmuir)\b", _capital, name.replace("_", " ").strip()
    )
    words = re.sub(r"\bph\b", "pH", words)
    return words if words[:2] == "pH" else words[:1].upper() + words[1:]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _capital(match: re.Match[str]) -> str:
    return match[0].capitalize()


def _plural(word: str) -> str:
    if ":" in word:
        held, _, holding = word.rpartition(":")[::-1]
        return f"{_plural(held)} within {_plural(holding)}"
    word = word.replace("_", " ")
    return f"{word}es" if word.endswith(("ch", "s", "x")) else f"{word}s"


def axis_label(name: str, unit: str) -> str:
    """
    Name a quantity on an axis, with its unit.

    Examples
    --------
    >>> axis_label("glucose", "g/L")
    'Glucose [g/L]'
    >>> axis_label("order", "")
    'Order'
    """
    return f"{title(name)} [{unit}]" if unit else title(name)


def number(value: Any, digits: int = 3) -> str:
    """
    Write a number with so many significant digits, and a dash when there is none.

    Parameters
    ----------
    value : float
        Any number; NaN and None become a dash.
    digits : int
        Significant digits.

    Examples
    --------
    >>> number(0.041234), number(1234.6), number(2.5e-6), number(float("nan"))
    ('0.0412', '1235', '2.5 × 10⁻⁶', '–')
    """
    if value is None or not np.isfinite(float(value)):
        return "–"
    value = float(value)
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)))
    if power < -4 or power > 6:
        scaled = f"{value / 10.0**power:.{digits - 1}f}".rstrip("0").rstrip(".")
        return f"{scaled} × 10{str(power).translate(SUPERSCRIPT)}"
    return f"{value:.{max(digits - 1 - power, 0)}f}"

"""What rows of one clone, site, scale, vessel or day have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.titer.factors.factor_coding import NOT_RECORDED
from bayesbio.titer.factors.terms import Cells

# Scales of the half-normal priors, in standard deviations of the response; of a logit.
BETWEEN_LEVELS, BETWEEN_SLOPES, BETWEEN_LOGITS = 0.5, 0.3, 2.0
CLEARLY = 5.0  # ratio of mean squares from which levels are told apart
MAKES = "makes_"  # prefix of what belongs to making product at all


@dataclasses.dataclass(frozen=True)
class Varying:
    """
    Let the intercept, or the slope of a factor, differ between the levels of a group.

    Parameters
    ----------
    group : str
        A column: clone, site, scale, vessel, day, run.
    slope : str, optional
        A numeric factor whose slope differs; the intercept if None.

    Examples
    --------
    >>> Varying("site", slope="temperature").name
    'site_temperature'
    """

    group: str
    slope: str | None = None

    @property
    def name(self) -> str:
        """Suffix of its names: ``sd_<name>`` and ``by_<name>``."""
        return self.group if self.slope is None else f"{self.group}_{self.slope}"

    def effects(
        self, levels: tuple[str, ...], spread: Any, prefix: str = "", *, centred: bool = False
    ) -> Any:
        """
        Register the levels' effects, standardised, in the current ``pm.Model``.

        Parameters
        ----------
        levels : tuple of str
        spread : variable
            Standard deviation between levels, see `spread`.
        prefix : str
            Of the names.
        centred : bool
            Whether effects themselves are sampled, right where each level's readings say much.
        """
        if centred:
            effects = pm.Normal(f"{prefix}by_{self.name}_raw", 0.0, spread, shape=len(levels))
        else:
            raw = pm.Normal(f"{prefix}by_{self.name}_raw", 0.0, 1.0, shape=len(levels))
            effects = spread * raw
        return pm.Deterministic(f"{prefix}by_{self.name}_score", effects)

    def spread(self, prefix: str = "") -> Any:
        """Register the standard deviation between levels."""
        scale = BETWEEN_LEVELS if self.slope is None else BETWEEN_SLOPES
        return pm.HalfNormal(f"{prefix}sd_{self.name}_score", BETWEEN_LOGITS if prefix else scale)

    def places(self, expected: Any, spread: Any) -> Any:
        """
        Register where levels lie, around what the regression expects of each.

        It is the same prior as that of `effects`, sampled in the places themselves: right where
        each level's readings say much and its rows share their factors, as replicates do.

        Parameters
        ----------
        expected : PyTensor vector, shape (levels,)
        spread : variable

        Returns
        -------
        PyTensor vector, shape (levels,)
        """
        places = pm.Normal(f"by_{self.name}_raw", expected, spread, shape=expected.shape)
        pm.Deterministic(f"by_{self.name}_score", places - expected)
        return places

    def times(self, effects: Any, cells: Cells) -> Any:
        """Multiply by the factor where it is a slope."""
        return effects if self.slope is None else effects * cells[self.slope]


def levels_of(table: Table, group: str) -> tuple[tuple[str, ...], np.ndarray]:
    """
    Give the levels of a group that occur, and the number of each row's level.

    Raises
    ------
    DataError
        If the column is unknown.
    """
    if group not in tuple(table):
        raise DataError(
            f"There is no column {group!r} to vary by; the table's columns are {', '.join(table)}."
        )
    given = [level_name(value) for value in table[group]]
    levels = tuple(dict.fromkeys(given))
    return levels, np.array([levels.index(value) for value in given], dtype=int)


def level_name(value: Any) -> str:
    """Name of a level: a text as it is, a number without needless digits."""
    if value is None or value != value:
        return NOT_RECORDED
    return value if isinstance(value, str) else f"{float(value):g}"


def row_levels(rows: Any, group: str, levels: Mapping[str, int]) -> tuple[np.ndarray, list[str]]:
    """Give new rows the numbers of their levels, -1 for unseen ones, and name the unseen."""
    if group not in rows:
        return np.full(len(rows), -1), ["(not stated)"]
    given = [level_name(value) for value in rows[group]]
    places = np.array([levels.get(value, -1) for value in given], dtype=int)
    return places, sorted({value for value in given if value not in levels})


def tells_levels_apart(values: np.ndarray, numbers: np.ndarray) -> bool:
    """Tell whether readings differ clearly more between levels than within (F of 5 or more)."""
    known = np.isfinite(values)
    values, numbers = values[known], np.unique(numbers[known], return_inverse=True)[1]
    counts = np.bincount(numbers)
    spare = len(values) - len(counts)
    if len(counts) < 2 or spare < 1:
        return False
    means = np.bincount(numbers, values) / counts
    within = ((values - means[numbers]) ** 2).sum() / spare
    between = (counts * (means - values.mean()) ** 2).sum() / (len(counts) - 1)
    return bool(between >= CLEARLY * within)

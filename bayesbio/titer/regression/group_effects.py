"""Group effects: varying intercepts and slopes by clone, site, vessel or day."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pymc as pm

from bayesbio.data.table import Table
from bayesbio.errors import DataError, did_you_mean
from bayesbio.titer.factors.coded_rows import level_name
from bayesbio.titer.factors.terms import Cells

# Scales of the half-normal priors, in standard deviations of the response; of a logit.
BETWEEN_LEVELS, BETWEEN_SLOPES, BETWEEN_LOGITS = 0.5, 0.3, 2.0
CLEARLY = 5.0  # F ratio of mean squares from which the centred parameterisation is used
PRODUCTION = "production_"  # prefix of unknowns of the logistic regression of a hurdle


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

        Centred where the readings of each level are informative, else non-centred.
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

    def level_means(self, expected: Any, spread: Any) -> Any:
        """
        Register the means of levels around what the regression expects of each, shape (levels,).

        The same prior as that of `effects`, hierarchically centred: right where the readings of
        each level are informative and its rows share their factors, as replicates do.
        """
        means = pm.Normal(f"by_{self.name}_raw", expected, spread, shape=expected.shape)
        pm.Deterministic(f"by_{self.name}_score", means - expected)
        return means

    def times(self, effects: Any, cells: Cells) -> Any:
        """Multiply by the factor where it is a slope."""
        return effects if self.slope is None else effects * cells[self.slope]


@dataclasses.dataclass(frozen=True, eq=False)
class GroupLevels:
    """Levels of a group in a table."""

    names: tuple[str, ...]
    index: np.ndarray  # level of each row, shape (rows,)

    @classmethod
    def of_table(cls, table: Table, group: str) -> GroupLevels:
        """List the levels that occur; an unknown column is refused (`DataError`)."""
        if group not in tuple(table):
            raise DataError(
                f"There is no column {group!r} to vary by; the table's columns are "
                f"{', '.join(table)}.{did_you_mean(group, table)}"
            )
        given = [level_name(value) for value in table[group]]
        names = tuple(dict.fromkeys(given))
        index = {name: number for number, name in enumerate(names)}
        return cls(names, np.array([index[name] for name in given], dtype=int))


def differ_clearly(values: np.ndarray, index: np.ndarray) -> bool:
    """Whether readings differ clearly more between levels than within (F of 5 or more)."""
    known = np.isfinite(values)
    values, index = values[known], np.unique(index[known], return_inverse=True)[1]
    counts = np.bincount(index)
    freedom = len(values) - len(counts)
    if len(counts) < 2 or freedom < 1:
        return False
    means = np.bincount(index, values) / counts
    within = ((values - means[index]) ** 2).sum() / freedom
    between = (counts * (means - values.mean()) ** 2).sum() / (len(counts) - 1)
    return bool(between >= CLEARLY * within)

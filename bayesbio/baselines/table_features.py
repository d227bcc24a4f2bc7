"""Numbers that stand for the factors of a table, for regressors that know numbers only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from bayesbio.data.table import Table


@dataclasses.dataclass(frozen=True)
class TabularFeatures:
    """
    Numbers that stand for the factors of a table: as they are, or one indicator per level.

    Parameters
    ----------
    factors : tuple of str
        Which columns.
    levels : mapping of factor to tuple of str
        Of those that are names; a level that was not there before has no indicator.
    means : mapping of factor to float
        What stands for a missing number.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesbio.data import TableColumn
    >>> columns = [TableColumn("clone", "factor", levels=("A", "B")), TableColumn("ph", "factor")]
    >>> table = Table(pd.DataFrame({"clone": ["A", "B"], "ph": [6.8, np.nan]}), columns)
    >>> TabularFeatures.of_table(table).of(table).tolist()
    [[1.0, 0.0, 6.8], [0.0, 1.0, 6.8]]
    """

    factors: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    means: Mapping[str, float]

    @classmethod
    def of_table(cls, table: Table, factors: Iterable[str] | None = None) -> TabularFeatures:
        """Learn levels and means from the rows of a table; by default of all its factors."""
        chosen = table.factors if factors is None else tuple(factors)
        levels, means = {}, {}
        for name in chosen:
            column = table.column(name)
            if column.is_number:
                values = table[name][np.isfinite(table[name])]
                means[name] = float(values.mean()) if values.size else 0.0
            else:
                levels[name] = column.levels
        return cls(chosen, levels, means)

    def of(self, table: Table) -> np.ndarray:
        """Give the features of the rows of a table, shape (rows, features)."""
        blocks = []
        for name in self.factors:
            values = table[name]
            if name in self.levels:
                blocks.append(np.array([values == level for level in self.levels[name]]).T)
            else:
                blocks.append(np.where(np.isfinite(values), values, self.means[name])[:, None])
        return np.hstack(blocks).astype(float) if blocks else np.zeros((len(table), 0))

"""Mixture factors: shares of a whole, such as the components of a medium."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import pandas as pd

from bayesbio.data.table import Table
from bayesbio.errors import DataError, ModelError

TOLERANCE = 1e-3  # of the total


@dataclasses.dataclass(frozen=True)
class Mixture:
    """
    Factors whose sum is fixed: none can change alone.

    The effect of a component is that of exchanging it for the others in their proportions (Cox's
    direction); squares are left out, as products with the others say the same (Scheffé).

    Parameters
    ----------
    factors : iterable of str
    total : float [unit of the factors]
        Their sum.

    Notes
    -----
    Cornell (2002), Experiments with Mixtures, ISBN 0471393673, chapters 2 and 6.

    Examples
    --------
    >>> mixture = Mixture(["a", "b", "c"], total=1.0)
    >>> rows = pd.DataFrame({"a": [0.5], "b": [0.3], "c": [0.2]})
    >>> mixture.moved(rows, "a", 0.75).round(3).to_dict("records")
    [{'a': 0.75, 'b': 0.15, 'c': 0.1}]
    """

    factors: Iterable[str]
    total: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", tuple(self.factors))
        if len(tuple(self.factors)) < 2 or not self.total > 0.0:
            raise ModelError(
                f"A mixture of {', '.join(self.factors) or 'nothing'} with total {self.total}; "
                "expected two factors or more and a total above zero."
            )

    def validate(self, table: Table) -> None:
        """Refuse rows whose components do not make the whole (`DataError`)."""
        sums = np.sum([table[name] for name in self.factors], axis=0)
        off = np.flatnonzero(~(np.abs(sums - self.total) <= TOLERANCE * self.total))
        if off.size:
            raise DataError(
                f"Row {off[0] + 1}: {' + '.join(self.factors)} is {sums[off[0]]:g}, but the "
                f"mixture says {self.total:g}. Correct the row or the total, or leave the mixture "
                "out if the components are free."
            )

    def moved(self, rows: pd.DataFrame, name: str, value: float) -> pd.DataFrame:
        """Set one component; the others share the rest in their proportions."""
        others = [factor for factor in self.factors if factor != name]
        changed = rows.copy()
        rest = changed[others].sum(axis=1).to_numpy(float)
        share = np.where(
            rest[:, None] > 0.0,
            changed[others].to_numpy(float) / np.where(rest > 0.0, rest, 1.0)[:, None],
            1.0 / len(others),
        )
        changed[others] = share * (self.total - value)
        changed[name] = float(value)
        return changed

    def closed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Scale the components of rows so that they make the whole."""
        changed, names = rows.copy(), list(self.factors)
        values = np.maximum(changed[names].to_numpy(float), 0.0)
        changed[names] = self.total * values / values.sum(axis=1, keepdims=True)
        return changed

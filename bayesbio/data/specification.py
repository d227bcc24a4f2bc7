"""A specification: the limits that a quantity must keep."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from bayesbio.errors import DataError


@dataclasses.dataclass(frozen=True)
class Specification:
    """
    Limits for one quantity, in its house unit.

    Parameters
    ----------
    quantity : str
        Which quantity.
    lower, upper : float, optional [house unit of the quantity]
        Limits, inclusive; at least one.
    at : float, optional [h]
        When it is asked; None means whenever asked, such as at harvest.

    Raises
    ------
    DataError
        If no limit is given, or the lower one is above the upper one.

    Examples
    --------
    >>> Specification("viability", lower=0.7).met([0.65, 0.7, 0.9]).tolist()
    [False, True, True]
    """

    quantity: str
    lower: float | None = None
    upper: float | None = None
    at: float | None = None

    def __post_init__(self) -> None:
        if self.lower is None and self.upper is None:
            raise DataError(
                f"The specification of {self.quantity!r} has no limit; give lower=, upper= or both."
            )
        for limit in ("lower", "upper", "at"):
            given = getattr(self, limit)
            if given is not None and not np.isfinite(given):
                raise DataError(
                    f"The specification of {self.quantity!r} has {limit} = {given}; expected a "
                    "finite number, or leave it out."
                )
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise DataError(
                f"The specification of {self.quantity!r} has its lower limit {self.lower:g} above "
                f"its upper limit {self.upper:g}; exchange the two."
            )

    def met(self, values: Any) -> np.ndarray:
        """Tell which values, any shape [house unit], keep the limits; a missing one does not."""
        given = np.asarray(values, float)
        inside = np.isfinite(given)
        if self.lower is not None:
            inside &= given >= self.lower
        if self.upper is not None:
            inside &= given <= self.upper
        return inside

    def __str__(self) -> str:
        low = f"{self.lower:g} <= " if self.lower is not None else ""
        high = f" <= {self.upper:g}" if self.upper is not None else ""
        return f"{low}{self.quantity}{high}" + (f" at {self.at:g} h" if self.at is not None else "")

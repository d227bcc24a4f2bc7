"""Points at which a surrogate is learned or asked: tables, their domain, predictions there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import DataError, ModelError


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """ModelError with the choices when a value is none of them."""
    if value not in allowed:
        raise ModelError(f"{name} is {value!r}; it is one of {', '.join(map(repr, allowed))}.")


def as_points(inputs: Any, *, names: Sequence[str] | None = None, what: str = "") -> pd.DataFrame:
    """
    Turn inputs into a table of numbers with one named column per input.

    Parameters
    ----------
    inputs : DataFrame, mapping of str to array, or array of shape (points, inputs) or (points,)
        Arrays get the names given, or x1, x2, ...
    names : sequence of str, optional
        The inputs expected, in their order.
    what : str
        What the inputs belong to, for the sentence of an error.

    Returns
    -------
    DataFrame of shape (points, inputs)

    Raises
    ------
    DataError
        If a column is missing, the number of inputs differs, or a value is not a finite number.

    Examples
    --------
    >>> as_points([[0.1, 7.0], [0.2, 7.2]]).columns.tolist()
    ['x1', 'x2']
    """
    of = f" of {what}" if what else ""
    if isinstance(inputs, pd.DataFrame | Mapping):
        table = pd.DataFrame(dict(inputs))
        if names is not None:
            lacking = [name for name in names if name not in table]
            if lacking:
                raise DataError(
                    f"The inputs{of} have the columns {', '.join(map(str, table.columns))}; "
                    f"{lacking[0]!r} is missing. Give one column for each of {', '.join(names)}."
                )
            table = table[list(names)]
    else:
        values = np.asarray(inputs, dtype=float)
        if values.ndim == 1:
            values = values[:, None]
        if values.ndim != 2 or not values.shape[1]:
            raise DataError(
                f"The inputs{of} have shape {values.shape}; expected (points, inputs), one row a "
                "run."
            )
        width = len(names) if names is not None else values.shape[1]
        if values.shape[1] != width:
            raise DataError(
                f"The inputs{of} have {values.shape[1]} columns where {width} were expected "
                f"({', '.join(names or ())}). Every fidelity and every prediction takes the same "
                "inputs, in the same order."
            )
        table = pd.DataFrame(
            values, columns=list(names or (f"x{i + 1}" for i in range(values.shape[1])))
        )
    try:
        table = table.astype(float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The inputs{of} are not all numbers: {error}. Code a label as a number, or fit one "
            "process per label."
        ) from error
    table.columns = [str(name) for name in table.columns]
    wrong = np.argwhere(~np.isfinite(table.to_numpy()))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"Input {table.columns[column]!r}{of} is {table.iloc[row, column]} in row {row}. "
            "Leave out the run, or find the value: missing inputs are not filled in."
        )
    return table.reset_index(drop=True)


@dataclasses.dataclass(frozen=True)
class Domain:
    """
    Ranges of the inputs in which a surrogate was learned; they also standardise the inputs.

    Parameters
    ----------
    names : tuple of str
    low, high : array of shape (inputs,)
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, points: pd.DataFrame, given: Mapping[str, Any] | None = None) -> Domain:
        """
        Take the range of the points, or the ranges given.

        Raises
        ------
        DataError
            If an input never varies, or a range given is empty, unknown or too narrow.
        """
        names = tuple(points.columns)
        low = points.min().to_numpy(float, copy=True)
        high = points.max().to_numpy(float, copy=True)
        for name, bounds in dict(given or {}).items():
            if name not in names:
                raise DataError(f"domain names {name!r}; the inputs are {', '.join(names)}.")
            i = names.index(name)
            start, end = (float(bound) for bound in bounds)
            if not start <= low[i] <= high[i] <= end:
                raise DataError(
                    f"The domain of {name!r} is {start:g} to {end:g}, but its readings span "
                    f"{low[i]:g} to {high[i]:g}. Give a range that holds them."
                )
            low[i], high[i] = start, end
        flat = [name for name, width in zip(names, high - low, strict=True) if not width > 0]
        if flat:
            raise DataError(
                f"Input {flat[0]!r} is the same in every row; leave it out, or give its range with "
                f"domain={{{flat[0]!r}: (low, high)}}."
            )
        return cls(names, low, high)

    def standardised(self, points: pd.DataFrame) -> np.ndarray:
        """Give inputs that run from -1/2 to 1/2 over the domain."""
        return (points[list(self.names)].to_numpy(float) - self.low) / self.widths - 0.5

    @property
    def widths(self) -> np.ndarray:
        """Width of the domain along each input."""
        return self.high - self.low

    def outside(self, points: pd.DataFrame, *, outside: str) -> np.ndarray:
        """
        Mark the points that lie outside the domain.

        Parameters
        ----------
        points : DataFrame of shape (points, inputs)
        outside : {"flag", "refuse"}
            Mark them only, or raise where there is one.

        Returns
        -------
        bool array of shape (points,)

        Raises
        ------
        ModelError
            If one lies outside, and `outside` is "refuse".
        """
        check_choice("outside", outside, ("flag", "refuse"))
        values = points[list(self.names)].to_numpy(float)
        slack = 1e-9 * self.widths
        beyond = (values < self.low - slack) | (values > self.high + slack)
        if outside == "refuse" and beyond.any():
            row, i = np.argwhere(beyond)[0]
            raise ModelError(
                f"{self.names[i]} = {values[row, i]:.6g} lies outside what was learned from, "
                f"{self.low[i]:.6g} to {self.high[i]:.6g}; a surrogate says little there. Add runs "
                "there, or ask with outside='flag'."
            )
        return beyond.any(axis=1)


def prediction_of(draws: np.ndarray, *, outside: np.ndarray, unit: str) -> xr.Dataset:
    """Lay predictive draws of `outcome`, shape (chain, draw, point), out beside `outside`."""
    return xr.Dataset(
        {
            "outcome": (("chain", "draw", "point"), draws, {"units": unit}),
            "outside": ("point", outside, {"units": "1"}),
        }
    )

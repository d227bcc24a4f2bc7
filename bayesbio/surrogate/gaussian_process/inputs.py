"""What goes into a Gaussian process, checked and standardised: inputs, outcomes, noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import DataError, ModelError

LEAST_READINGS = 3
MOST_READINGS = 600  # of one process: the cost grows with the cube
SAME = 1e-9  # inputs closer than this, in widths of their domain, are one point
NOISE_WORDS = ("estimate", "varying")


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
            values, columns=list(names or (f"x{place + 1}" for place in range(values.shape[1])))
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


def as_outcomes(outcome: Any, *, rows: int, what: str = "") -> np.ndarray:
    """
    Check outcomes: one finite number per row of the inputs.

    Raises
    ------
    DataError
        If their number differs from `rows`, one is not finite, there are too few, or all are equal.
    """
    of = f" of {what}" if what else ""
    values = np.asarray(outcome, dtype=float)
    if values.shape != (rows,):
        raise DataError(
            f"The outcomes{of} have shape {values.shape}, the inputs {rows} rows; one outcome per "
            "row was expected."
        )
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise DataError(
            f"The outcome{of} is {values[wrong[0]]} in row {wrong[0]} ({len(wrong)} of {rows} are "
            "not finite). Leave out rows without a measurement."
        )
    if rows < LEAST_READINGS:
        raise DataError(
            f"There are {rows} readings{of}; a Gaussian process needs at least {LEAST_READINGS}, "
            "and says little below three per input. Measure more, or fit a law with parameters."
        )
    if rows > MOST_READINGS:
        raise DataError(
            f"There are {rows} readings{of}; a full-Bayes Gaussian process takes up to "
            f"{MOST_READINGS}. Thin them evenly, or use PolynomialChaos for a simulator."
        )
    if np.all(values == values[0]):
        raise DataError(
            f"All {rows} outcomes{of} are {values[0]:g}; there is nothing to learn from an outcome "
            "that does not vary."
        )
    return values


@dataclasses.dataclass(frozen=True)
class Domain:
    """
    The box in which a surrogate is at home; it also sets the unit of each input.

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
            place = names.index(name)
            start, end = (float(bound) for bound in bounds)
            if not start <= low[place] <= high[place] <= end:
                raise DataError(
                    f"The domain of {name!r} is {start:g} to {end:g}, but its readings span "
                    f"{low[place]:g} to {high[place]:g}. Give a range that holds them."
                )
            low[place], high[place] = start, end
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

    def inside(self, points: pd.DataFrame, *, outside: str) -> np.ndarray:
        """
        Tell which points lie in the domain.

        Raises
        ------
        ModelError
            If one does not, and `outside` is "refuse".
        """
        if outside not in ("refuse", "flag"):
            raise ModelError(f"outside is {outside!r}; it is 'refuse' or 'flag'.")
        values = points[list(self.names)].to_numpy(float)
        slack = 1e-9 * self.widths
        within = (values >= self.low - slack) & (values <= self.high + slack)
        if outside == "refuse" and not within.all():
            row, place = np.argwhere(~within)[0]
            raise ModelError(
                f"{self.names[place]} = {values[row, place]:.6g} lies outside what was learned "
                f"from, {self.low[place]:.6g} to {self.high[place]:.6g}; a surrogate says little "
                "there. Add runs there, or ask with outside='flag'."
            )
        return within.all(axis=1)


@dataclasses.dataclass(frozen=True)
class OutcomeScale:
    """
    How an outcome is transformed and standardised.

    Parameters
    ----------
    kind : {"identity", "log"}
    centre, spread : float
        Mean and standard deviation of the transformed outcomes.
    """

    kind: str
    centre: float
    spread: float

    @classmethod
    def of(cls, values: np.ndarray, kind: str) -> OutcomeScale:
        """Standardise by the values' own mean and deviation."""
        if kind == "log" and values.min() <= 0:
            raise DataError(
                f"The smallest outcome is {values.min():g}; a log scale needs outcomes above zero. "
                "Use scale='identity'."
            )
        moved = np.log(values) if kind == "log" else values
        return cls(kind, float(moved.mean()), float(moved.std()))

    def forward(self, values: Any) -> np.ndarray:
        """Standardise outcomes."""
        values = np.asarray(values, dtype=float)
        moved = np.log(values) if self.kind == "log" else values
        return (moved - self.centre) / self.spread

    def backward(self, scores: np.ndarray) -> np.ndarray:
        """Bring standardised outcomes back to their unit."""
        moved = self.centre + self.spread * scores
        return np.exp(moved) if self.kind == "log" else moved

    def log_jacobian(self, values: np.ndarray) -> float:
        """Log of the density of outcomes over the density of their scores."""
        own = -len(values) * np.log(self.spread)
        return float(own - np.log(values).sum() if self.kind == "log" else own)

    def noise_variance(self, deviation: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Variance of the scores for given standard deviations of the outcomes."""
        relative = deviation / np.abs(values) if self.kind == "log" else deviation
        return (relative / self.spread) ** 2


@dataclasses.dataclass(frozen=True)
class NoiseBelief:
    """
    What is believed about the noise of readings.

    Parameters
    ----------
    deviation : array of shape (n,)
        Known standard deviations, in the unit of the outcome; zero where none is known.
    kind : {"known", "estimate", "varying"}
        Nothing to learn; one standard deviation; log standard deviation linear in the inputs.
    """

    deviation: np.ndarray
    kind: str

    @classmethod
    def of(cls, noise: Any, *, rows: int, what: str = "") -> NoiseBelief:
        """
        Read what a user says about noise.

        Raises
        ------
        DataError
            If it is no word we know, negative, or of another length than the readings.
        """
        of = f" of {what}" if what else ""
        if isinstance(noise, str):
            if noise not in NOISE_WORDS:
                raise DataError(
                    f"The noise{of} is {noise!r}; give 'estimate', 'varying' (it may depend on the "
                    "inputs), a standard deviation, or one standard deviation per reading."
                )
            return cls(np.zeros(rows), noise)
        deviation = np.asarray(noise, dtype=float)
        if deviation.ndim > 1 or (deviation.ndim == 1 and deviation.shape != (rows,)):
            raise DataError(
                f"The noise{of} has shape {deviation.shape} for {rows} readings; give one standard "
                "deviation, or one per reading."
            )
        if not np.all(np.isfinite(deviation)) or np.any(deviation < 0):
            raise DataError(
                f"The noise{of} has a standard deviation of {np.min(deviation):g}; expected zero "
                "or more."
            )
        return cls(np.broadcast_to(deviation, (rows,)).copy(), "known")

    def design(self, rows: np.ndarray, inputs: int) -> np.ndarray:
        """Design of the log standard deviation, shape (rows, parts)."""
        if self.kind == "known":
            return np.empty((len(rows), 0))
        if self.kind == "estimate":
            return np.ones((len(rows), 1))
        return np.column_stack([np.ones(len(rows)), 2.0 * rows[:, :inputs]])

    @property
    def exact(self) -> bool:
        """Whether every reading is the function itself."""
        return self.kind == "known" and not self.deviation.any()


def check_duplicates(rows: np.ndarray, noise: NoiseBelief, *, what: str = "") -> None:
    """
    Refuse readings at one point that are all said to be exact.

    Raises
    ------
    DataError
        If two rows with zero noise are the same point.
    """
    if noise.kind != "known":
        return
    exact = np.flatnonzero(noise.deviation == 0.0)
    for position, row in enumerate(exact):
        others = exact[position + 1 :]
        near = np.max(np.abs(rows[others] - rows[row]), axis=1, initial=0.0) < SAME
        if near.any():
            of = f" of {what}" if what else ""
            raise DataError(
                f"Rows {row} and {others[near][0]}{of} are the same point, and both readings are "
                "said to be exact (noise 0). Average or leave out duplicates, or give the noise: "
                "noise='estimate' learns it from them."
            )


def prediction_of(
    draws: np.ndarray, *, inside: np.ndarray, probability: float, unit: str = ""
) -> xr.Dataset:
    """Lay predictive draws, shape (chain, draw, point), out with mean, deviation and interval."""
    if not 0.0 < probability < 1.0:
        raise ModelError(
            f"The probability of an interval is {probability:g}; expected a number between 0 and 1."
        )
    tail = 0.5 * (1.0 - probability)
    attributes = {"units": unit} if unit else {}
    return xr.Dataset(
        {
            "outcome": (("chain", "draw", "point"), draws, attributes),
            "mean": ("point", draws.mean(axis=(0, 1)), attributes),
            "sd": ("point", draws.std(axis=(0, 1)), attributes),
            "interval": (
                ("bound", "point"),
                np.quantile(draws, [tail, 1.0 - tail], axis=(0, 1)),
                attributes,
            ),
            "inside": ("point", inside),
        },
        coords={"bound": ["lower", "upper"]},
        attrs={"probability": probability},
    )

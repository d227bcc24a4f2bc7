"""Outcomes of a Gaussian process and their noise, checked, transformed and standardised."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from bayesbio.errors import DataError

LEAST_READINGS = 3
MOST_READINGS = 600  # of one process: the cost grows with the cube
SAME = 1e-9  # inputs closer than this, in widths of their domain, are one point
NOISE_WORDS = ("estimate", "varying")


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
class OutcomeTransform:
    """
    Link function of an outcome, then standardisation: (link(y) - centre) / spread.

    Parameters
    ----------
    link : {"identity", "log"}
    centre, spread : float
        Mean and standard deviation of the transformed outcomes.
    """

    link: str
    centre: float
    spread: float

    @classmethod
    def of(cls, values: np.ndarray, link: str) -> OutcomeTransform:
        """Standardise by the mean and deviation of the values."""
        if link == "log" and values.min() <= 0:
            raise DataError(
                f"The smallest outcome is {values.min():g}; the log link needs outcomes above "
                "zero. Use link='identity'."
            )
        transformed = np.log(values) if link == "log" else values
        return cls(link, float(transformed.mean()), float(transformed.std()))

    def forward(self, values: Any) -> np.ndarray:
        """Standardise outcomes."""
        values = np.asarray(values, dtype=float)
        transformed = np.log(values) if self.link == "log" else values
        return (transformed - self.centre) / self.spread

    def backward(self, standardised: np.ndarray) -> np.ndarray:
        """Bring standardised outcomes back to their unit."""
        transformed = self.centre + self.spread * standardised
        return np.exp(transformed) if self.link == "log" else transformed

    def log_jacobian(self, values: np.ndarray) -> float:
        """Log Jacobian determinant of the transform."""
        linear = -len(values) * np.log(self.spread)
        return float(linear - np.log(values).sum() if self.link == "log" else linear)

    def noise_variance(self, deviation: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Noise variance of standardised outcomes for given standard deviations of the outcomes."""
        relative = deviation / np.abs(values) if self.link == "log" else deviation
        return (relative / self.spread) ** 2


@dataclasses.dataclass(frozen=True)
class NoiseModel:
    """
    Noise model of the readings: known, homoscedastic or log-linear in the inputs.

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
    def of(cls, noise: Any, *, rows: int, what: str = "") -> NoiseModel:
        """
        Make the model that the argument `noise` of `fit` asks for.

        Raises
        ------
        DataError
            If it is an unknown word, negative, or of another length than the readings.
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


def check_duplicates(rows: np.ndarray, noise: NoiseModel, *, what: str = "") -> None:
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
                "stated as exact (noise 0). Average or leave out duplicates, or give the noise: "
                "noise='estimate' learns it from them."
            )

"""Few titers, dense proxies, two assays of one thing: one model of what the culture holds."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from scipy import special

from bayesbio.data.table import Table
from bayesbio.errors import DataError, ModelError
from bayesbio.inference.density import LogDensity
from bayesbio.inference.judging import verdict_of
from bayesbio.inference.sampling import sample
from bayesbio.inference.tails import is_symbolic, normal_log_cdf
from bayesbio.inference.verdict import Verdict
from bayesbio.titer.coding import Coding, as_table
from bayesbio.titer.predictor import Design
from bayesbio.titer.scale import SCALES
from bayesbio.titer.shrinkage import Horseshoe
from bayesbio.titer.terms import second_order

NODES, WEIGHTS = np.polynomial.hermite.hermgauss(24)  # for readings below a limit
SHARED = 3  # readings beside the reference from which a bridge can be learned
TARGET_ACCEPT = 0.95


@dataclasses.dataclass(frozen=True)
class JointTiter:
    """
    What a culture holds, seen through a reference assay and through others.

    Every row has a titer t, the reference reads t + error, each other assay or proxy
    intercept + slope t + error of its own (all on the log scale, where a slope is a power, or all
    natural). Any reading may be missing, or below its limit.

    Parameters
    ----------
    titer : str
        Column of the reference assay; few rows need it.
    others : iterable of str
        Other assays of the same thing and proxies, such as optical density or wet cell weight.
    factors : iterable of str
        What was set, if titers depend on it: main effects.
    scale : {"log", "natural"}

    Notes
    -----
    A linear calibration with errors in both (Carroll et al. 2006, Measurement Error in Nonlinear
    Models, ISBN 1584886331, chapter 4). Titers are integrated out exactly: given the parameters the
    readings of a row are jointly normal; readings below a limit by Gauss-Hermite quadrature.

    Examples
    --------
    >>> JointTiter("hplc", ["octet", "od600"]).others
    ('octet', 'od600')
    """

    titer: str
    others: Iterable[str]
    factors: Iterable[str] = ()
    scale: str = "log"

    def __post_init__(self) -> None:
        others = (self.others,) if isinstance(self.others, str) else tuple(self.others)
        object.__setattr__(self, "others", others)
        object.__setattr__(self, "factors", tuple(self.factors))
        if self.scale not in SCALES:
            raise ModelError(f"The scale is {self.scale!r}; expected 'log' or 'natural'.")
        if not others or self.titer in others:
            raise ModelError(
                f"Beside {self.titer!r} came {list(others)}; expected one or more other columns."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Give the reference, then the others."""
        return (self.titer, *self.others)

    def fit(
        self,
        table: Table | pd.DataFrame,
        *,
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        random_seed: int = 0,
    ) -> JointPosterior:
        """
        Learn how the readings go together.

        Parameters
        ----------
        table : Table or DataFrame
            One row per sample; missing readings are NaN.
        draws, tune, chains : int
        random_seed : int
            Same seed, same draws.

        Returns
        -------
        JointPosterior

        Raises
        ------
        DataError
            If a column is missing, a reading has no logarithm, or an assay shares fewer than three
            rows with the reference.
        """
        table = as_table(table, self.titer)
        value, read, below = _readings(self, table)
        for place, name in enumerate(self.names):
            shared = int(((read | below)[:, 0] & (read | below)[:, place]).sum())
            if shared < SHARED:
                raise DataError(
                    f"{name!r} and the reference {self.titer!r} share {shared} rows; {SHARED} or "
                    "more are needed to bridge them. Measure some samples with both."
                )
        centre = np.array([value[read[:, k], k].mean() for k in range(len(self.names))])
        spread = np.array([value[read[:, k], k].std() or 1.0 for k in range(len(self.names))])
        design, cells = None, {}
        if self.factors:
            coding, _ = Coding.of_table(table, self.factors)
            cells = coding.cells(table.to_frame())
            if any(np.isnan(cells[name]).any() for name in coding.numbers):
                raise DataError(
                    f"Factors ({', '.join(self.factors)}) are missing in some rows; drop those, or "
                    "leave the factor out."
                )
            terms = second_order(coding, squares=False, interactions=False)
            design = Design.of_cells(coding, terms, cells)
        scaled = (value - centre) / spread
        with pm.Model() as model:
            location = pm.Normal("location", 0.0, 1.0) + np.zeros(len(table))
            if design is not None:
                effects, _ = Horseshoe().effects("effect", design, 0.5, len(table))
                pm.Deterministic("effect", effects)
                location = location + design.predictor(cells, effects, {})
            between = pm.HalfNormal("between", 1.0)
            error = pm.HalfNormal("error", 0.5, shape=len(self.names))
            intercept = pm.Normal("intercept", 0.0, 0.5, shape=len(self.names) - 1)
            slope = pm.Normal("slope", 1.0, 1.0, shape=len(self.names) - 1)
            start = pt.concatenate([pt.zeros(1), intercept])
            rise = pt.concatenate([pt.ones(1), slope])
            told = _log_likelihood(scaled, read, below, location, between, error, start, rise)
            pm.Potential("readings", told.sum())
        density = LogDensity(model)
        rng = np.random.default_rng([random_seed, 7])
        points = density.default_point() + 0.1 * rng.standard_normal((chains, density.size))
        tree = sample(
            density,
            draws=draws,
            tune=tune,
            chains=chains,
            random_seed=random_seed,
            start=points,
            target_accept=TARGET_ACCEPT,
        )
        return JointPosterior(self, table, design, centre, spread, tree, random_seed)


@dataclasses.dataclass(frozen=True, eq=False)
class JointPosterior:
    """
    Draws of how assays and proxies go together.

    Made by `JointTiter.fit`.

    Attributes
    ----------
    model : JointTiter
    table : Table
    design : Design or None
    centre, spread : array, shape (assays,)
        Of the readings on the scale of the model, the reference first.
    posterior : DataTree
        Standardised: location, between, error, intercept, slope (and effect).
    random_seed : int
    """

    model: JointTiter
    table: Table
    design: Design | None
    centre: np.ndarray
    spread: np.ndarray
    posterior: xr.DataTree
    random_seed: int

    @cached_property
    def _draws(self) -> dict[str, np.ndarray]:
        posterior = self.posterior["posterior"].to_dataset()
        return {
            str(name): values.to_numpy().reshape(-1, *values.shape[2:])
            for name, values in posterior.data_vars.items()
        }

    @property
    def data_hash(self) -> str:
        """Hash of the table."""
        return self.table.hash

    @property
    def hash(self) -> str:
        """Hash of model, data and draws."""
        found = hashlib.sha256(f"{self.model}{self.table.hash}".encode())
        for name, values in sorted(self._draws.items()):
            found.update(name.encode() + np.ascontiguousarray(values).tobytes())
        return found.hexdigest()

    def check(self) -> Verdict:
        """Tell whether the draws can be trusted."""
        names = ("location", "between", "error", "intercept", "slope")
        return verdict_of(self.posterior, variables=names)

    def summary(self) -> pd.DataFrame:
        """
        Give each assay's bridge to the reference, and its error.

        Returns
        -------
        DataFrame
            Index parameter; columns unit, eti_5, eti_50, eti_95. ``slope[octet]`` is the change of
            the reading per change of the titer; 1 on the log scale for a proportional assay.
        """
        lines = {"between": self._draws["between"] * self.spread[0]}
        for place, name in enumerate(self.model.names):
            lines[f"error[{name}]"] = self._draws["error"][:, place] * self.spread[place]
        for place, name in enumerate(self.model.others):
            lines[f"slope[{name}]"] = (
                self._draws["slope"][:, place] * self.spread[place + 1] / self.spread[0]
            )
        told = {name: np.quantile(values, [0.05, 0.5, 0.95]) for name, values in lines.items()}
        found = pd.DataFrame.from_dict(told, orient="index", columns=["eti_5", "eti_50", "eti_95"])
        unit = "log" if self.model.scale == "log" else self.table.unit(self.model.titer)
        found.insert(0, "unit", ["1" if name.startswith("slope") else unit for name in found.index])
        found.index.name = "parameter"
        return found

    def bridge(self, assay: str, titers: Any) -> pd.DataFrame:
        """
        Tell what an assay reads, without its error, where the reference reads so much.

        Parameters
        ----------
        assay : str
        titers : array, shape (n,) [unit of the reference]

        Returns
        -------
        DataFrame
            Columns of the reference's name, eti_5, eti_50, eti_95 [unit of the assay], and
            probability_higher: that the assay reads more than the reference.

        Raises
        ------
        DataError
            If the assay is none of those fitted.
        """
        others = self.model.names[1:]
        if assay not in others:
            raise DataError(f"{assay!r} is none of {', '.join(others)}.")
        place = others.index(assay)
        given = np.atleast_1d(np.asarray(titers, dtype=float))
        level = self._forward(given[None, :], 0)
        read = (
            self._draws["intercept"][:, place, None] + self._draws["slope"][:, place, None] * level
        )
        read = self._backward(read, place + 1)
        bands = np.quantile(read, [0.05, 0.5, 0.95], axis=0)
        found = pd.DataFrame({self.model.titer: given})
        found[["eti_5", "eti_50", "eti_95"]] = bands.T
        return found.assign(probability_higher=(read > given).mean(axis=0))

    def predict(self, rows: Any = None, *, random_seed: int = 0) -> xr.Dataset:
        """
        Estimate the titer of samples from whatever was read of them.

        Parameters
        ----------
        rows : Table or DataFrame, optional
            Readings, NaN or no column where there is none; by default the rows that were fitted.
        random_seed : int
            Same input, same bytes.

        Returns
        -------
        Dataset
            The titer (what the reference would read without error), dims (chain, draw, run).
        """
        table = self.table if rows is None else _completed(rows, self.model)
        value, read, below = _readings(self.model, table)
        scaled = (value - self.centre) / self.spread
        draws = self._draws
        rng = np.random.default_rng(random_seed)
        location = np.repeat(draws["location"][:, None], len(table), axis=1)
        if self.design is not None:
            cells = self.design.coding.cells(table.to_frame())
            location = location + self.design.predictor(cells, draws["effect"], {})
        count = len(location)
        start = np.concatenate([np.zeros((count, 1)), draws["intercept"]], axis=1)
        rise = np.concatenate([np.ones((count, 1)), draws["slope"]], axis=1)
        drawn = np.empty_like(location)
        for row in range(len(table)):
            mean, variance = _given(
                scaled[row],
                read[row],
                location[:, row],
                draws["between"],
                draws["error"],
                start,
                rise,
            )
            if not below[row].any():
                drawn[:, row] = mean + np.sqrt(variance) * rng.standard_normal(count)
                continue
            # Below a limit: draws from what the other readings say, weighed by the limit.
            tried = mean[:, None] + np.sqrt(variance)[:, None] * rng.standard_normal((count, 64))
            weight = np.zeros_like(tried)
            for k in np.flatnonzero(below[row]):
                reading = start[:, [k]] + rise[:, [k]] * tried
                weight += special.log_ndtr((scaled[row, k] - reading) / draws["error"][:, [k]])
            weight = np.exp(weight - weight.max(axis=1, keepdims=True))
            upto = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
            pick = (upto < rng.uniform(size=(count, 1))).sum(axis=1)
            drawn[:, row] = tried[np.arange(count), np.minimum(pick, 63)]
        sizes = self.posterior["posterior"].sizes
        shape = (sizes["chain"], sizes["draw"], len(table))
        found = xr.Dataset(
            {self.model.titer: (("chain", "draw", "run"), self._backward(drawn, 0).reshape(shape))},
            coords={"run": np.arange(len(table))},
        )
        found[self.model.titer].attrs["unit"] = self.table.unit(self.model.titer)
        return found

    def _forward(self, values: np.ndarray, place: int) -> np.ndarray:
        raw = np.log(values) if self.model.scale == "log" else values
        return (raw - self.centre[place]) / self.spread[place]

    def _backward(self, values: np.ndarray, place: int) -> np.ndarray:
        raw = self.centre[place] + self.spread[place] * values
        return np.exp(raw) if self.model.scale == "log" else raw


def _completed(rows: Any, model: JointTiter) -> Table:
    """Add columns that were not read."""
    if isinstance(rows, Table):
        return rows
    frame = pd.DataFrame(rows).copy()
    for name in model.names:
        if name not in frame:
            frame[name] = np.nan
    return as_table(frame, model.titer)


def _readings(model: JointTiter, table: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give readings on the scale of the model, and which are quantified and below a limit."""
    values = np.array([table[name] for name in model.names], dtype=float).T
    flags = np.array([table.flag(name) for name in model.names]).T
    below = (flags == "below") & np.isfinite(values)
    read = np.isfinite(values) & (flags == "")
    known = below | read
    if model.scale == "log":
        if (values[known] <= 0.0).any():
            raise DataError(
                f"{int((values[known] <= 0.0).sum())} readings are zero or less and have no "
                "logarithm. Flag them 'below' with the limit as value, or use scale='natural'."
            )
        values = np.log(np.where(known, values, 1.0))
    return np.where(known, values, 0.0), read, below


def _given(
    value: np.ndarray,
    read: np.ndarray,
    location: Any,
    between: Any,
    error: Any,
    start: Any,
    rise: Any,
) -> tuple[Any, Any]:
    """Mean and variance of the titer given quantified readings of one row, draw by draw."""
    weight = read / error**2
    precision = (weight * rise**2).sum(axis=-1)
    pull = (weight * rise * (value - start - rise * location[:, None])).sum(axis=-1)
    variance = 1.0 / (1.0 / between**2 + precision)
    return location + variance * pull, variance


def _log_likelihood(
    value: np.ndarray,
    read: np.ndarray,
    below: np.ndarray,
    location: Any,
    between: Any,
    error: Any,
    start: Any,
    rise: Any,
) -> Any:
    """
    Log probability of each row's readings, the titer integrated out.

    The readings of a row are normal with covariance between^2 slope slope' + diag(error^2): the
    matrix-determinant lemma and the Sherman-Morrison formula.
    """
    library: Any = pt if is_symbolic(location) else np
    seen = read.astype(float)
    residual = value - start - rise * location[:, None]
    weight = seen / error**2
    precision = (weight * rise**2).sum(axis=1)
    pull = (weight * rise * residual).sum(axis=1)
    variance = 1.0 / (1.0 / between**2 + precision)
    told = (
        -0.5 * (weight * residual**2).sum(axis=1)
        - (seen * (0.5 * np.log(2.0 * np.pi) + library.log(error))).sum(axis=1)
        - 0.5 * library.log(1.0 + between**2 * precision)
        + 0.5 * variance * pull**2
    )
    rows = np.flatnonzero(below.any(axis=1))
    if not rows.size:
        return told
    middle = (location + variance * pull)[rows]
    at = middle[:, None] + library.sqrt(2.0 * variance[rows])[:, None] * NODES
    reading = start + rise * at[:, :, None]
    tails = normal_log_cdf((value[rows][:, None, :] - reading) / error)
    inside = library.where(below[rows][:, None, :], tails, 0.0).sum(axis=2)
    inside = inside + np.log(WEIGHTS) - 0.5 * np.log(np.pi)
    top = inside.max(axis=1)
    extra = top + library.log(library.exp(inside - top[:, None]).sum(axis=1))
    if library is pt:
        return pt.inc_subtensor(told[rows], extra)
    told[rows] += extra
    return told

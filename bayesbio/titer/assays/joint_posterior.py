"""Posterior of an assay bridge: bridges between assays, and titers estimated from readings."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.data.table import Table
from bayesbio.errors import CalibrationError, DataError, did_you_mean
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.archive.results import result_hash, save_result
from bayesbio.inference.diagnostics.draws import stack_draws
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.diagnostics.posterior_checks import verdict_of
from bayesbio.inference.diagnostics.verdict import Verdict
from bayesbio.titer.assays.assay_likelihood import (
    AssayReadings,
    AssaySpecification,
    assay_readings,
    titer_given,
)
from bayesbio.titer.factors.design_matrix import DesignMatrix
from bayesbio.titer.factors.factor_coding import as_table

KIND = "joint_titer"
GRID = np.linspace(-6.0, 6.0, 241)  # of a titer given quantified readings, in its spreads
GRID_STEP = GRID[1] - GRID[0]


@dataclasses.dataclass(frozen=True, eq=False)
class JointPosterior:
    """
    Posterior of the relations between assays and proxies of one titer.

    Made by `JointTiter.fit`.
    """

    model: AssaySpecification
    table: Table
    design: DesignMatrix | None
    centre: np.ndarray  # of the transformed readings, the reference first
    spread: np.ndarray
    posterior: xr.DataTree  # standardised: location, between, error, intercept, slope (and effect)
    options: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    __repr__ = short_repr

    @cached_property
    def _flat(self) -> dict[str, np.ndarray]:
        return stack_draws(self.posterior["posterior"].to_dataset())

    @property
    def data(self) -> Any:
        """Table it was fitted on."""
        return self.table

    @property
    def data_hash(self) -> str:
        """Hash of the table."""
        return self.table.hash

    @property
    def random_seed(self) -> int:
        """Seed of the sampler."""
        return int(self.options["random_seed"])

    @cached_property
    def hash(self) -> str:
        """Hash of model, data and draws."""
        return result_hash(self)

    def check(self) -> Verdict:
        """Judge convergence."""
        names = ["location", "between", "error", "intercept", "slope"]
        return verdict_of(self.posterior, variables=names + ["effect"] * (self.design is not None))

    def require(self) -> JointPosterior:
        """Give the posterior itself if its checks pass, else raise `CalibrationError`."""
        if not self.check().passed:
            raise CalibrationError(str(self.check()))
        return self

    def summary(self) -> pd.DataFrame:
        """
        Each assay's slope against the reference, and its error.

        Returns
        -------
        DataFrame
            Index parameter; columns unit, eti_5, eti_50, eti_95. ``slope[octet]`` is the change of
            the reading per change of the titer; of logarithms 1 for a proportional assay.
        """
        log = self.model.transform == "log"
        units = ["log" if log else self.table.unit(name) for name in self.model.names]
        lines = {"between": (units[0], self._flat["between"] * self.spread[0])}
        for n, name in enumerate(self.model.names):
            lines[f"error[{name}]"] = (units[n], self._flat["error"][:, n] * self.spread[n])
        for n, name in enumerate(self.model.others, 1):
            unit = "1" if log or units[n] == units[0] else f"{units[n] or 1}/({units[0] or 1})"
            slope = self._flat["slope"][:, n - 1] * self.spread[n] / self.spread[0]
            lines[f"slope[{name}]"] = (unit, slope)
        table = pd.DataFrame.from_dict(
            {
                name: (unit, *np.quantile(values, [0.05, 0.5, 0.95]))
                for name, (unit, values) in lines.items()
            },
            orient="index",
            columns=["unit", "eti_5", "eti_50", "eti_95"],
        ).rename_axis("parameter")
        table.attrs["verdict"] = str(self.check())
        return table

    def bridge(self, assay: str, titers: Any) -> pd.DataFrame:
        """
        Give the expected reading of an assay, without its error, at titers of the reference.

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
            raise DataError(
                f"{assay!r} is none of {', '.join(others)}.{did_you_mean(assay, others)}"
            )
        index = others.index(assay)
        given = np.atleast_1d(np.asarray(titers, dtype=float))
        level = self._forward(given[None, :], 0)
        read = self._flat["intercept"][:, index, None] + self._flat["slope"][:, index, None] * level
        read = self._backward(read, index + 1)
        bands = np.quantile(read, [0.05, 0.5, 0.95], axis=0)
        found = pd.DataFrame({self.model.titer: given})
        found[["eti_5", "eti_50", "eti_95"]] = bands.T
        return found.assign(probability_higher=(read > given).mean(axis=0))

    def predict(
        self,
        rows: Any = None,
        *,
        noise: bool = True,
        random_seed: int = 0,
        outside: Literal["flag", "refuse"] = "flag",
    ) -> xr.Dataset:
        """
        Estimate the titer of samples from whatever was read of them.

        Parameters
        ----------
        rows : Table or DataFrame, optional
            Readings, NaN or no column where there is none; by default the rows that were fitted.
        noise : bool
            Whether a reading of the reference is predicted, its error included.
        random_seed : int
            Same input, same bytes.
        outside : "flag" or "refuse"
            For rows with a reading beyond those of its assay in the fitted table.

        Returns
        -------
        Dataset
            The titer (what the reference would read), dims (chain, draw, run), and ``outside``.

        Raises
        ------
        DataError
            If a row lies outside and that is refused.
        """
        table = self.table if rows is None else _completed(rows, self.model)
        beyond = _beyond(self.model, self.table, table)
        if outside == "refuse" and beyond.any():
            raise DataError(
                f"{int(beyond.sum())} of {len(beyond)} rows have readings beyond those that were "
                "fitted; leave them out, or predict with outside='flag'."
            )
        readings = assay_readings(self.model, table).scaled(self.centre, self.spread)
        draws = self._flat
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
            mean, variance = titer_given(
                readings.value[row],
                readings.read[row],
                location[:, row],
                draws["between"],
                draws["error"],
                start,
                rise,
            )
            spread = np.sqrt(variance)
            if not readings.limited[row].any():
                drawn[:, row] = mean + spread * rng.standard_normal(count)
                continue
            # Within limits: the inverse of its distribution function, summed over a grid.
            tried = mean[:, None] + spread[:, None] * GRID
            part = AssayReadings(
                *(
                    np.broadcast_to(each[row], (count, each.shape[1]))
                    for each in dataclasses.astuple(readings)
                )
            )
            weight = part.log_probability(
                start[:, None] + rise[:, None] * tried[:, :, None], draws["error"][:, None]
            )
            weight = weight - 0.5 * GRID**2
            weight = np.exp(weight - weight.max(axis=1, keepdims=True))
            upto = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
            pick = np.minimum((upto < rng.uniform(size=(count, 1))).sum(axis=1), len(GRID) - 1)
            jitter = GRID_STEP * rng.uniform(-0.5, 0.5, count)
            drawn[:, row] = tried[np.arange(count), pick] + spread * jitter
        if noise:
            drawn = drawn + draws["error"][:, :1] * rng.standard_normal(drawn.shape)
        sizes = self.posterior["posterior"].sizes
        shape = (sizes["chain"], sizes["draw"], len(table))
        values = self._backward(drawn, 0).reshape(shape)
        return xr.Dataset(
            {
                self.model.titer: (
                    ("chain", "draw", "run"),
                    values,
                    {"units": self.table.unit(self.model.titer)},
                ),
                "outside": ("run", beyond),
            },
            coords={"run": np.arange(len(table))},
        )

    def _forward(self, values: np.ndarray, assay: int) -> np.ndarray:
        raw = np.log(values) if self.model.transform == "log" else values
        return (raw - self.centre[assay]) / self.spread[assay]

    def _backward(self, values: np.ndarray, assay: int) -> np.ndarray:
        raw = self.centre[assay] + self.spread[assay] * values
        return np.exp(raw) if self.model.transform == "log" else raw

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        return Evidence(self, "One titer from several assays", predict=self.predict)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        return save_result(path, self, KIND)


def _beyond(model: AssaySpecification, fitted: Table, table: Table) -> np.ndarray:
    """Rows with a reading beyond the range of its assay in the fitted table."""
    beyond = np.zeros(len(table), bool)
    for name in model.names:
        studied = fitted.quantified(name)
        read = table.quantified(name)
        if len(studied) and len(read):
            far = (read < studied.min()) | (read > studied.max())
            beyond[np.asarray(read.index)[np.asarray(far)]] = True
    return beyond


def _completed(rows: Any, model: AssaySpecification) -> Table:
    """Add columns that were not read."""
    if isinstance(rows, Table):
        return rows
    frame = pd.DataFrame(rows).copy()
    for name in model.names:
        if name not in frame:
            frame[name] = np.nan
    return as_table(frame, model.titer)

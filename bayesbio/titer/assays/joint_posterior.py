"""What was learned about assays and proxies of one titer, and what it estimates."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.inference.archive.files import write_archive
from bayesbio.inference.diagnostics.judgement import verdict_of
from bayesbio.inference.diagnostics.verdict import Verdict
from bayesbio.titer.assays.assay_likelihood import JointReadings, joint_readings, titer_given
from bayesbio.titer.factors.design_matrix import Design
from bayesbio.titer.factors.factor_coding import as_table

if TYPE_CHECKING:
    from bayesbio.titer.assays.assay_bridge import JointTiter

KIND = "joint_titer"
GRID = np.linspace(-6.0, 6.0, 241)  # of a titer given quantified readings, in its spreads
GRID_STEP = GRID[1] - GRID[0]


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
        readings = joint_readings(self.model.names, self.model.scale, table)
        readings = readings.scaled(self.centre, self.spread)
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
            part = JointReadings(
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

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        content = {
            "model": dataclasses.asdict(self.model),
            "table": self.table.to_dict(),
            "design": None if self.design is None else self.design.to_dict(),
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
            "random_seed": self.random_seed,
        }
        write_archive(path, self.posterior, kind=KIND, content=content)
        return Path(path)


def _completed(rows: Any, model: JointTiter) -> Table:
    """Add columns that were not read."""
    if isinstance(rows, Table):
        return rows
    frame = pd.DataFrame(rows).copy()
    for name in model.names:
        if name not in frame:
            frame[name] = np.nan
    return as_table(frame, model.titer)

"""Assay bridge: linear calibration of several assays and proxies to one reference titer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.inference.mcmc.density import LogDensity
from bayesbio.inference.mcmc.nutpie_backend import NoUTurn
from bayesbio.inference.mcmc.sampling import sample
from bayesbio.inference.parallel.progress import Progress
from bayesbio.titer.assays.assay_likelihood import (
    AssayReadings,
    AssaySpecification,
    assay_readings,
    marginal_log_likelihood,
)
from bayesbio.titer.assays.joint_posterior import JointPosterior
from bayesbio.titer.factors.design_matrix import DesignMatrix
from bayesbio.titer.factors.factor_coding import Coding, as_table
from bayesbio.titer.factors.terms import second_order
from bayesbio.titer.regression.effect_priors import Horseshoe

SHARED = 3  # readings beside the reference from which a bridge can be learned
TARGET_ACCEPT = 0.95


@dataclasses.dataclass(frozen=True)
class JointTiter(AssaySpecification):
    """
    Titer of a culture, measured by a reference assay and by others: errors in both.

    Every row has a titer t, the reference reads t + error, each other assay or proxy
    intercept + slope t + its error (all log transformed, where a slope is a power, or none). Any
    reading may be missing, or known by limits: below, above or between.

    Parameters
    ----------
    titer : str
        Column of the reference assay; few rows need it.
    others : iterable of str
        Other assays of the same thing and proxies, such as optical density or wet cell weight.
    factors : iterable of str
        What was set, if titers depend on it: main effects.
    transform : {"log", "identity"}

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

    def fit(
        self,
        table: Table | pd.DataFrame,
        *,
        random_seed: int,
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        cores: int | None = None,
        progress: Callable[[Progress], None] | bool | None = None,
    ) -> JointPosterior:
        """
        Sample the posterior given a table of samples.

        Parameters
        ----------
        table : Table or DataFrame
            One row per sample; missing readings are NaN.
        random_seed : int
            Same seed, same draws.
        draws, tune, chains, cores : int
            For the sampler, draws and tune per chain.
        progress : callable or bool, optional
            True shows a bar.

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
        readings = assay_readings(self, table)
        self._require_overlap(readings)
        quantified = np.where(readings.read, readings.value, np.nan)
        centre, spread = np.nanmean(quantified, axis=0), np.nanstd(quantified, axis=0)
        design, warnings = self._design(table)
        model = self._density(table, design, readings.scaled(centre, spread))
        density = LogDensity(model)
        rng = np.random.default_rng([random_seed, 7])
        points = density.default_point() + 0.1 * rng.standard_normal((chains, density.size))
        tree = sample(
            density,
            draws=draws,
            tune=tune,
            chains=chains,
            cores=cores,
            random_seed=random_seed,
            start=points,
            sampler=NoUTurn(TARGET_ACCEPT),
            progress=progress,
        )
        options = {"draws": draws, "tune": tune, "chains": chains, "random_seed": random_seed}
        return JointPosterior(self, table, design, centre, spread, tree, options, tuple(warnings))

    def _require_overlap(self, readings: AssayReadings) -> None:
        known = readings.read | readings.limited
        for assay, name in enumerate(self.names):
            shared = int((known[:, 0] & known[:, assay]).sum())
            if shared < SHARED:
                raise DataError(
                    f"{name!r} and the reference {self.titer!r} share {shared} rows; {SHARED} or "
                    "more are needed to bridge them. Measure some samples with both."
                )
            quantified = readings.value[readings.read[:, assay], assay]
            if len(quantified) < 2 or np.ptp(quantified) <= 0.0:
                raise DataError(
                    f"{name!r} has {len(quantified)} quantified readings, and they do not vary, so "
                    "nothing can be learned from it. Is it the right column?"
                )

    def _design(self, table: Table) -> tuple[DesignMatrix | None, list[str]]:
        if not self.factors:
            return None, []
        coding, warnings = Coding.of_table(table, self.factors)
        cells = coding.cells(table.to_frame())
        if any(np.isnan(cells[name]).any() for name in coding.numbers):
            raise DataError(
                f"Factors ({', '.join(self.factors)}) are missing in some rows; drop those, or "
                "leave the factor out."
            )
        terms = second_order(coding, squares=False, interactions=False)
        return DesignMatrix.of_cells(coding, terms, cells), warnings

    def _density(
        self, table: Table, design: DesignMatrix | None, readings: AssayReadings
    ) -> pm.Model:
        with pm.Model() as model:
            location = pm.Normal("location", 0.0, 1.0) + np.zeros(len(table))
            if design is not None:
                cells = design.coding.cells(table.to_frame())
                effects, _ = Horseshoe().effects("effect", design, 0.5, len(table))
                pm.Deterministic("effect", effects)
                location = location + design.predictor(cells, effects, {})
            between = pm.HalfNormal("between", 1.0)
            error = pm.HalfNormal("error", 0.5, shape=len(self.names))
            intercept = pm.Normal("intercept", 0.0, 0.5, shape=len(self.names) - 1)
            slope = pm.Normal("slope", 1.0, 1.0, shape=len(self.names) - 1)
            start = pt.concatenate([pt.zeros(1), intercept])
            rise = pt.concatenate([pt.ones(1), slope])
            rows = marginal_log_likelihood(readings, location, between, error, start, rise)
            pm.Potential("readings", rows.sum())
        return model

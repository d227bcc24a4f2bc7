"""Few titers, dense proxies, two assays of one thing: one model of what the culture holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from bayesbio.data.table import Table
from bayesbio.errors import DataError, ModelError
from bayesbio.inference.mcmc.density import LogDensity
from bayesbio.inference.mcmc.sampling import sample
from bayesbio.titer.assays.assay_likelihood import joint_log_likelihood, joint_readings
from bayesbio.titer.assays.joint_posterior import JointPosterior
from bayesbio.titer.factors.design_matrix import Design
from bayesbio.titer.factors.factor_coding import Coding, as_table
from bayesbio.titer.factors.terms import second_order
from bayesbio.titer.regression.effect_priors import Horseshoe
from bayesbio.titer.regression.response_transform import SCALES

SHARED = 3  # readings beside the reference from which a bridge can be learned
TARGET_ACCEPT = 0.95


@dataclasses.dataclass(frozen=True)
class JointTiter:
    """
    What a culture holds, seen through a reference assay and through others.

    Every row has a titer t, the reference reads t + error, each other assay or proxy
    intercept + slope t + error of its own (all on the log scale, where a slope is a power, or all
    natural). Any reading may be missing, or known by limits: below, above or between.

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
        readings = joint_readings(self.names, self.scale, table)
        value, read = readings.value, readings.read
        known = read | readings.limited
        for place, name in enumerate(self.names):
            shared = int((known[:, 0] & known[:, place]).sum())
            if shared < SHARED:
                raise DataError(
                    f"{name!r} and the reference {self.titer!r} share {shared} rows; {SHARED} or "
                    "more are needed to bridge them. Measure some samples with both."
                )
            quantified = value[read[:, place], place]
            if len(quantified) < 2 or np.ptp(quantified) <= 0.0:
                raise DataError(
                    f"{name!r} has {len(quantified)} quantified readings, and they do not vary, so "
                    "nothing can be learned from it. Is it the right column?"
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
        scaled = readings.scaled(centre, spread)
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
            told = joint_log_likelihood(scaled, location, between, error, start, rise)
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


def joint_from_archive(tree: xr.DataTree, content: Mapping[str, Any], model: Any = None) -> Any:
    """
    Rebuild what `JointPosterior.save` wrote; `bayesbio.load` calls it.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : ignored
        A bridge between assays needs no process model.

    Returns
    -------
    JointPosterior

    Examples
    --------
    ``bayesbio.load("assays.nc").bridge("octet", [0.5, 1.0])`` asks a saved bridge.
    """
    design = content["design"]
    return JointPosterior(
        JointTiter(**content["model"]),
        Table.from_dict(content["table"]),
        None if design is None else Design.from_dict(design),
        np.array(content["centre"], dtype=float),
        np.array(content["spread"], dtype=float),
        tree,
        int(content["random_seed"]),
    )

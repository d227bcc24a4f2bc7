"""Partial dependence of the titer on one factor, or on two, with 90 % bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import DataError
from bayesbio.titer.questions.key_factors_table import MOST_DRAWS, moved_rows, reference_rows
from bayesbio.titer.regression.draws import TiterDraws

LEVELS = (0.05, 0.5, 0.95)


def partial_effect(
    posterior: TiterDraws,
    factor: str,
    *,
    at: Mapping[str, Any] | None = None,
    points: int = 41,
) -> pd.DataFrame:
    """
    Partial dependence: typical titer along one factor, averaged over the cultures of the table.

    Parameters
    ----------
    posterior : TiterPosterior
    factor : str
    at : mapping of factor to value, optional
        Other factors, fixed.
    points : int
        Settings over the observed range; a name gets its levels.

    Returns
    -------
    DataFrame
        The factor, and eti_5, eti_50, eti_95 [unit of the response].

    Raises
    ------
    DataError
        If a factor is unknown.

    Examples
    --------
    ``fitted.partial_effect("ph", at={"temperature": 307.15})``
    """
    values = _settings(posterior, factor, points)
    frame = _cultures(posterior, at)
    draws = posterior.thinned(MOST_DRAWS)
    bands = [
        np.quantile(
            _mean_titer(posterior, moved_rows(posterior, frame, {factor: v}), draws), LEVELS
        )
        for v in values
    ]
    found = pd.DataFrame(bands, columns=["eti_5", "eti_50", "eti_95"])
    found.insert(0, factor, values)
    found.attrs = {"unit": posterior.unit, "factor_unit": posterior.design.coding[factor].unit}
    return found


def interaction_surface(
    posterior: TiterDraws,
    factor: str,
    other: str,
    *,
    at: Mapping[str, Any] | None = None,
    points: int = 15,
) -> xr.Dataset:
    """
    Partial dependence: typical titer over two factors, averaged over the cultures of the table.

    Parameters
    ----------
    posterior : TiterPosterior
    factor, other : str
    at : mapping of factor to value, optional
        Other factors, fixed.
    points : int
        Settings of each over its observed range.

    Returns
    -------
    Dataset
        eti_5, eti_50, eti_95, dims (factor, other) [unit of the response].

    Raises
    ------
    DataError
        If a factor is unknown, or both are the same.

    Examples
    --------
    ``fitted.interaction_surface("ph", "temperature")["eti_50"]``
    """
    if factor == other:
        raise DataError(f"{factor!r} was given twice; a surface is over two factors.")
    grid = [_settings(posterior, name, points) for name in (factor, other)]
    frame = _cultures(posterior, at)
    draws = posterior.thinned(300)
    bands = np.array(
        [
            [
                np.quantile(
                    _mean_titer(
                        posterior, moved_rows(posterior, frame, {factor: one, other: two}), draws
                    ),
                    LEVELS,
                )
                for two in grid[1]
            ]
            for one in grid[0]
        ]
    )
    found = xr.Dataset(
        {
            name: ((factor, other), bands[:, :, n], {"units": posterior.unit})
            for n, name in enumerate(("eti_5", "eti_50", "eti_95"))
        },
        coords={factor: grid[0], other: grid[1]},
    )
    for name in (factor, other):
        found[name].attrs["units"] = posterior.design.coding[name].unit
    return found


def _settings(posterior: TiterDraws, name: str, points: int) -> np.ndarray:
    code = posterior.design.coding[name]
    return np.linspace(code.low, code.high, points) if code.is_number else np.array(code.levels)


def _cultures(posterior: TiterDraws, at: Mapping[str, Any] | None) -> pd.DataFrame:
    frame = reference_rows(posterior, None)
    held = dict(at or {})
    for name in held:
        posterior.design.coding[name]
    return moved_rows(posterior, frame, held)


def _mean_titer(posterior: TiterDraws, frame: pd.DataFrame, draws: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    return posterior.predicted(frame, rng, noise=False, draws=draws).mean(axis=1)

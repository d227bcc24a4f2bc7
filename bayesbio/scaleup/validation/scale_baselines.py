"""Baselines for scale-up: forecasts of a scale from the others without a model of curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from bayesbio.baselines import BASELINES, TABULAR_BASELINES
from bayesbio.data import Campaign, Run

DRAWS = 2000
SMALLEST = 1e-3  # share of the largest reading below which a power law has no logarithm to take

ScaleBaseline = Callable[[pd.DataFrame, pd.DataFrame, int], np.ndarray]


def nearest_scale(train: pd.DataFrame, test: pd.DataFrame, random_seed: int) -> np.ndarray:
    """
    Curve of the nearest scale, with errors as between the training scales and their nearest.

    Parameters
    ----------
    train, test : DataFrame
        Readings of one quantity: run, time_h, value, log10_volume; the test rows of one scale.
    random_seed : int

    Returns
    -------
    array, (draws, rows of test)
    """
    scales = np.unique(train["log10_volume"])

    def curve_of(log10_volume: float, among: np.ndarray) -> pd.DataFrame:
        nearest = among[np.argmin(np.abs(among - log10_volume))]
        return train[train["log10_volume"] == nearest]

    residuals = []
    for scale in scales:
        rows = train[train["log10_volume"] == scale]
        others = curve_of(scale, scales[scales != scale])
        residuals.append(rows["value"].to_numpy() - mean_curve(others, rows["time_h"]))
    rng = np.random.default_rng(random_seed)
    centre = mean_curve(curve_of(test["log10_volume"].iloc[0], scales), test["time_h"])
    return centre + rng.choice(np.concatenate(residuals), size=(DRAWS, len(test)))


def power_law(train: pd.DataFrame, test: pd.DataFrame, random_seed: int) -> np.ndarray:
    """
    Power law by least squares, log response over log volume at each time.

    Two scales leave no residuals of a line: their errors are those around a constant.

    Parameters
    ----------
    train, test, random_seed
        As for `nearest_scale`.

    Returns
    -------
    array, (draws, rows of test)

    Examples
    --------
    >>> times = np.arange(1.0, 5.0)
    >>> two = [pd.DataFrame({"time_h": times, "value": times * (1 + x), "log10_volume": x})
    ...        for x in (1.0, 2.0)]
    >>> drawn = power_law(pd.concat(two), two[1].assign(log10_volume=3.0), 1)
    >>> bool((drawn.std(axis=0) > 0.1).all())
    True
    """
    scales = np.unique(train["log10_volume"])
    least = SMALLEST * float(train["value"].abs().max())
    curves = np.log(
        [
            np.maximum(mean_curve(train[train["log10_volume"] == scale], test["time_h"]), least)
            for scale in scales
        ]
    )
    away = scales - scales.mean()
    slope = away @ curves / (away @ away)
    fitted = np.outer(away, slope) if len(scales) > 2 else 0.0
    residuals = curves - curves.mean(axis=0) - fitted
    freedom = max(curves.shape[1] * max(len(scales) - 2, 1), 3)
    new = test["log10_volume"].iloc[0] - scales.mean()
    leverage = np.sqrt(1.0 + 1.0 / len(scales) + new**2 / (away @ away))
    size = np.sqrt(np.sum(residuals**2) / freedom) * leverage
    drawn = size * np.random.default_rng(random_seed).standard_t(freedom, size=(DRAWS, len(test)))
    return np.exp(curves.mean(axis=0) + slope * new + drawn)


def mean_curve(rows: pd.DataFrame, times: pd.Series) -> np.ndarray:
    """Mean over replicates of the readings of a scale, interpolated at some times."""
    mean = rows.groupby("time_h")["value"].mean()
    return np.interp(times, mean.index.to_numpy(), mean.to_numpy())


def _gaussian_process(train: pd.DataFrame, test: pd.DataFrame, random_seed: int) -> np.ndarray:
    """Gaussian process over log volume and time."""
    runs = [
        Run(
            str(name),
            rows[["time_h", "value"]].assign(quantity="response"),
            {"log10_volume": rows["log10_volume"].iloc[0]},
        )
        for name, rows in train.groupby("run", sort=False)
    ]
    campaign = Campaign(runs, units={"response": "1"})
    fitted = BASELINES["Gaussian process"]().fit(campaign, "response")
    new = Run("new", settings={"log10_volume": test["log10_volume"].iloc[0]})
    return fitted.predict(new, test["time_h"], random_seed=random_seed)


def _tabular(name: str, train: pd.DataFrame, test: pd.DataFrame, random_seed: int) -> np.ndarray:
    """Tabular baseline on log volume and time, scales left out together."""
    columns = ["log10_volume", "time_h"]
    several = train["log10_volume"].nunique() > 2
    fitted = TABULAR_BASELINES[name]().fit(
        train[columns].to_numpy(float, copy=True),
        train["value"].to_numpy(float, copy=True),
        groups=train["log10_volume"].to_numpy(float, copy=True) if several else None,
    )
    return fitted.predict(test[columns].to_numpy(float, copy=True), random_seed=random_seed)


SCALE_BASELINES: Mapping[str, ScaleBaseline] = {
    "nearest scale": nearest_scale,
    "power law": power_law,
    "Gaussian process": _gaussian_process,
    **{name: partial(_tabular, name) for name in ("ridge", "random forest", "gradient boosting")},
}
"""Forecasts of a scale from others without a model of curves, by name."""

"""Trends of curve parameters over the volume, and sensitivity of predictions to the priors."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.scaleup.curves.prediction import NewRun, predict_run
from bayesbio.scaleup.curves.scale_draws import ScaleDraws
from bayesbio.scaleup.laws.law_prior import PredictionPoint
from bayesbio.scaleup.laws.pooled_law import PooledLaw

GRID = 41  # volumes of a trend
QUANTILES = (0.05, 0.5, 0.95)
PRIORS = ("slope", "bend", "deviation")


def parameter_trends(fit: ScaleDraws, volumes: Any = None, *, random_seed: int = 0) -> pd.DataFrame:
    """
    Predict the parameters of the likeliest curve along the volume; see `ScaleFit.trends`.

    Parameters
    ----------
    fit : ScaleDraws
    volumes : array [L], optional
    random_seed : int

    Returns
    -------
    DataFrame
    """
    problem = fit.curves[fit.likeliest].problem
    if volumes is None:
        low, high = problem.log10_volume.min(), problem.log10_volume.max() + 1.0
        volumes = 10.0 ** np.linspace(low, high, GRID)
    volumes = np.asarray(volumes, float)
    points = [PredictionPoint(each, np.zeros(len(problem.features))) for each in np.log10(volumes)]
    rng = np.random.default_rng(random_seed)
    parts = []
    for component in fit.components(curve=fit.likeliest):
        z, probabilities = component.curve.z, component.probabilities
        count = round(component.weight * len(z))
        if count:
            picked = rng.choice(len(z), count, p=probabilities / probabilities.sum())
            pooled = PooledLaw.of(problem, component.law, points=points)
            known = np.zeros(len(points), bool)
            parts.append(pooled.project(z[picked], known_scale=known, rng=rng).varied)
    natural = problem.natural(np.concatenate(parts))
    tables = []
    for place, name in enumerate(problem.names):
        low, middle, high = np.quantile(natural[..., place], QUANTILES, axis=0)
        tables.append(
            pd.DataFrame(
                {
                    "parameter": name,
                    "unit": problem.unit(name),
                    "volume": volumes,
                    "eti_5": low,
                    "eti_50": middle,
                    "eti_95": high,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def prior_sensitivity_table(
    fit: ScaleDraws, new: NewRun, *, factors: tuple[float, ...], **options: Any
) -> pd.DataFrame:
    """
    Predict under multiplied prior sizes, without sampling again; see `ScaleFit.prior_sensitivity`.

    Parameters
    ----------
    fit : ScaleDraws
    new : NewRun
    factors : tuple of float
    **options
        As for `predict_run`.

    Returns
    -------
    DataFrame
    """
    cases: list[tuple[str, float, ScaleDraws]] = [("as fitted", 1.0, fit)]
    for prior in PRIORS:
        for factor in factors:
            laws = tuple(law.scaled(prior, factor) for law in fit.model.laws)
            if laws != fit.model.laws:
                model = dataclasses.replace(fit.model, law=laws)
                cases.append((prior, factor, dataclasses.replace(fit, model=model)))
    rows: list[dict[str, Any]] = []
    for prior, factor, case in cases:
        predicted = predict_run(case, new, **options)
        for quantity in fit.curves[0].problem.quantities:
            last = predicted[quantity].isel(run=0, time=-1).to_numpy().ravel()
            low, middle, high = np.quantile(last, QUANTILES)
            rows.append(
                {
                    "prior": prior,
                    "factor": factor,
                    "quantity": quantity,
                    "unit": predicted[quantity].attrs["units"],
                    "time": float(predicted["time"][-1]),
                    "eti_5": low,
                    "eti_50": middle,
                    "eti_95": high,
                    "width_ratio": high - low,
                }
            )
    table = pd.DataFrame(rows)
    fitted = table[table["prior"] == "as fitted"].set_index("quantity")["width_ratio"]
    table["width_ratio"] /= table["quantity"].map(fitted)
    return table

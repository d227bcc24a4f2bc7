"""Contributions to one prediction: Aumann-Shapley values that add up to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesbio.errors import DataError
from bayesbio.titer.factors.coded_rows import CodedRows
from bayesbio.titer.factors.design_matrix import DesignMatrix
from bayesbio.titer.factors.factor_coding import as_rows
from bayesbio.titer.regression.draws import TiterDraws
from bayesbio.titer.regression.group_effects import PRODUCTION
from bayesbio.titer.regression.linear_predictor import LinearPredictor

AVERAGE, PREDICTION = "average culture", "prediction"
NODES = 16  # of the quadrature along the path


def explain(posterior: TiterDraws, row: Any, *, random_seed: int = 0) -> pd.DataFrame:
    """
    Contributions to the typical titer of one culture, from the average culture to this one.

    Parameters
    ----------
    posterior : TiterPosterior
    row : mapping, Series, or Table or DataFrame of one row
    random_seed : int
        For cells and levels that are not known.

    Returns
    -------
    DataFrame
        Index part: the average culture, then each factor (line, square, levels), each pair that
        interacts and the groups, the largest first, then the prediction. Columns mean, eti_5,
        eti_95 [unit of the response] and probability_positive. Draw by draw, and so in the mean,
        average and contributions add up to the prediction.

    Raises
    ------
    DataError
        If there is not exactly one row.

    Notes
    -----
    Each contribution is the integral of the titer's derivative along the straight path from the
    average culture (Aumann and Shapley 1974, "Values of non-atomic games"): without a transform
    the parts of the regression themselves, of log titer these times the logarithmic mean of the
    two titers.

    Examples
    --------
    ``fitted.explain({"ph": 7.0, "temperature": 309.65}).round(2)``
    """
    frame = as_rows(row)
    if len(frame) != 1:
        raise DataError(f"{len(frame)} rows came; explain takes one culture at a time.")
    rng = np.random.default_rng(random_seed)
    rows = posterior.rows(frame, rng)
    end = posterior.linear_predictor(rows, rng)
    start, parts = _parts(posterior, posterior.design, rows, end.location[:, 0], "")
    production_start: Any = None
    production_parts: dict[str, np.ndarray] = {}
    production_design = posterior.regression.production_design
    if end.production_logit is not None and production_design is not None:
        production_start, production_parts = _parts(
            posterior,
            production_design,
            rows,
            end.production_logit[:, 0],
            PRODUCTION,
        )
    zero = np.zeros(len(start))
    names = list(dict.fromkeys([*parts, *production_parts]))
    gained = {name: zero.copy() for name in names}
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    for node, weight in zip(0.5 * (nodes + 1.0), 0.5 * weights, strict=True):
        location = start + node * (end.location[:, 0] - start)
        logit = None
        if end.production_logit is not None:
            logit = production_start + node * (end.production_logit[:, 0] - production_start)
        slope, production_slope = _slopes(posterior, location, logit)
        for name in names:
            gained[name] += weight * slope * parts.get(name, zero)
            gained[name] += weight * production_slope * production_parts.get(name, zero)
    first = _typical(posterior, start, production_start)
    last = posterior.typical(end)[:, 0]
    # The error of the quadrature, one part in millions, is divided in proportion.
    total = sum(gained.values(), zero.copy())
    size = sum((np.abs(values) for values in gained.values()), zero.copy())
    error = (last - first - total) / np.where(size > 0.0, size, 1.0)
    gained = {name: values + error * np.abs(values) for name, values in gained.items()}
    order = sorted(gained, key=lambda name: -abs(float(gained[name].mean())))
    lines = {AVERAGE: first, **{name: gained[name] for name in order}, PREDICTION: last}
    found = pd.DataFrame(
        [
            {
                "mean": float(values.mean()),
                "eti_5": float(np.quantile(values, 0.05)),
                "eti_95": float(np.quantile(values, 0.95)),
                "probability_positive": float((values > 0.0).mean()),
            }
            for values in lines.values()
        ],
        index=pd.Index(list(lines), name="part"),
    )
    found.attrs = {"unit": posterior.unit}
    return found


def _parts(
    posterior: TiterDraws,
    design: DesignMatrix,
    rows: CodedRows,
    end: np.ndarray,
    prefix: str,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Linear predictor of the average culture, and what factors, pairs and groups add to it."""
    shapes = {name: posterior.flat[name] for name in design.shape_units}
    effects = posterior.flat[f"{prefix}effect"]
    here = design.columns(rows.cells, shapes)
    start = posterior.flat[f"{prefix}intercept"].copy()
    fitted = {
        name: np.nan_to_num(values) if values.dtype == float else values
        for name, values in design.coding.cells(posterior.table.to_frame()).items()
    }
    shaped = [bool(term.shape_units(design.coding)) for term in design.terms]
    average = design.columns(fitted, shapes) if any(shaped) else []
    parts: dict[str, np.ndarray] = {}
    for column, number in enumerate(design.term_of_column):
        term = design.terms[number]
        value = np.broadcast_to(here[column], (len(start), 1))[:, 0]
        if shaped[number]:
            mean = average[column].mean(axis=-1)
            value = value - mean
            start = start + effects[:, column] * mean
        name = " x ".join(term.factors)
        parts[name] = parts.get(name, 0.0) + effects[:, column] * value
    # Groups, and levels that were not fitted, are the remainder.
    remainder = end - start - sum(parts.values(), np.zeros(len(start)))
    if np.abs(remainder).max() > 1e-9:
        name = ", ".join(posterior.regression.groups) or "level not fitted"
        parts[name] = parts.get(name, 0.0) + remainder
    return start, parts


def _typical(posterior: TiterDraws, location: np.ndarray, logit: np.ndarray | None) -> np.ndarray:
    at = LinearPredictor(location[:, None], None if logit is None else logit[:, None])
    return posterior.typical(at)[:, 0]


def _slopes(
    posterior: TiterDraws, location: np.ndarray, logit: np.ndarray | None
) -> tuple[np.ndarray, Any]:
    """Differentiate the typical titer, by central differences."""
    step = 1e-4 * (1.0 if posterior.transform == "log" else posterior.flat["noise"])
    up, down = (_typical(posterior, location + sign * step, logit) for sign in (1.0, -1.0))
    if logit is None:
        return (up - down) / (2.0 * step), 0.0
    higher, lower = (_typical(posterior, location, logit + sign * 1e-4) for sign in (1.0, -1.0))
    return (up - down) / (2.0 * step), (higher - lower) / 2e-4

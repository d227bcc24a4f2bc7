"""Why one culture is predicted to give what it gives: contributions that add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesbio.errors import DataError
from bayesbio.titer.factors.design_matrix import Design
from bayesbio.titer.factors.factor_coding import as_rows
from bayesbio.titer.factors.terms import Cells
from bayesbio.titer.regression.posterior import TiterPosterior

AVERAGE, PREDICTION = "average culture", "prediction"
NODES = 16  # of the quadrature along the way


def explain(posterior: TiterPosterior, row: Any, *, random_seed: int = 0) -> pd.DataFrame:
    """
    Take the typical titer of one culture apart, from the average culture to this one.

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
        acts together and each group, the largest first, then the prediction. Columns mean, eti_5,
        eti_95 [unit of the response] and probability_positive. Draw by draw, and so in the mean,
        average and contributions add up to the prediction.

    Raises
    ------
    DataError
        If there is not exactly one row.

    Notes
    -----
    Each part is what the titer gains while all parts grow together from nothing to their size
    (Aumann and Shapley 1974, "Values of non-atomic games"): on the natural scale the parts of the
    regression themselves, on the log scale these times the logarithmic mean of the two titers.

    Examples
    --------
    ``fitted.explain({"ph": 7.0, "temperature": 309.65}).round(2)``
    """
    frame = as_rows(row)
    if len(frame) != 1:
        raise DataError(f"{len(frame)} rows came; explain takes one culture at a time.")
    rng = np.random.default_rng(random_seed)
    at, makes_at, _ = posterior.locate(frame, np.random.default_rng(random_seed))
    cells = posterior.design.coding.cells(frame)
    if any(np.isnan(cells[name]).any() for name in posterior.population.names):
        # The same generator draws the same cells as in `locate`.
        cells = posterior.population.completed(cells, len(at), rng)
    start, parts = _parts(posterior, posterior.design, cells, at[:, 0], "intercept", "effect")
    makes_start: Any = None
    makes_path: Any = None
    makes_parts: dict[str, np.ndarray] = {}
    if makes_at is not None and posterior.makes is not None:
        makes_start, makes_parts = _parts(
            posterior,
            posterior.makes,
            cells,
            makes_at[:, 0],
            "makes_intercept",
            "makes_effect",
        )
        makes_path = makes_at[:, 0] - makes_start
    nothing = np.zeros(len(at))
    names = list(dict.fromkeys([*parts, *makes_parts]))
    gained = {name: nothing.copy() for name in names}
    path = at[:, 0] - start
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    for node, weight in zip(0.5 * (nodes + 1.0), 0.5 * weights, strict=True):
        here = start + node * path
        makes_here = None if makes_start is None else makes_start + node * makes_path
        slope, makes_slope = _slopes(posterior, here, makes_here)
        for name in names:
            gained[name] += weight * slope * parts.get(name, nothing)
            if makes_slope is not None:
                gained[name] += weight * makes_slope * makes_parts.get(name, nothing)
    first = _typical(posterior, start, makes_start)
    last = _typical(posterior, at[:, 0], None if makes_at is None else makes_at[:, 0])
    # What the quadrature leaves, one part in millions, is dealt out in proportion.
    total = sum(gained.values(), nothing.copy())
    size = sum((np.abs(values) for values in gained.values()), nothing.copy())
    left = (last - first - total) / np.where(size > 0.0, size, 1.0)
    gained = {name: values + left * np.abs(values) for name, values in gained.items()}
    order = sorted(gained, key=lambda name: -abs(float(gained[name].mean())))
    told = {AVERAGE: first, **{name: gained[name] for name in order}, PREDICTION: last}
    found = pd.DataFrame(
        [
            {
                "mean": float(values.mean()),
                "eti_5": float(np.quantile(values, 0.05)),
                "eti_95": float(np.quantile(values, 0.95)),
                "probability_positive": float((values > 0.0).mean()),
            }
            for values in told.values()
        ],
        index=pd.Index(list(told), name="part"),
    )
    found.attrs = {"unit": posterior.unit}
    return found


def _parts(
    posterior: TiterPosterior,
    design: Design,
    cells: Cells,
    at: np.ndarray,
    intercept: str,
    effect: str,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Give the average culture's place, and what factors, pairs and groups add to it."""
    shapes = {name: posterior.draws(name) for name in design.shape_names}
    effects = posterior.draws(effect)
    here = design.columns(cells, shapes)
    start = posterior.draws(intercept).copy()
    fitted = design.coding.cells(posterior.table.to_frame())
    fitted = {
        name: np.nan_to_num(values) if values.dtype == float else values
        for name, values in fitted.items()
    }
    shaped = [bool(term.shape_names()) for term in design.terms]
    average = design.columns(fitted, shapes) if any(shaped) else []
    parts: dict[str, np.ndarray] = {}
    for column, place in enumerate(design.term_of_column):
        term = design.terms[place]
        value = np.broadcast_to(here[column], (len(start), 1))[:, 0]
        if shaped[place]:
            mean = average[column].mean(axis=-1)
            value = value - mean
            start = start + effects[:, column] * mean
        name = " x ".join(term.factors)
        parts[name] = parts.get(name, 0.0) + effects[:, column] * value
    # Groups, and levels that were not fitted, are what is left of the way.
    left = at - start - sum(parts.values(), np.zeros(len(start)))
    if np.abs(left).max() > 1e-9:
        groups = list(dict.fromkeys(one.group for one in posterior.levels))
        parts[", ".join(groups) if groups else "level not fitted"] = left
    return start, parts


def _typical(
    posterior: TiterPosterior, location: np.ndarray, makes: np.ndarray | None
) -> np.ndarray:
    return posterior.typical(location[:, None], None if makes is None else makes[:, None])[:, 0]


def _slopes(
    posterior: TiterPosterior, location: np.ndarray, makes: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Differentiate the typical titer, by central differences."""
    step = 1e-4 * (1.0 if posterior.scale == "log" else posterior.draws("noise"))
    up = _typical(posterior, location + step, makes)
    down = _typical(posterior, location - step, makes)
    slope = (up - down) / (2.0 * step)
    if makes is None:
        return slope, None
    up = _typical(posterior, location, makes + 1e-4)
    down = _typical(posterior, location, makes - 1e-4)
    return slope, (up - down) / 2e-4

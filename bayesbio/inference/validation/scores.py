"""Proper scoring rules: CRPS, log score, interval score, coverage; smaller is better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from bayesbio.errors import DataError


def crps(samples: Any, observed: Any) -> np.ndarray:
    """
    Continuous ranked probability score: the absolute error of a whole distribution.

    Parameters
    ----------
    samples : array, shape (draws, ...) [unit of the quantity]
        Draws from the predictive distribution.
    observed : array, shape (...) [unit of the quantity]
        What was measured.

    Returns
    -------
    array, shape (...) [unit of the quantity]

    Raises
    ------
    DataError
        If the shapes do not fit.

    Notes
    -----
    E|X - y| - E|X - X'| / 2 of the empirical distribution of the draws, exact, by sorting them:
    Gneiting and Raftery (2007), doi:10.1198/016214506000001437. A single draw gives the absolute
    error.

    Examples
    --------
    >>> crps([[0.0], [1.0]], [0.0]).tolist()
    [0.25]
    """
    samples, observed = _pair(samples, observed)
    number = len(samples)
    weights = (2.0 * np.arange(1, number + 1) - number - 1.0) / number**2
    spread = np.tensordot(weights, np.sort(samples, axis=0), axes=1)
    return np.mean(np.abs(samples - observed), axis=0) - spread


def log_score(log_likelihood: Any) -> np.ndarray:
    """
    Logarithmic score: minus the log of the predictive density at the reading.

    It takes log densities, such as those of `Noise.log_likelihood`, rather than draws: no kernel
    has to be chosen, and censored readings count with their probability.

    Parameters
    ----------
    log_likelihood : array, shape (draws, ...) [1]
        Log density of each reading under each posterior draw.

    Returns
    -------
    array, shape (...) [1]

    Notes
    -----
    -log(mean over draws of exp(log_likelihood)), Good (1952),
    doi:10.1111/j.2517-6161.1952.tb00104.x

    Examples
    --------
    >>> log_score(np.log([[0.1], [0.3]])).round(6).tolist()
    [1.609438]
    """
    given = np.asarray(log_likelihood, dtype=float)
    return np.log(len(given)) - logsumexp(given, axis=0)


def coverage(samples: Any, observed: Any, probability: float = 0.9) -> float:
    """
    Share of the readings that fell inside the central interval; it should equal `probability`.

    Whether intervals of *parameters* cover known truths as often as they claim is a question for
    `simulation_based_calibration`.

    Parameters
    ----------
    samples : array, shape (draws, ...) [unit of the quantity]
        Draws from the predictive distribution.
    observed : array, shape (...) [unit of the quantity]
        What was measured.
    probability : float [1]
        Probability of the interval.

    Returns
    -------
    float [1]

    Raises
    ------
    DataError
        If the shapes do not fit, or the probability is not between zero and one.

    Examples
    --------
    >>> coverage(np.linspace(0.0, 1.0, 101)[:, None], [0.5])
    1.0
    """
    samples, observed = _pair(samples, observed)
    low, high = _interval(samples, probability)
    return float(np.mean((observed >= low) & (observed <= high)))


def width(samples: Any, probability: float = 0.9) -> np.ndarray:
    """
    Width of the central interval.

    Parameters
    ----------
    samples : array, shape (draws, ...) [unit of the quantity]
        Draws from the predictive distribution.
    probability : float [1]
        Probability of the interval.

    Returns
    -------
    array, shape (...) [unit of the quantity]

    Raises
    ------
    DataError
        If the probability is not between zero and one.

    Examples
    --------
    >>> width(np.linspace(0.0, 1.0, 101)[:, None]).round(6).tolist()
    [0.9]
    """
    low, high = _interval(np.asarray(samples, dtype=float), probability)
    return high - low


def interval_score(samples: Any, observed: Any, probability: float = 0.9) -> np.ndarray:
    """
    Width of the central interval, plus a penalty for each reading outside.

    Parameters
    ----------
    samples : array, shape (draws, ...) [unit of the quantity]
        Draws from the predictive distribution.
    observed : array, shape (...) [unit of the quantity]
        What was measured.
    probability : float [1]
        Probability of the interval.

    Returns
    -------
    array, shape (...) [unit of the quantity]

    Raises
    ------
    DataError
        If the shapes do not fit, or the probability is not between zero and one.

    Notes
    -----
    (u - l) + 2 / (1 - probability) x (distance of the reading from the interval): Gneiting and
    Raftery (2007), equation 43, doi:10.1198/016214506000001437

    Examples
    --------
    >>> interval_score(np.linspace(0.0, 1.0, 101)[:, None], [1.05]).round(6).tolist()
    [2.9]
    """
    samples, observed = _pair(samples, observed)
    low, high = _interval(samples, probability)
    outside = np.maximum(low - observed, 0.0) + np.maximum(observed - high, 0.0)
    return (high - low) + 2.0 / (1.0 - probability) * outside


def score_table(
    samples: Any,
    rows: pd.DataFrame,
    *,
    probability: float = 0.9,
    log_likelihood: Any = None,
) -> pd.DataFrame:
    """
    Score predictions of many readings, one line per quantity and run.

    Parameters
    ----------
    samples : array, shape (draws, rows) [unit of each row's quantity]
        Draws from the predictive distribution of each row.
    rows : DataFrame
        What was measured: run, quantity, value and flag, as from ``campaign.to_frame()``. With a
        column horizon (see `horizons_of`) each part of a run gets its own line.
    probability : float [1]
        Probability of the interval that coverage and width refer to.
    log_likelihood : array, shape (draws, rows), optional [1]
        Log density of each row under each draw; adds the column log_score.

    Returns
    -------
    DataFrame
        Columns quantity, run, (horizon,) readings, crps, rmse (of the predictive mean),
        coverage_90, width_90, interval_score_90 (named after `probability`) and log_score: means
        over the quantified readings; the log score counts the censored ones too. Excluded rows
        and lines without a quantified reading are left out.

    Raises
    ------
    DataError
        If there is not one column of samples per row.

    Examples
    --------
    >>> rows = pd.DataFrame({"run": ["R1"], "quantity": ["titer"], "value": [2.0], "flag": [""]})
    >>> score_table([[1.0], [2.0], [3.0]], rows)[["quantity", "run", "readings", "rmse"]]
      quantity run  readings  rmse
    0    titer  R1         1   0.0
    """
    samples, value = _pair(samples, rows["value"].to_numpy(float, copy=True))
    flag = rows["flag"].to_numpy(str)
    percent = f"{100 * probability:g}"
    keys = ["quantity", "run", *(["horizon"] if "horizon" in rows else [])]
    lines = []
    for key, places in rows.groupby(keys, sort=False).indices.items():
        known = places[flag[places] == ""]
        if not known.size:
            continue
        drawn, seen = samples[:, known], value[known]
        line = {
            **dict(zip(keys, key, strict=True)),
            "readings": known.size,
            "crps": float(np.mean(crps(drawn, seen))),
            "rmse": float(np.sqrt(np.mean((drawn.mean(axis=0) - seen) ** 2))),
            f"coverage_{percent}": coverage(drawn, seen, probability),
            f"width_{percent}": float(np.mean(width(drawn, probability))),
            f"interval_score_{percent}": float(np.mean(interval_score(drawn, seen, probability))),
        }
        if log_likelihood is not None:
            told = places[flag[places] != "excluded"]
            densities = np.asarray(log_likelihood, dtype=float)[:, told]
            line["log_score"] = float(np.mean(log_score(densities)))
        lines.append(line)
    return pd.DataFrame(lines)


def pool_scores(table: pd.DataFrame) -> pd.DataFrame:
    """
    Pool scores over runs: one line per quantity and model, every reading counting the same.

    Where the scores are by horizon, so are the lines.

    Parameters
    ----------
    table : DataFrame
        Rows as from `score_table` with a column model; several such tables may be concatenated,
        a mechanism and its baselines on the same folds.

    Returns
    -------
    DataFrame
        Index (quantity, model) or (quantity, horizon, model), the models of a quantity by
        increasing crps; columns readings, rmse (root of the pooled mean square), crps and the
        other scores (means).

    Raises
    ------
    DataError
        If there is no column model.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"model": "A", "quantity": "titer", "run": ["R1", "R2"], "readings": [3, 1],
    ...      "rmse": [1.0, 3.0], "crps": [0.4, 0.8]}
    ... )
    >>> pool_scores(table).round(3).reset_index().values.tolist()
    [['titer', 'A', 4, 1.732, 0.5]]
    """
    if "model" not in table:
        raise DataError(
            f"Scores with the columns {', '.join(map(str, table.columns)) or '(none)'} came; a "
            "column model was expected. Name it: table.assign(model='mechanism')."
        )
    keys = ["quantity", *(["horizon"] if "horizon" in table else []), "model"]
    means = list(table.columns.drop([*keys, "run", "readings"]))
    lines = {}
    for key, part in table.groupby(keys, sort=False):
        weights = part["readings"].to_numpy(float)
        line = {name: np.average(part[name].to_numpy(float), weights=weights) for name in means}
        line["rmse"] = np.sqrt(np.average(part["rmse"].to_numpy(float) ** 2, weights=weights))
        lines[key] = {"readings": int(weights.sum()), **line}
    pooled = pd.DataFrame.from_dict(lines, orient="index")
    pooled.index = pd.MultiIndex.from_tuples(pooled.index, names=keys)
    order = {key: place for place, key in enumerate(dict.fromkeys(key[:-1] for key in lines))}
    sorting = [(order[key[:-1]], crps) for key, crps in pooled["crps"].items()]
    ranks = sorted(range(len(sorting)), key=sorting.__getitem__)
    return pooled.iloc[ranks][["readings", "rmse", *(name for name in means if name != "rmse")]]


def _pair(samples: Any, observed: Any) -> tuple[np.ndarray, np.ndarray]:
    """Arrays of draws and readings that fit each other."""
    samples, observed = np.asarray(samples, dtype=float), np.asarray(observed, dtype=float)
    if samples.shape[1:] != observed.shape or not len(samples):
        raise DataError(
            f"Samples of shape {samples.shape} came with readings of shape {observed.shape}; "
            f"expected samples of shape (draws, {', '.join(map(str, observed.shape))}), the draws "
            "first. Stack chains and draws into one axis and move it to the front."
        )
    return samples, observed


def _interval(samples: np.ndarray, probability: float) -> tuple[np.ndarray, np.ndarray]:
    """Find the ends of the central interval."""
    if not 0.0 < probability < 1.0:
        raise DataError(
            f"The probability of an interval is {probability:g}; expected a number between 0 and "
            "1, such as 0.9."
        )
    tail = 0.5 * (1.0 - probability)
    low, high = np.quantile(samples, [tail, 1.0 - tail], axis=0)
    return low, high

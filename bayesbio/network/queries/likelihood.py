"""Log likelihood of rows with missing cells: multivariate normal margins in every draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.learning.standardising import linked_column
from bayesbio.network.queries.student_t_precisions import conditional_variances


@thread_policy()
def log_likelihood(posterior: NetworkDraws, data: Any) -> np.ndarray:
    """
    Log density of the quantified cells of each row, missing ones integrated out.

    Parameters
    ----------
    posterior : NetworkDraws
    data : Table or DataFrame
        Any cells may be missing; censored cells are refused.

    Returns
    -------
    array, shape (draws, rows)
        After the links of the nodes.

    Raises
    ------
    DataError
        If a cell is censored.

    Notes
    -----
    Little and Rubin (2019), Statistical Analysis with Missing Data, doi:10.1002/9781119482260.
    Student-t residuals: their precisions are integrated out by importance sampling.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesbio.network import NetworkPosterior, ProcessNetwork
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 0.0},
    ...     coefficients={("feed", "titer"): 1.0}, variance={"feed": 1.0, "titer": 1.0})
    >>> log_likelihood(known, pd.DataFrame({"feed": [np.nan], "titer": [0.0]}))  # N(0, 2) at 0
    array([[-1.265512]])
    """
    table = Table.of(data)
    standardised = np.full((len(table), len(posterior.names)), np.nan)
    for k, name in enumerate(posterior.names):
        if name not in table:
            continue
        values, lower, _, _ = linked_column(posterior.network[name], table)
        if not np.isnan(lower).all():
            raise DataError("A cell is censored; its density is not given. Mark it excluded.")
        standardised[:, k] = (values - posterior.centre[k]) / posterior.spread[k]
    if posterior.degrees_of_freedom is None:
        total = normal_log_density(posterior, standardised)
    else:
        rng = np.random.default_rng(0)
        density = [conditional_variances(posterior, r, rng, count=1)[1] for r in standardised]
        total = np.stack(density, axis=1)
    units: np.ndarray = np.isfinite(standardised) @ np.log(posterior.spread)
    return total - units


def normal_log_density(posterior: NetworkDraws, rows: np.ndarray) -> np.ndarray:
    """Log density of standardised rows, shape (rows, nodes), NaN integrated out: (draws, rows)."""
    total = np.zeros((posterior.draws, len(rows)))
    patterns, member = np.unique(np.isfinite(rows), axis=0, return_inverse=True)
    for number, known in enumerate(patterns):
        if not known.any():
            continue
        at, nodes = np.flatnonzero(member.ravel() == number), np.flatnonzero(known)
        mean, covariance = posterior.moments([posterior.names[k] for k in nodes], standardised=True)
        factor = np.linalg.cholesky(covariance)
        white = np.linalg.solve(factor, rows[np.ix_(at, nodes)].T - mean[:, :, None])
        size = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
        constant = size + 0.5 * len(nodes) * np.log(2.0 * np.pi)
        total[:, at] = -0.5 * (white**2).sum(axis=1) - constant[:, None]
    return total

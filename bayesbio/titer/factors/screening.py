"""Screening of pairwise interactions by the residuals of a ridge regression, with heredity."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from bayesbio.baselines import TabularFeatures
from bayesbio.baselines.regressors import standardised
from bayesbio.data.table import Table
from bayesbio.errors import ModelError

PENALTY = 0.1  # of the ridge regression, per row
ACTIVE = 0.5  # share of the factors that count as acting on their own


def screened_interactions(
    table: Table,
    response: str,
    *,
    factors: Iterable[str] | None = None,
    transform: str = "identity",
    heredity: str | None = "weak",
    keep: int = 30,
) -> tuple[tuple[str, str], ...]:
    """
    Keep the pairs of numeric factors whose product explains most of what main effects leave.

    Parameters
    ----------
    table : Table
    response : str
    factors : iterable of str, optional
        By default all; names are skipped.
    transform : {"identity", "log"}
        Of the response; readings flagged below count with half their limit, between limits with
        their middle.
    heredity : {"weak", "strong", None}
        Whether one, both or none of a pair must be in the half of the factors that act most on
        their own (line or square). A pure interaction of two that do not needs None.
    keep : int
        How many pairs.

    Returns
    -------
    tuple of (factor, factor)
        The most promising first. The response was used once for that, so intervals of a later fit
        are a little too narrow.

    Notes
    -----
    Residuals of a ridge regression on lines and squares, correlated with products; heredity after
    Hamada and Wu (1992), "Analysis of designed experiments with complex aliasing".

    Examples
    --------
    ``second_order(table, interactions=screened_interactions(table, "titer"))`` makes the terms.
    """
    if heredity not in (None, "weak", "strong"):
        raise ModelError(f"heredity is {heredity!r}; expected None, 'weak' or 'strong'.")
    values, flag = table[response], table.flag(response)
    values = np.where(flag == "below", 0.5 * values, values)
    values = np.where(flag == "between", 0.5 * (values + table.upper(response)), values)
    kept = np.isfinite(values) & (flag != "excluded")
    if transform == "log":
        kept &= values > 0.0
    wanted = table.factors if factors is None else tuple(factors)
    names = [name for name in wanted if table.column(name).is_number]
    if len(names) < 2:
        return ()
    rows = table.select(kept)
    scores = TabularFeatures.of_table(rows, names).of(rows)
    scores = standardised(scores, scores)
    y = np.log(values[kept]) if transform == "log" else values[kept]
    y = (y - y.mean()) / (y.std() or 1.0)
    lines = np.hstack([scores, scores**2])
    lines = standardised(lines, lines)
    weights = lines.T @ lines + PENALTY * len(y) * np.eye(lines.shape[1])
    slopes = np.linalg.solve(weights, lines.T @ y)
    residual = y - lines @ slopes
    size = np.hypot(slopes[: len(names)], slopes[len(names) :])
    acting = size >= np.quantile(size, 1.0 - ACTIVE)
    pairs = []
    for one, other in itertools.combinations(range(len(names)), 2):
        count = int(acting[one]) + int(acting[other])
        if count < {None: 0, "weak": 1, "strong": 2}[heredity]:
            continue
        product = scores[:, one] * scores[:, other]
        product = product - lines @ np.linalg.solve(weights, lines.T @ product)
        spread = product.std()
        if spread > 0.0:
            pairs.append(
                (abs(float(np.mean(product * residual))) / spread, names[one], names[other])
            )
    pairs.sort(key=lambda line: -line[0])
    return tuple((one, other) for _, one, other in pairs[:keep])

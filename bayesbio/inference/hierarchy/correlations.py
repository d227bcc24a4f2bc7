"""Correlated group effects of several parameters: LKJ prior, conditional distributions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

ETA = 2.0  # of the prior of correlations: extreme ones are unlikely, none is favoured


class Correlated:
    """
    Correlated effects of several parameters on the groups of one level, one after the other.

    `conditional` gives the distribution of a parameter's standardised effects given those added
    before; so every parameter may be sampled centred or not.

    Parameters
    ----------
    level : str
    parameters : sequence of str
        In the order in which they will ask.
    partial : PyTensor vector, (pairs,)
        Partial correlations, row by row of the lower triangle.

    Notes
    -----
    Row j of the Cholesky factor of the correlation matrix from partial correlations, Lewandowski,
    Kurowicka and Joe (2009), doi:10.1016/j.jmva.2009.04.008
    """

    def __init__(self, level: str, parameters: Sequence[str], partial: Any) -> None:
        self.level, self.parameters = level, tuple(parameters)
        self.rows = cholesky_rows(partial, len(parameters))
        self._independent: list[Any] = []

    def conditional(self, parameter: str) -> tuple[Any, Any]:
        """Mean of its standardised effects given those before, and their standard deviation."""
        row = self.rows[self.parameters.index(parameter)]
        mean = sum(
            (part * effect for part, effect in zip(row[:-1], self._independent, strict=True)), 0.0
        )
        return mean, row[-1]

    def add(self, independent: Any) -> None:
        """Add the innovation of its effects: what those before do not explain, standardised."""
        self._independent.append(independent)

    def correlations(self) -> list[Any]:
        """Correlation of each pair, in the order of `pairs`."""
        return [
            sum(a * b for a, b in zip(self.rows[i], self.rows[j], strict=False))
            for i, j in itertools.combinations(range(len(self.rows)), 2)
        ]


def cholesky_rows(partial: Any, size: int) -> list[list[Any]]:
    """
    Rows of the lower Cholesky factor of a correlation matrix.

    Parameters
    ----------
    partial : vector, (size (size - 1) / 2,)
        Partial correlations between -1 and 1, row by row.
    size : int

    Returns
    -------
    list of lists
        Row j has j + 1 entries.

    Examples
    --------
    >>> [[float(x.eval()) for x in row] for row in cholesky_rows(pt.constant([0.6]), 2)[1:]]
    [[0.6, 0.8]]
    """
    rows: list[list[Any]] = []
    place = 0
    for j in range(size):
        row: list[Any] = []
        left: Any = pt.constant(1.0)
        for _ in range(j):
            row.append(partial[place] * pt.sqrt(left))
            left = left * (1.0 - partial[place] ** 2)
            place += 1
        row.append(pt.sqrt(left))
        rows.append(row)
    return rows


def correlate(level: str, blocks: Sequence[Sequence[str]]) -> dict[str, Correlated]:
    """
    Register the correlations of effects on one level in the current model.

    Parameters
    ----------
    level : str
    blocks : sequence of sequences of str
        Parameters whose effects go together, in the order in which they will be registered.

    Returns
    -------
    dict of parameter to Correlated
        Registered are ``correlation_<level>`` (dims ``pair_<level>``) and the partial correlations
        behind it.

    Notes
    -----
    Density proportional to det(R)^(eta - 1) with eta = 2: Lewandowski, Kurowicka and Joe (2009),
    doi:10.1016/j.jmva.2009.04.008

    Examples
    --------
    >>> with pm.Model() as model:
    ...     together = correlate("run", [["growth_rate", "cell_yield"]])
    >>> model.coords["pair_run"]
    ('growth_rate, cell_yield',)
    """
    shapes: list[float] = []
    for block in blocks:
        for j in range(1, len(block)):
            shapes += [ETA + (len(block) - 2 - i) / 2.0 for i in range(j)]
    model = pm.modelcontext(None)
    model.add_coord(f"pair_{level}", [pair for block in blocks for pair in pairs(block)])
    name = f"correlation_{level}"
    share = pm.Beta(f"{name}_partial", np.array(shapes), np.array(shapes), dims=f"pair_{level}")
    found: dict[str, Correlated] = {}
    values: list[Any] = []
    for block in blocks:
        size = len(block) * (len(block) - 1) // 2
        together = Correlated(level, block, 2.0 * share[len(values) : len(values) + size] - 1.0)
        values += together.correlations()
        found |= dict.fromkeys(block, together)
    pm.Deterministic(name, pt.stack(values), dims=f"pair_{level}")
    return found


def pairs(block: Sequence[str]) -> list[str]:
    """
    Name the pairs of a block.

    Examples
    --------
    >>> pairs(["a", "b", "c"])
    ['a, b', 'a, c', 'b, c']
    """
    return [f"{first}, {second}" for first, second in itertools.combinations(block, 2)]


def correlation_matrix(values: np.ndarray, size: int) -> np.ndarray:
    """
    Correlation matrix from the values of its pairs.

    Parameters
    ----------
    values : array, (..., pairs)
        In the order of `pairs`.
    size : int

    Returns
    -------
    array, (..., size, size)

    Examples
    --------
    >>> correlation_matrix(np.array([0.5]), 2).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    found = np.broadcast_to(np.eye(size), (*values.shape[:-1], size, size)).copy()
    for place, (i, j) in enumerate(itertools.combinations(range(size), 2)):
        found[..., i, j] = found[..., j, i] = values[..., place]
    return found

"""Standardisation of a table of runs, with missing and censored cells, for a network."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from bayesbio.data.table import Table
from bayesbio.errors import DataError, ModelError
from bayesbio.network.graph.nodes import Node, require_unit
from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.network.learning.conjugate import NormalInverseGamma, default_priors

# A column whose values agree to this share of their size does not vary.
_CONSTANT = 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class Standardised:
    """
    A table in the order of a network, standardised after the links of the nodes.

    Attributes
    ----------
    values : array, shape (rows, nodes)
        NaN where missing; the limit, or the middle of two, where censored.
    lower, upper : array, shape (rows, nodes)
        Limits of censored cells, infinite where there is none; NaN in all other cells.
    centre, spread : array, shape (nodes,)
    observed_range : array, shape (2, nodes) [units of the nodes]
    """

    values: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    observed_range: np.ndarray

    @property
    def censored(self) -> np.ndarray:
        """Cells of which only limits are known, shape (rows, nodes)."""
        return ~np.isnan(self.lower)

    @property
    def quantified(self) -> np.ndarray:
        """Cells whose value is known, shape (rows, nodes)."""
        return ~np.isnan(self.values) & ~self.censored

    @property
    def complete(self) -> bool:
        """Whether the value of every cell is known."""
        return bool(self.quantified.all())

    def design(self, network: ProcessGraph, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Design matrix (1, parents) and response of a node, where all of them are quantified."""
        chosen = [network.order.index(other) for other in (name, *network.parents(name))]
        rows = self.values[self.quantified[:, chosen].all(axis=1)][:, chosen]
        return np.column_stack([np.ones(len(rows)), rows[:, 1:]]), rows[:, 0]


def standardise(network: ProcessGraph, table: Table) -> Standardised:
    """Standardise the columns of the nodes, and refuse what cannot be fitted; see `fit_network`."""
    cells = [linked_column(network[name], table) for name in network.order]
    values, lower, upper = (
        np.column_stack(part) for part in zip(*(part[:3] for part in cells), strict=True)
    )
    ranges = np.array([part[3] for part in cells]).T
    centre, spread = np.empty(values.shape[1]), np.empty(values.shape[1])
    for k, name in enumerate(network.order):
        known = values[~np.isnan(values[:, k]), k]
        if not len(known):
            raise DataError(
                f"Node {name!r} has no data: every cell of its column is missing. Add readings, "
                "or drop the node."
            )
        parents = network.parents(name)
        if len(known) <= len(parents) + 1 and name not in network.priors:
            raise DataError(
                f"Node {name!r} has {len(known)} readings for {len(parents) + 1} unknowns (an "
                f"intercept and {len(parents)} parents: {', '.join(parents) or 'none'}); at least "
                f"{len(parents) + 2} are needed. Drop parents, add runs, or bring knowledge with "
                "add_mechanistic_prior."
            )
        centre[k] = known.mean()
        spread[k] = known.std(ddof=1 if len(known) > 1 else 0)
        if spread[k] <= _CONSTANT * max(np.abs(known).max(), np.finfo(float).tiny):
            raise DataError(
                f"Node {name!r} has the same value in all {len(known)} rows, so no effect of it "
                "can be learned. Drop the node, or vary it."
            )
    values, lower, upper = ((part - centre) / spread for part in (values, lower, upper))
    return Standardised(values, lower, upper, centre, spread, ranges)


def linked_column(
    node: Node, table: Table
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float]]:
    """
    Values of a node after its link, the limits of what is censored, and its range [unit].

    Values, shape (rows,), are NaN where missing or excluded, the limit or the middle of two where
    censored; limits are NaN where the value is known. DataError: no such column, text, an infinite
    value, another unit, an interval without upper limit, a value outside the domain of the link.
    """
    if node.name not in table:
        raise DataError(
            f"Node {node.name!r} has no data: the table has no such column; it has "
            f"{', '.join(list(table)[:12])}. Add it, or drop the node."
        )
    column = table.column(node.name)
    if not column.is_number:
        raise DataError(
            f"Node {node.name!r} needs numbers, but its column holds text such as "
            f"{column.levels[0]!r}."
        )
    require_unit(node, column.unit)
    if np.isinf(table[node.name]).any():
        raise DataError(f"Node {node.name!r} has an infinite value; correct it, or leave it blank.")
    readings = table.readings(node.name)
    flags, given = readings["flag"].to_numpy(str), readings["value"].to_numpy(float)
    low, high = (readings[name].to_numpy(float, copy=True) for name in ("lower", "upper"))
    if np.isnan(high).any():
        raise DataError(
            f"Node {node.name!r} has a reading flagged 'between' without its upper limit; give it "
            "in uppers= of the Table, or mark the reading below, above or excluded."
        )
    if node.link != "identity":  # an interval from zero up to a limit is below it
        low[(flags == "between") & (low <= 0.0)] = -np.inf
    finite = np.isfinite(low), np.isfinite(high)
    for limits, known in zip((low, high), finite, strict=True):
        limits[known] = node.to_link(limits[known])
    middle = np.select([~finite[0], ~finite[1]], [high, low], 0.5 * (low + high))
    values, lower, upper = (np.full(len(table), np.nan) for _ in range(3))
    rows, censored = readings.index.to_numpy(), flags != ""
    values[rows] = middle
    lower[rows[censored]], upper[rows[censored]] = low[censored], high[censored]
    span = (float(given.min()), float(given.max())) if len(given) else (np.nan, np.nan)
    return values, lower, upper, span


def node_priors(network: ProcessGraph, data: Standardised) -> dict[str, list[NormalInverseGamma]]:
    """Priors of each standardised node: the default ones, or its own at every discount."""
    position = {name: k for k, name in enumerate(network.order)}
    priors = {}
    for name in network.order:
        parents = network.parents(name)
        given = network.priors.get(name)
        if given is None:
            priors[name] = default_priors(len(parents))
            continue
        if sorted(given.parents) != sorted(parents):
            raise ModelError(
                f"The prior of {name!r} is of the parents {', '.join(given.parents)}, but the "
                f"network has {', '.join(parents)}; make the prior anew after changing edges."
            )
        chosen = [position[other] for other in (name, *parents)]
        priors[name] = given.candidates(parents, data.centre[chosen], data.spread[chosen])
    return priors


def group_codes(table: Table, group: str) -> tuple[np.ndarray, list[str]]:
    """Give the level of each row in a column as a number, and the levels."""
    codes, levels = pd.factorize(pd.Series(table[table.column(group).name]))
    excluded = table.flag(group) == "excluded"
    if (codes < 0).any() or excluded.any() or len(levels) < 2:
        raise DataError(
            f"The column {group!r} needs a level in every row and at least two levels; it has "
            f"{len(levels)} levels, and {int(((codes < 0) | excluded).sum())} rows without."
        )
    return codes, [str(level) for level in levels]


def data_warnings(
    network: ProcessGraph, table: Table, data: Standardised, *, group: str | None = None
) -> tuple[str, ...]:
    """Sentences on cells that are missing or censored, on columns not used, and on priors."""
    sentences = []
    for what, cells in (("missing", np.isnan(data.values)), ("censored", data.censored)):
        counts = dict(zip(network.order, cells.sum(axis=0).tolist(), strict=True))
        named = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
        if named:
            sentences.append(
                f"{int(cells.sum())} of {cells.size} cells are {what} ({named}); they are drawn "
                "along with the parameters."
            )
    unused = [name for name in table if name not in (*network.names, "run", group)]
    if unused:
        sentences.append(f"Columns that are no node and were not used: {', '.join(unused)}.")
    sentences += [
        f"The prior of {name} comes from {prior.source or 'outside'}, worth at most "
        f"{prior.strength * max(prior.discounts):g} batches."
        for name, prior in network.priors.items()
    ]
    return tuple(sentences)

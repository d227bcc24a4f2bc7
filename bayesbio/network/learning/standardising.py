"""A table of runs on the standardised scales of a network, and what in it cannot be fitted."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.network.graph.nodes import Node
from bayesbio.network.graph.structure import ProcessNetwork

# A column whose values agree to this share of their size does not vary.
_CONSTANT = 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class Standardised:
    """
    A table in the order of a network, on standardised scales.

    Attributes
    ----------
    scores : array, shape (rows, nodes)
        NaN where missing; the limit, or the middle of two, where censored.
    lower, upper : array, shape (rows, nodes)
        Limits of censored cells, infinite where there is none; NaN in all other cells.
    centre, spread : array, shape (nodes,)
    observed_range : array, shape (2, nodes)
    """

    scores: np.ndarray
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
    def read(self) -> np.ndarray:
        """Cells whose value is known, shape (rows, nodes)."""
        return ~np.isnan(self.scores) & ~self.censored

    @property
    def complete(self) -> bool:
        """Whether the value of every cell is known."""
        return bool(self.read.all())

    def design(self, network: ProcessNetwork, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Give (1, parents) and the node where all of them were read."""
        place = {known: k for k, known in enumerate(network.order)}
        chosen = [place[parent] for parent in network.parents(name)]
        used = [place[name], *chosen]
        read = self.read[:, used].all(axis=1)
        rows = np.column_stack([np.ones(read.sum()), self.scores[np.ix_(read, chosen)]])
        return rows, self.scores[read, place[name]]


def standardise(network: ProcessNetwork, table: Table | pd.DataFrame) -> Standardised:
    """
    Bring the columns of the nodes to standardised scales, and refuse what cannot be fitted.

    Raises
    ------
    DataError
        See `fit_network`.
    """
    if not isinstance(table, Table | pd.DataFrame):
        raise DataError(
            f"A {type(table).__name__} came as table; expected a Table or a DataFrame with one row "
            "per run and one column per node."
        )
    columns = [str(name) for name in (table.columns if isinstance(table, pd.DataFrame) else table)]
    kept = [column_of(network[name], table, columns) for name in network.order]
    scores, lower, upper = (
        np.column_stack([cells[part] for cells in kept]) for part in ("values", "lower", "upper")
    )
    centre, spread = np.empty(scores.shape[1]), np.empty(scores.shape[1])
    for k, name in enumerate(network.order):
        read = np.isfinite(scores[:, k])
        count, unknowns = int(read.sum()), len(network.parents(name)) + 1
        if count <= unknowns and name not in network.priors:
            raise DataError(
                f"Node {name!r} has {count} readings for {unknowns} unknowns (an intercept and "
                f"{unknowns - 1} parents: {', '.join(network.parents(name)) or 'none'}); at least "
                f"{unknowns + 1} are needed. Drop parents, add runs, or bring knowledge with "
                "add_mechanistic_prior."
            )
        values = scores[read, k]
        centre[k] = values.mean()
        off = values - centre[k]
        spread[k] = np.sqrt(off @ off / max(count - 1, 1))
        if spread[k] <= _CONSTANT * max(np.abs(values).max(), np.finfo(float).tiny):
            raise DataError(
                f"Node {name!r} has the same value in all {count} rows, so no effect of it can be "
                "learned. Drop the node, or vary it."
            )
    natural = np.column_stack([numbers_of(table, name, name) for name in network.order])
    natural[np.isnan(scores)] = np.nan
    return Standardised(
        (scores - centre) / spread,
        (lower - centre) / spread,
        (upper - centre) / spread,
        centre,
        spread,
        np.vstack([np.nanmin(natural, axis=0), np.nanmax(natural, axis=0)]),
    )


def column_of(
    node: Node, table: Table | pd.DataFrame, columns: Sequence[str], *, empty: bool = False
) -> dict[str, np.ndarray]:
    """
    Give a node's values on its scale, and the limits of what is censored.

    Returns
    -------
    dict of array, shape (rows,)
        ``values`` (NaN where missing), ``lower`` and ``upper`` (NaN where not censored).
    """
    blank = np.full(len(table), np.nan)
    if node.name not in columns:
        if empty:
            return {"values": blank, "lower": blank, "upper": blank}
        raise DataError(
            f"Node {node.name!r} has no data: the table has no such column; it has "
            f"{', '.join(columns[:12])}. Add it, or drop the node."
        )
    values = numbers_of(table, node.name, node.name)
    flags = table.flag(node.name) if isinstance(table, Table) else np.full(len(values), "")
    values[flags == "excluded"] = np.nan
    if not empty and not np.isfinite(values).any():
        raise DataError(
            f"Node {node.name!r} has no data: every cell of its column is missing. Add readings, "
            "or drop the node."
        )
    above = table.upper(node.name) if isinstance(table, Table) else blank
    if node.scale != "identity":  # from zero up to a limit is below it
        from_zero = (flags == "between") & (values <= 0.0)
        flags, values = np.where(from_zero, "below", flags), np.where(from_zero, above, values)
    values, above = np.array(node.forward(values)), node.forward(above)
    between = flags == "between"
    if (between & np.isfinite(values) & np.isnan(above)).any():
        raise DataError(
            f"Node {node.name!r} has a reading flagged 'between' without its upper limit; give it "
            "in uppers= of the Table, or mark the reading below, above or excluded."
        )
    known = np.isfinite(values)
    lower = np.select([known & np.isin(flags, ("above", "between")), known & (flags == "below")],
                      [values, -np.inf], np.nan)  # fmt: skip
    upper = np.select([known & between, known & (flags == "below"), known & (flags == "above")],
                      [above, values, np.inf], np.nan)  # fmt: skip
    return {"values": np.where(between, 0.5 * (values + above), values),
            "lower": lower, "upper": upper}  # fmt: skip


def numbers_of(table: Table | pd.DataFrame, column: str, node: str) -> np.ndarray:
    """Give a column as numbers of one's own."""
    try:
        values = np.array(table[column], dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"Node {node!r} needs numbers, but its column holds text.") from error
    if np.isinf(values).any():
        raise DataError(f"Node {node!r} has an infinite value; correct it, or leave it blank.")
    return values


def levels_of(table: Table | pd.DataFrame, group: str) -> np.ndarray:
    """Give each row the number of its level in a column."""
    columns = [str(name) for name in (table.columns if isinstance(table, pd.DataFrame) else table)]
    if group not in columns:
        raise DataError(f"There is no column {group!r}; the table has {', '.join(columns)}.")
    codes, levels = pd.factorize(pd.Series(np.asarray(table[group])))
    if (codes < 0).any() or len(levels) < 2:
        raise DataError(
            f"The column {group!r} needs a level in every row and at least two levels; it has "
            f"{len(levels)}."
        )
    return codes


def hash_of(table: Table | pd.DataFrame) -> str:
    """Give the SHA-256 of a table."""
    if isinstance(table, Table):
        return table.hash
    return hashlib.sha256(table.to_csv(index=False).encode("utf-8")).hexdigest()


def noticed_of(network: ProcessNetwork, data: Standardised) -> tuple[str, ...]:
    """Say which cells were not read, and what knowledge came along."""
    told = []
    missing = np.isnan(data.scores)
    for what, cells in (("missing", missing), ("censored", data.censored)):
        counts = {
            name: int(count)
            for name, count in zip(network.order, cells.sum(axis=0), strict=True)
            if count
        }
        if counts:
            named = ", ".join(f"{name} {count}" for name, count in counts.items())
            told.append(
                f"{sum(counts.values())} of {cells.size} cells are {what} ({named}); they are "
                "drawn along with the parameters."
            )
    told += [
        f"The prior of {name} comes from {prior.source or 'outside'}, worth at most "
        f"{prior.strength * max(prior.discounts):g} batches."
        for name, prior in network.priors.items()
    ]
    return tuple(told)

"""Symbolic factorisation of a sparse matrix: minimum-degree order and pattern of its LU factors."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import numpy as np


def symbolic_factors(entries: Iterable[tuple[int, int]], size: int) -> dict[str, np.ndarray]:
    """
    Index arrays for a matrix with the given entries: its own pattern and that of its factors.

    Parameters
    ----------
    entries : iterable of (row, column)
        Where the Jacobian may differ from zero.
    size : int
        Number of rows.

    Returns
    -------
    dict of int arrays
        ``ROWS``, ``COLUMNS``: compressed rows of the Jacobian, sorted. ``ORDER``: state that is
        eliminated at each place. ``FACTOR_ROWS``, ``FACTOR_COLUMNS``, ``DIAGONAL``: compressed
        rows of the factors in that order, and where each diagonal stands; ``BEYOND``: one further.
        ``SPREAD``: place among the factors of each entry of the Jacobian.

    Notes
    -----
    Indices are unsigned: compiled code then does not ask whether they count from the end.
    Minimum degree on the symmetric pattern (Tinney & Walker 1967, doi:10.1109/PROC.1967.6011),
    ties broken by the place of a state, so that equal models give equal code.

    Examples
    --------
    >>> arrays = symbolic_factors([(0, 0), (0, 1), (1, 0), (0, 2), (2, 0)], 3)
    >>> arrays["ORDER"].tolist()  # the hub goes late, so nothing fills in
    [1, 0, 2]
    >>> len(arrays["FACTOR_COLUMNS"])
    7
    """
    pattern = sorted(set(entries))
    order, reached = _eliminate(pattern, size)
    place = np.empty(size, np.int64)
    place[order] = np.arange(size)
    rows: list[set[int]] = [{i} for i in range(size)]
    for state, others in zip(order, reached, strict=True):
        here = place[state]
        for other in others:
            rows[here].add(int(place[other]))
            rows[place[other]].add(int(here))
    columns = [sorted(row) for row in rows]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in columns])])
    where = {
        (i, column): starts[i] + step
        for i, row in enumerate(columns)
        for step, column in enumerate(row)
    }
    counts = np.bincount([row for row, _ in pattern], minlength=size)
    arrays: dict[str, Sequence[int] | np.ndarray] = {
        "ROWS": np.concatenate([[0], np.cumsum(counts)]),
        "COLUMNS": [column for _, column in pattern],
        "ORDER": order,
        "FACTOR_ROWS": starts,
        "FACTOR_COLUMNS": [column for row in columns for column in row],
        "DIAGONAL": [where[i, i] for i in range(size)],
        "SPREAD": [where[int(place[row]), int(place[column])] for row, column in pattern],
    }
    arrays["BEYOND"] = np.asarray(arrays["DIAGONAL"]) + 1
    bounds = ("ROWS", "FACTOR_ROWS", "DIAGONAL", "BEYOND")
    return {
        name: np.asarray(values, np.uint64 if name in bounds else np.uint32)
        for name, values in arrays.items()
    }


def _eliminate(pattern: list[tuple[int, int]], size: int) -> tuple[list[int], list[list[int]]]:
    """States in the order of elimination, and the neighbours of each when its turn comes."""
    near: list[set[int]] = [set() for _ in range(size)]
    for row, column in pattern:
        if row != column:
            near[row].add(column)
            near[column].add(row)
    waiting = [(len(near[state]), state) for state in range(size)]
    heapq.heapify(waiting)
    order: list[int] = []
    reached: list[list[int]] = []
    done = [False] * size
    while waiting:
        degree, state = heapq.heappop(waiting)
        if done[state] or degree != len(near[state]):
            continue
        done[state] = True
        order.append(state)
        reached.append(sorted(near[state]))
        for other in near[state]:
            near[other] |= near[state]
            near[other] -= {other, state}
        for other in near[state]:
            heapq.heappush(waiting, (len(near[other]), other))
    return order, reached

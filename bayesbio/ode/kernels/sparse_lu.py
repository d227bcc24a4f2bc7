"""
LU factors of a sparse matrix whose pattern is known beforehand, without exchanging rows.

The order of elimination and the pattern of the factors are found once, when a model's code is
generated (`symbolic_factors`); the rest is the template of the generated module. Leaving rows
where they are is safe because the matrix is shift * identity - Jacobian: a shorter step makes its
diagonal dominant. `backward_error` tells the step when that is needed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import numpy as np

from bayesbio.ode.kernels.kernel_interface import (
    BEYOND,
    COLUMNS,
    DIAGONAL,
    FACTOR_COLUMNS,
    FACTOR_ROWS,
    ORDER,
    ROWS,
    SPREAD,
    STATES,
    compiled,
)


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
    >>> found = symbolic_factors([(0, 0), (0, 1), (1, 0), (0, 2), (2, 0)], 3)
    >>> found["ORDER"].tolist()  # the hub goes late, so nothing fills in
    [1, 0, 2]
    >>> len(found["FACTOR_COLUMNS"])
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
    found: dict[str, Sequence[int] | np.ndarray] = {
        "ROWS": np.concatenate([[0], np.cumsum(counts)]),
        "COLUMNS": [column for _, column in pattern],
        "ORDER": order,
        "FACTOR_ROWS": starts,
        "FACTOR_COLUMNS": [column for row in columns for column in row],
        "DIAGONAL": [where[i, i] for i in range(size)],
        "SPREAD": [where[int(place[row]), int(place[column])] for row, column in pattern],
    }
    found["BEYOND"] = np.asarray(found["DIAGONAL"]) + 1
    bounds = ("ROWS", "FACTOR_ROWS", "DIAGONAL", "BEYOND")
    return {
        name: np.asarray(values, np.uint64 if name in bounds else np.uint32)
        for name, values in found.items()
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


# --- template ---
@compiled
def factorise(values, shift, factors, work):
    """LU factors of shift * identity - Jacobian; False where a pivot is zero or not finite."""
    for place in range(FACTOR_COLUMNS.size):
        factors[place] = 0.0
    for entry in range(COLUMNS.size):
        factors[SPREAD[entry]] = -values[entry]
    for i in range(STATES):
        first, middle, last = FACTOR_ROWS[i], DIAGONAL[i], FACTOR_ROWS[i + 1]
        factors[middle] += shift
        for place in range(first, last):
            work[FACTOR_COLUMNS[place]] = factors[place]
        for place in range(first, middle):
            j = FACTOR_COLUMNS[place]
            share = work[j] * factors[DIAGONAL[j]]
            work[j] = share
            for right in range(BEYOND[j], FACTOR_ROWS[j + 1]):
                work[FACTOR_COLUMNS[right]] -= share * factors[right]
        for place in range(first, last):
            factors[place] = work[FACTOR_COLUMNS[place]]
        if not 0.0 < abs(factors[middle]) < 1e300:
            return False
        factors[middle] = 1.0 / factors[middle]
    return True


@compiled
def solve_factorised(factors, x, work):
    """Replace x by the solution of matrix times solution = x."""
    for i in range(STATES):
        total = x[ORDER[i]]
        for place in range(FACTOR_ROWS[i], DIAGONAL[i]):
            total -= factors[place] * work[FACTOR_COLUMNS[place]]
        work[i] = total
    for i in range(STATES - 1, -1, -1):
        total = work[i]
        for place in range(BEYOND[i], FACTOR_ROWS[i + 1]):
            total -= factors[place] * work[FACTOR_COLUMNS[place]]
        work[i] = total * factors[DIAGONAL[i]]
    for i in range(STATES):
        x[ORDER[i]] = work[i]


@compiled
def solve_transposed(factors, x, work):
    """Replace x by the solution of transposed matrix times solution = x."""
    for i in range(STATES):
        work[i] = x[ORDER[i]]
    for i in range(STATES):
        value = work[i] * factors[DIAGONAL[i]]
        work[i] = value
        for place in range(BEYOND[i], FACTOR_ROWS[i + 1]):
            work[FACTOR_COLUMNS[place]] -= factors[place] * value
    for i in range(STATES - 1, -1, -1):
        value = work[i]
        x[ORDER[i]] = value
        for place in range(FACTOR_ROWS[i], DIAGONAL[i]):
            work[FACTOR_COLUMNS[place]] -= factors[place] * value


@compiled
def backward_error(values, shift, x, right):
    """Relative change of matrix and right side for which x solves the equations exactly."""
    worst = 0.0
    for i in range(STATES):
        total, size = shift * x[i] - right[i], abs(shift * x[i]) + abs(right[i])
        for entry in range(ROWS[i], ROWS[i + 1]):
            part = values[entry] * x[COLUMNS[entry]]
            total -= part
            size += abs(part)
        if not abs(total) <= worst * size + 1e-250:  # what is left after underflow does not count
            worst = abs(total) / size
    return worst

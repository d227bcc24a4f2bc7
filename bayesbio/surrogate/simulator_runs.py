"""Runs of a simulator: where to run it, and its answers, checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import qmc

from bayesbio.errors import ModelError
from bayesbio.surrogate.polynomial_chaos.orthonormal import checked_family


def sobol_points(n: int, dimensions: int, *, random_seed: int) -> np.ndarray:
    """
    Points of a scrambled Sobol sequence, strictly between 0 and 1.

    Parameters
    ----------
    n : int
        How many points.
    dimensions : int
        How many coordinates each has.
    random_seed : int
        Seed of the scrambling.

    Returns
    -------
    array of shape (n, dimensions)

    Notes
    -----
    Owen (1998), doi:10.1006/jcom.1998.0487

    Examples
    --------
    >>> sobol_points(8, 2, random_seed=1).mean(axis=0).round(1)
    array([0.5, 0.5])
    """
    sequence = qmc.Sobol(dimensions, scramble=True, rng=random_seed)
    powers_of_two = max(int(np.ceil(np.log2(n))), 0)
    return sequence.random_base2(powers_of_two)[:n] + 2.0**-31  # the middle of its last digit


def quantiles(probabilities: np.ndarray, inputs: Mapping[str, Any]) -> pd.DataFrame:
    """Turn uniform points of shape (n, inputs) into a table with one column per input."""
    return pd.DataFrame(
        {
            name: distribution.ppf(probabilities[:, i])
            for i, (name, distribution) in enumerate(inputs.items())
        }
    )


def run_simulator(function: Callable[..., Any], table: pd.DataFrame) -> np.ndarray:
    """
    Run a simulator at every row of a table.

    Parameters
    ----------
    function : callable
        Takes one array per input by name, or, where its parameters are named otherwise, the
        table as its one argument. Returns one number per row.
    table : DataFrame of shape (rows, inputs)
        Values of the inputs, in their own units.

    Returns
    -------
    array of shape (rows,)

    Raises
    ------
    ModelError
        If the answer has another shape, or is not finite somewhere (the point is named).

    Examples
    --------
    >>> table = pd.DataFrame({"growth_rate": [0.1, 0.2], "time": [10.0, 10.0]})
    >>> run_simulator(lambda growth_rate, time: np.exp(growth_rate * time), table)
    array([2.718..., 7.389...])
    """
    if _takes_names(function, list(table.columns)):
        answer = function(**{name: table[name].to_numpy(float, copy=True) for name in table})
    else:
        answer = function(table.copy())
    values = np.asarray(answer, dtype=float)
    if values.shape != (len(table),):
        raise ModelError(
            f"The function was given {len(table)} points and returned shape {values.shape}; one "
            f"number per point is needed, shape ({len(table)},). If it computes one point at a "
            "time, pass numpy.vectorize(function)."
        )
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        point = ", ".join(f"{name} = {table[name].iloc[wrong[0]]:.6g}" for name in table)
        raise ModelError(
            f"The function is {values[wrong[0]]} at {point} ({len(wrong)} of {len(table)} points "
            "are not finite). Sensitivity indices need a finite answer wherever the inputs may "
            "lie: narrow the distributions, or return a finite value there."
        )
    return values


def _takes_names(function: Callable[..., Any], names: list[str]) -> bool:
    """Whether a function can be called with these keyword arguments."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # no signature to look at, as for some compiled functions
        return True
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return True
    by_name = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return by_name.issuperset(names)


def checked_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """
    Check that there is at least one input, by name, each with a distribution of SciPy.

    Raises
    ------
    ModelError
        If there is none, they are no mapping, or a distribution is not usable.
    """
    if not isinstance(inputs, Mapping) or not inputs:
        raise ModelError(
            f"inputs is {inputs!r}; a mapping from the name of each uncertain input to its "
            "distribution is needed, such as {'temperature': scipy.stats.norm(310.0, 0.3)}."
        )
    for name, distribution in inputs.items():
        checked_family(distribution, name)
    return dict(inputs)

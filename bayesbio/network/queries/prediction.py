"""Posterior predictive of a run conditional on observed nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.queries.conditioning import conditional_draws
from bayesbio.network.queries.observations import Observations, standardise_observations
from bayesbio.network.queries.student_t_precisions import conditional_variances

# Numbers held in memory at once.
_BLOCK = 2_000_000


@thread_policy()
def predict(
    posterior: NetworkDraws,
    observations: Any = None,
    *,
    targets: Sequence[str] | str | None = None,
    until: float | None = None,
    noise: bool = True,
    random_seed: int = 0,
    outside: str = "flag",
) -> xr.Dataset:
    """
    Predict nodes conditional on observed values of any others.

    Parameters
    ----------
    posterior : NetworkDraws
    observations : mapping of node to value or values, DataFrame or Table, optional [node units]
        One or more runs; a missing value is not known for that run, nor is a censored or excluded
        one. A column "run" names the runs.
    targets : sequence of str, optional
        By default every node that is observed in no run.
    until : float, optional [h]
        Use observations up to then only: prediction from the middle of a batch.
    noise : bool
        Whether runs scatter; else the conditional median in each draw of the parameters.
    random_seed : int
    outside : {"flag", "refuse"}
        What to do with observations outside the range that was fitted.

    Returns
    -------
    Dataset
        One variable per target, dims (chain, draw, run), units in attrs; ``outside`` (run) flags
        extrapolation; ``attrs["warnings"]`` has the sentences on it.

    Raises
    ------
    ModelError, DataError
        An unknown node, a value that does not fit its link, lengths that differ, extrapolation
        where it is refused.

    Notes
    -----
    Exact conditioning by Matheron's rule: Wilson et al. (2020), arXiv:2002.09309. Student-t
    residuals are scale mixtures of normals, their precisions drawn given the observations.

    Examples
    --------
    >>> from bayesbio.network import NetworkPosterior, ProcessNetwork
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> float(predict(known, {"titer": 6.0}, noise=False)["feed"].squeeze())  # 2 (6 - 1) / 5
    2.0
    """
    observed = standardise_observations(posterior, observations, until, outside)
    wanted = targets_of(posterior, observed, targets)
    rng = np.random.default_rng(random_seed)
    drawn = np.empty((len(wanted), posterior.draws, len(observed.runs)))
    sample = conditional_draws if posterior.degrees_of_freedom is None else _conditional_t
    for rows, at in observed.patterns:
        given = observed.values[np.ix_(rows, at)]
        step = max(1, _BLOCK // (len(posterior.names) * (len(rows) + len(at))))
        for start in range(0, posterior.draws, step):
            block = np.arange(start, min(start + step, posterior.draws))
            values = sample(posterior.taken(block), given, at, rng if noise else None)
            drawn[:, block[:, None], rows] = values[wanted]
    return as_dataset(posterior, observed, wanted, drawn)


def targets_of(
    posterior: NetworkDraws, observed: Observations, targets: Sequence[str] | str | None
) -> np.ndarray:
    """Positions of the targets; by default of every node that is observed in no run."""
    if targets is not None:
        return posterior.indices(targets)
    return np.flatnonzero(np.isnan(observed.values).all(axis=0))


def as_dataset(
    posterior: NetworkDraws,
    observed: Observations,
    wanted: np.ndarray,
    drawn: np.ndarray,
    *,
    chains: int | None = None,
) -> xr.Dataset:
    """Standardised draws of targets, shape (targets, draws, runs), as a Dataset in their units."""
    chains = posterior.chains if chains is None else chains
    variables: dict[str, Any] = {}
    for k, values in zip(wanted, drawn, strict=True):
        node = posterior.network[posterior.names[k]]
        array = posterior.to_unit(node.name, values).reshape(chains, -1, len(observed.runs))
        variables[node.name] = (("chain", "draw", "run"), array, {"units": node.unit})
    variables["outside"] = ("run", observed.outside)
    coords = {"chain": np.arange(chains), "draw": np.arange(drawn.shape[1] // chains)}
    return xr.Dataset(
        variables, coords=coords | {"run": observed.runs}, attrs={"warnings": observed.warnings}
    )


def _conditional_t(
    posterior: NetworkDraws, given: np.ndarray, at: np.ndarray, rng: np.random.Generator | None
) -> np.ndarray:
    """Draw every node of every row with Student-t residuals, shape (nodes, draws, rows)."""
    if rng is None:
        return conditional_draws(posterior, given, at, rng)
    values = np.empty((len(posterior.names), posterior.draws, len(given)))
    for number in range(len(given)):
        row = np.full(len(posterior.names), np.nan)
        row[at] = given[number]
        variance = conditional_variances(posterior, row, rng, count=1)[0][0]
        normal = posterior.replace(variance=variance, degrees_of_freedom=None, group_variance=None)
        drawn = conditional_draws(normal, given[number : number + 1], at, rng)
        values[:, :, number] = drawn[:, :, 0]
    return values

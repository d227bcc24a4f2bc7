"""Probability out of specification: normal box probabilities, total and epistemic."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtr

from bayesbio.errors import ModelError
from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.network.queries.conditioning import solve, zero_explained_variance
from bayesbio.network.queries.intervention import on_grid, slopes_of
from bayesbio.network.queries.normal_probability import box_probability
from bayesbio.network.queries.observations import (
    Observations,
    outside_grid,
    outside_interventions,
    refuse_outside,
    standardise_observations,
)
from bayesbio.network.queries.student_t_precisions import conditional_variances

# Draws of the precisions of Student-t residuals over which a probability is averaged.
MIXING_DRAWS = 16
QUANTILES = {"eti_5": 0.05, "eti_50": 0.5, "eti_95": 0.95}


@dataclasses.dataclass(frozen=True, eq=False)
class Risk:
    """
    Probabilities to be out of specification.

    Attributes
    ----------
    posterior : Dataset
        One variable per node, and ``any`` for at least one of them: the probability in each draw
        of the parameters, dims (chain, draw[, run][, grid]).
    error : Dataset
        Monte Carlo standard errors of `total`.
    outside : DataArray of bool, dims ([run][, grid])
        Where the question goes beyond the range that was fitted.
    warnings : list of str
        Sentences on that.
    """

    posterior: xr.Dataset
    error: xr.Dataset
    outside: xr.DataArray
    warnings: list[str]

    @property
    def total(self) -> xr.Dataset:
        """Probability for the next run: averaged over residuals and parameter uncertainty."""
        return self.posterior.mean(("chain", "draw"))

    def interval(self, probability: float = 0.9) -> xr.Dataset:
        """Epistemic interval of the probability: over the uncertainty of the parameters."""
        tails = [0.5 - 0.5 * probability, 0.5 + 0.5 * probability]
        return self.posterior.quantile(tails, dim=("chain", "draw"))

    def summary(self) -> pd.DataFrame:
        """
        Probabilities, one row per node (and run, and point of the grid).

        Returns
        -------
        DataFrame
            Columns probability (total), eti_5, eti_50, eti_95 (epistemic), error (Monte Carlo
            standard error).
        """
        bands = self.posterior.quantile(list(QUANTILES.values()), dim=("chain", "draw"))
        columns = {
            "probability": self.total,
            **{n: bands.isel(quantile=k, drop=True) for k, n in enumerate(QUANTILES)},
            "error": self.error,
        }
        return pd.DataFrame(
            {name: data.to_array("node").to_series() for name, data in columns.items()}
        )


def judged_targets(
    network: ProcessGraph, targets: Sequence[str] | str | None, do: Mapping[str, Any]
) -> dict[str, tuple[float, float]]:
    """Targets and their limits after the link; by default all with a specification, not held."""
    judged = [name for name in network.specifications if name not in do]
    chosen = [targets] if isinstance(targets, str) else list(targets or judged)
    if not chosen:
        raise ModelError(
            "No node has a specification, so there is no probability to leave one. Give "
            "Node(..., specification=Specification(...)) to the nodes that are judged."
        )
    return {name: network[name].limits() for name in chosen}


@thread_policy()
def probability_out_of_specification(
    posterior: NetworkDraws,
    targets: Sequence[str] | str | None = None,
    *,
    observations: Any = None,
    until: float | None = None,
    do: Mapping[str, Any] | None = None,
    outside: str = "flag",
) -> Risk:
    """
    Probability that a run leaves its specifications, node by node and for any of them.

    Parameters
    ----------
    posterior : NetworkDraws
    targets : sequence of str, optional
        By default every node with a specification that is not held.
    observations, until : optional
        What is known of the run, or runs; see `predict`.
    do : mapping, optional
        Interventions and grids; see `intervene`.
    outside : {"flag", "refuse"}
        What to do with values outside the range that was fitted.

    Returns
    -------
    Risk

    Raises
    ------
    ModelError
        If a target has no specification, a node is both held and observed, or extrapolation is
        refused.

    Examples
    --------
    >>> from bayesbio.data import Specification
    >>> from bayesbio.network import NetworkPosterior, Node, ProcessNetwork
    >>> limit = Specification("titer", lower=1.0)
    >>> network = ProcessNetwork(["feed", Node("titer", specification=limit)], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> float(probability_out_of_specification(known).total["titer"])
    0.5
    """
    do = do or {}
    limits = judged_targets(posterior.network, targets, do)
    chosen = list(limits)
    sentences = outside_interventions(posterior, do)
    refuse_outside(sentences, outside)
    cut, grid, shifts = on_grid(posterior, do, chosen)
    observed = standardise_observations(cut, observations, until, outside)
    twice = [name for name in do if np.isfinite(observed.values[:, cut.index(name)]).any()]
    if twice:
        raise ModelError(f"{twice[0]!r} is both held (do) and observed; keep one.")
    wanted = cut.indices(chosen)
    bounds = np.stack([cut.standardised_limits(name) for name in chosen])
    lines = np.array([axis.ravel() for axis in np.meshgrid(*shifts.values(), indexing="ij")])
    lines = lines if shifts else np.zeros((0, 1))
    if cut.degrees_of_freedom is None:
        chance = _chances(cut, observed, wanted, bounds, (list(shifts), lines))
    else:  # given the precisions of its residuals, a Student-t network is normal
        chance = _student_t_chances(cut, observed, wanted, bounds, (list(shifts), lines))
    shape = (cut.chains, -1, len(observed.runs), *(len(v) for v in grid.values()))
    probabilities = xr.Dataset(
        {
            name: (("chain", "draw", "run", *grid), part.reshape(shape))
            for name, part in zip((*chosen, "any"), chance, strict=True)
        },
        coords=cut.coords | {"run": observed.runs} | grid,
    )
    flags = xr.DataArray(observed.outside, dims="run", coords={"run": observed.runs})
    flags = flags | outside_grid(posterior, do, grid)
    if observations is None:
        probabilities, flags = probabilities.isel(run=0, drop=True), flags.isel(run=0, drop=True)
    error = probabilities.std(("chain", "draw")) / np.sqrt(cut.draws)
    return Risk(probabilities, error, flags, observed.warnings + sentences)


def _chances(
    cut: NetworkDraws,
    observed: Observations,
    wanted: np.ndarray,
    bounds: np.ndarray,
    grid: tuple[list[str], np.ndarray],
) -> np.ndarray:
    """Probability to leave each limit, and any: (targets + 1, draws, runs, points)."""
    held, lines = grid
    chance = np.empty((len(wanted) + 1, cut.draws, len(observed.runs), lines.shape[1]))
    size = len(wanted)
    for rows, at in observed.patterns:
        every = np.concatenate([wanted, at])
        mean, covariance = cut.moments([cut.names[k] for k in every], standardised=True)
        slopes = slopes_of(cut, every, held)
        middle = mean[:, None, :size] + np.zeros((1, len(rows), 1))
        spread, slope = covariance[:, :size, :size], slopes[:, :size]
        if len(at):
            gain = solve(covariance[:, size:, size:], covariance[:, size:, :size])
            middle = middle + (observed.values[np.ix_(rows, at)] - mean[:, None, size:]) @ gain
            spread = zero_explained_variance(spread - covariance[:, :size, size:] @ gain, spread)
            slope = slope - np.einsum("jes,set->jts", slopes[:, size:], gain)
        for number, row in enumerate(rows):
            centre = middle[:, number, None, :] + np.einsum("jts,jg->sgt", slope, lines)
            chance[:, :, row] = _leaving(centre, spread, bounds)
    return chance


def _student_t_chances(
    cut: NetworkDraws,
    observed: Observations,
    wanted: np.ndarray,
    bounds: np.ndarray,
    grid: tuple[list[str], np.ndarray],
) -> np.ndarray:
    """Average `_chances` over precisions drawn given the observations of each run."""
    rng = np.random.default_rng(0)
    parts = []
    for row in observed.values:
        variances, _ = conditional_variances(cut, row, rng, count=MIXING_DRAWS)
        run = dataclasses.replace(observed, values=row[None], runs=["run"])
        each = [
            _chances(
                cut.replace(variance=variance, degrees_of_freedom=None, group_variance=None),
                run, wanted, bounds, grid,
            )
            for variance in variances
        ]  # fmt: skip
        parts.append(np.mean(each, axis=0))
    return np.concatenate(parts, axis=2)


def _leaving(centre: np.ndarray, spread: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Probability to leave each limit, and any, shape (targets + 1, draws, cases)."""
    low, high = bounds.T
    sd = np.sqrt(np.diagonal(spread, axis1=1, axis2=2))[:, None, :]
    sd = np.where(sd > 0.0, sd, 1e-300)
    each = list(np.moveaxis(ndtr((low - centre) / sd) + ndtr((centre - high) / sd), 2, 0))
    if len(bounds) == 1:
        return np.array([each[0], each[0]])
    cases = centre.shape[0] * centre.shape[1] * len(bounds)
    points = int(np.clip(2e7 / cases, 8, 32 if len(bounds) == 2 else 1024))
    return np.array([*each, 1.0 - box_probability(centre, spread, low, high, points=points)])

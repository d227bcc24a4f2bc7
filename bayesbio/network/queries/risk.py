"""How likely a run leaves its specifications, and how sure that is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtr

from bayesbio.errors import ModelError
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.network.queries.conditioning import gain_of, settled
from bayesbio.network.queries.intervention import on_grid, outside_do, slopes_of
from bayesbio.network.queries.normal_probability import box_probability
from bayesbio.network.queries.observations import draw_coords, outside_observed_range, scored


@dataclasses.dataclass(frozen=True, eq=False)
class Risk:
    """
    Probabilities to be out of specification.

    Attributes
    ----------
    draws : Dataset
        One variable per node, and ``any`` for at least one of them: the probability for each draw
        of the parameters, dims (chain, draw[, run][, grid]).
    outside_observed_range : list of str
        Where the question goes beyond what the network has seen.
    """

    draws: xr.Dataset
    outside_observed_range: list[str]

    @property
    def total(self) -> xr.Dataset:
        """Probability for the next run: scatter of runs and what is not known of the process."""
        return self.draws.mean(("chain", "draw"))

    def interval(self, probability: float = 0.9) -> xr.Dataset:
        """Range of the probability for what is not known of the process (epistemic)."""
        tails = [0.5 - 0.5 * probability, 0.5 + 0.5 * probability]
        return self.draws.quantile(tails, dim=("chain", "draw"))

    def summary(self) -> pd.DataFrame:
        """
        Tell the probabilities, one row per node (and run, and point of the grid).

        Returns
        -------
        DataFrame
            Columns probability, epistemic_5, epistemic_95, error (Monte Carlo standard error).
        """
        bands = self.interval()
        count = np.sqrt(self.draws.sizes["chain"] * self.draws.sizes["draw"])
        columns = {
            "probability": self.total,
            "epistemic_5": bands.isel(quantile=0, drop=True),
            "epistemic_95": bands.isel(quantile=1, drop=True),
            "error": self.draws.std(("chain", "draw")) / count,
        }
        return pd.DataFrame(
            {name: data.to_array("node").to_series() for name, data in columns.items()}
        )


def probability_out_of_specification(
    posterior: NetworkPosterior,
    targets: Sequence[str] | str | None = None,
    *,
    evidence: Any = None,
    until: float | None = None,
    do: Mapping[str, Any] | None = None,
) -> Risk:
    """
    Give the probability that a run leaves its specifications, node by node and for any of them.

    Parameters
    ----------
    posterior : NetworkPosterior
    targets : sequence of str, optional
        By default every node with a specification that is not held.
    evidence, until : optional
        What is known of the run, or runs; see `predict`.
    do : mapping, optional
        Interventions and grids; see `intervene`.

    Returns
    -------
    Risk

    Raises
    ------
    ModelError
        If a target has no specification, or a node is both held and given as evidence.

    Examples
    --------
    >>> from bayesbio.data import Specification
    >>> from bayesbio.network import Node, ProcessNetwork
    >>> limit = Specification("titer", lower=1.0)
    >>> network = ProcessNetwork(["feed", Node("titer", specification=limit)], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> float(probability_out_of_specification(known).total["titer"])
    0.5
    """
    network = posterior.network
    judged = [name for name in network.specifications if name not in (do or {})]
    chosen = [targets] if isinstance(targets, str) else list(targets or judged)
    if not chosen:
        raise ModelError(
            "No node has a specification, so there is no probability to leave one. Give "
            "Node(..., specification=Specification(...)) to the nodes that are judged."
        )
    limits = np.array([network[name].limits() for name in chosen])
    cut, grid, moves = on_grid(posterior, do or {}, chosen)
    wanted = cut.places(chosen)
    bounds = (limits - cut.centre[wanted, None]) / cut.spread[wanted, None]
    scores, runs = scored(cut, evidence, until)
    twice = [name for name in (do or {}) if np.isfinite(scores[:, cut.place(name)]).any()]
    if twice:
        raise ModelError(f"{twice[0]!r} is both held (do) and given as evidence; keep one.")
    axes = np.meshgrid(*moves.values(), indexing="ij") if moves else []
    lines = np.array([axis.ravel() for axis in axes]) if moves else np.zeros((0, 1))
    patterns, member = np.unique(np.isfinite(scores), axis=0, return_inverse=True)
    chance = np.empty((len(chosen) + 1, cut.draws, len(runs), lines.shape[1]))
    for number, read in enumerate(patterns):
        rows, places = np.flatnonzero(member.ravel() == number), np.flatnonzero(read)
        every = np.concatenate([wanted, places])
        mean, covariance = cut.moments([cut.names[k] for k in every], standardised=True)
        slopes = slopes_of(cut, every, list(moves))
        size = len(wanted)
        middle = mean[:, None, :size] + np.zeros((1, len(rows), 1))
        spread, slope = covariance[:, :size, :size], slopes[:, :size]
        if len(places):
            gain = gain_of(covariance[:, size:, size:], covariance[:, size:, :size])
            off = scores[np.ix_(rows, places)] - mean[:, None, size:]
            middle = middle + off @ gain
            spread = settled(spread - covariance[:, :size, size:] @ gain, spread)
            slope = slope - np.einsum("jes,set->jts", slopes[:, size:], gain)
        for place, row in enumerate(rows):
            centre = middle[:, place, None, :] + np.einsum("jts,jg->sgt", slope, lines)
            chance[:, :, row] = _leaving(centre, spread, bounds)
    shape = (cut.chains, cut.draws // cut.chains, len(runs), *(len(v) for v in grid.values()))
    dims = ("chain", "draw", "run", *grid)
    names = [*chosen, "any"]
    draws = xr.Dataset(
        {name: (dims, chance[k].reshape(shape)) for k, name in enumerate(names)},
        coords=draw_coords(cut) | {"run": runs} | grid,
    )
    if evidence is None:
        draws = draws.isel(run=0, drop=True)
    outside = outside_observed_range(cut, scores, runs) + outside_do(posterior, do or {})
    return Risk(draws, outside)


def _leaving(centre: np.ndarray, spread: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Give the probability to leave each limit, and any, shape (targets + 1, draws, cases)."""
    low, high = bounds.T
    scale = np.sqrt(np.diagonal(spread, axis1=1, axis2=2))[:, None, :]
    scale = np.where(scale > 0.0, scale, 1e-300)
    told = list(np.moveaxis(ndtr((low - centre) / scale) + ndtr((centre - high) / scale), 2, 0))
    if len(bounds) == 1:
        return np.array([told[0], told[0]])
    cases = centre.shape[0] * centre.shape[1] * len(bounds)
    points = int(np.clip(2e7 / cases, 8, 32 if len(bounds) == 2 else 1024))
    return np.array([*told, 1.0 - box_probability(centre, spread, low, high, points=points)])

"""What comes of holding nodes: interventions, hard and soft, and grids of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.errors import ModelError
from bayesbio.network.graph.nodes import numbers_for
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.network.queries.observations import draw_coords


def under(
    posterior: NetworkPosterior, do: Mapping[str, float | tuple[float, float]]
) -> NetworkPosterior:
    """
    Give the process in which nodes are held: what fed them does so no more.

    Parameters
    ----------
    posterior : NetworkPosterior
    do : mapping of node to value, or to (mean, sd) for a soft intervention
        A value in the node's unit; mean and sd on its scale.

    Returns
    -------
    NetworkPosterior
        Every query applies to it.

    Raises
    ------
    ModelError
        An unknown node, or a value that is not one number or two.

    Notes
    -----
    Pearl (2009), Causality, chapter 3, doi:10.1017/CBO9780511803161.

    Examples
    --------
    >>> from bayesbio.network import ProcessNetwork
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> under(known, {"feed": 3.0}).moments("titer")
    (array([[7.]]), array([[[1.]]]))
    """
    network = posterior.network
    intercept, variance = posterior.intercept.copy(), posterior.variance.copy()
    for name, value in do.items():
        k = posterior.place(name)
        if isinstance(value, tuple):
            if len(value) != 2 or not value[1] >= 0.0:
                raise ModelError(
                    f"do={{{name!r}: {value}}}: a soft intervention is (mean, sd), sd zero or more."
                )
            intercept[:, k] = (value[0] - posterior.centre[k]) / posterior.spread[k]
            variance[:, k] = (value[1] / posterior.spread[k]) ** 2
        else:
            if np.ndim(value) or not np.isfinite(numbers_for(name, value)):
                raise ModelError(
                    f"do={{{name!r}: {value}}}: expected one finite number, or (mean, sd). A list "
                    "of values to compare goes to intervene or probability_out_of_specification."
                )
            intercept[:, k] = posterior.scores(name, value)
            variance[:, k] = 0.0
    kept = [number for number, (_, child) in enumerate(network.edges) if child not in do]
    nodes = [
        dataclasses.replace(
            node, distribution=None, role="state" if node.role == "CQA" else node.role
        )
        if node.name in do
        else node
        for node in network.nodes
    ]
    cut = network.replace(nodes=nodes, edges=[network.edges[k] for k in kept], priors={})
    moved = [posterior.place(name) for name in cut.order]
    return posterior.replace(
        network=cut,
        centre=posterior.centre[moved],
        spread=posterior.spread[moved],
        intercept=intercept[:, moved],
        variance=variance[:, moved],
        effect=posterior.effect[:, kept],
        observed_range=posterior.observed_range[:, moved],
        rows=posterior.rows[moved],
        log_evidence={},
    )


def intervene(
    posterior: NetworkPosterior,
    do: Mapping[str, Any],
    *,
    targets: Sequence[str] | str | None = None,
    noise: bool = True,
    random_seed: int = 0,
) -> xr.Dataset:
    """
    Predict what comes of holding nodes at values.

    Parameters
    ----------
    posterior : NetworkPosterior
    do : mapping of node to value, to several values, or to (mean, sd)
        Several values (a list or an array) make a grid; a tuple is a soft intervention, mean and
        sd on the node's scale.
    targets : sequence of str, optional
        By default every CQA downstream of the nodes, or everything downstream if there is none.
    noise : bool
        Whether runs scatter (the same way at every point of the grid); else medians.
    random_seed : int

    Returns
    -------
    Dataset
        One variable per target, dims (chain, draw, one for each node with several values).

    Raises
    ------
    ModelError
        See `under`.

    Examples
    --------
    >>> from bayesbio.network import ProcessNetwork
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> intervene(known, {"feed": [1.0, 3.0]}, noise=False)["titer"].squeeze().values
    array([3., 7.])
    """
    if targets is None:
        below = [name for name in posterior.network.descendants(*do) if name not in do]
        judged = [name for name in below if posterior.network[name].role == "CQA"]
        targets = judged or below
    cut, grid, moves = on_grid(posterior, do, [targets] if isinstance(targets, str) else targets)
    wanted = cut.places(targets)
    start = cut.intercept.T
    if noise:
        rng = np.random.default_rng(random_seed)
        start = start + np.sqrt(cut.variance.T) * rng.standard_normal(start.shape)
    base = cut.plan.forward(cut.effects_by_edge, start)
    slopes = slopes_of(cut, wanted, list(moves))
    shape = (cut.chains, cut.draws // cut.chains, *(len(values) for values in grid.values()))
    axes = np.meshgrid(*moves.values(), indexing="ij") if moves else []
    variables = {}
    for number, k in enumerate(wanted):
        name = cut.names[k]
        total = base[k].reshape(-1, *[1] * len(grid))
        for slope, axis in zip(slopes[:, number], axes, strict=True):
            total = total + slope.reshape(-1, *[1] * len(grid)) * axis
        variables[name] = xr.DataArray(
            cut.values(name, total).reshape(shape),
            dims=("chain", "draw", *grid),
            attrs={"units": posterior.network[name].unit},
        )
    return xr.Dataset(
        variables,
        coords=draw_coords(cut) | grid,
        attrs={"outside_observed_range": outside_do(posterior, do)},
    )


def on_grid(
    posterior: NetworkPosterior, do: Mapping[str, Any], targets: Sequence[str]
) -> tuple[NetworkPosterior, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Hold nodes; those with several values at their mean score 0, with their values and scores."""
    grid = {
        name: numbers_for(name, value)
        for name, value in do.items()
        if not isinstance(value, tuple) and np.ndim(value)
    }
    moves = {name: posterior.scores(name, values) for name, values in grid.items()}
    for name, values in grid.items():
        if values.ndim != 1 or not values.size or not np.isfinite(values).all():
            raise ModelError(f"do={{{name!r}: ...}}: expected a list of finite values, or one.")
        if name in targets:
            raise ModelError(f"{name!r} is held at several values, so it is no target; drop it.")
    start = {
        name: float(posterior.values(name, 0.0)) if name in grid else value
        for name, value in do.items()
    }
    return (under(posterior, start) if do else posterior), grid, moves


def slopes_of(posterior: NetworkPosterior, targets: np.ndarray, held: list[str]) -> np.ndarray:
    """Give the effect of each held node on each target, shape (held, targets, draws)."""
    slopes = posterior.plan.gradients(posterior.effects_by_edge, targets)
    return np.swapaxes(slopes[posterior.places(held)], 1, 2)


def outside_do(posterior: NetworkPosterior, do: Mapping[str, Any]) -> list[str]:
    """Tell which values of an intervention lie beyond what the network was fitted to."""
    told = []
    for name, value in do.items():
        if isinstance(value, tuple):
            continue
        low, high = posterior.observed_range[:, posterior.place(name)]
        values = np.asarray(value, float)
        if np.nanmin(values) < low or np.nanmax(values) > high:
            told.append(
                f"do({name}) reaches {np.nanmin(values):.4g} to {np.nanmax(values):.4g}, outside "
                f"what was observed, {low:.4g} to {high:.4g}"
            )
    return told

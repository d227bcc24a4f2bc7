"""Interventions (do-operator), hard and soft, and grids of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from bayesbio.errors import ModelError
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.graph.nodes import numbers_for
from bayesbio.network.queries.observations import (
    outside_grid,
    outside_interventions,
    refuse_outside,
)

Draws = TypeVar("Draws", bound=NetworkDraws)


def with_intervention[Draws: NetworkDraws](posterior: Draws, do: Mapping[str, Any]) -> Draws:
    """
    Cut the edges into nodes and hold them: the do-operator.

    Parameters
    ----------
    posterior : NetworkDraws
    do : mapping of node to value, or to (mean, sd) for a soft intervention
        A value in the node's unit; mean and sd after its link.

    Returns
    -------
    The same class; every query applies to it.

    Raises
    ------
    ModelError
        An unknown node, or a value that is not one number or two.

    Notes
    -----
    Pearl (2009), Causality, chapter 3, doi:10.1017/CBO9780511803161.

    Examples
    --------
    >>> from bayesbio.network import NetworkPosterior, ProcessNetwork
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> with_intervention(known, {"feed": 3.0}).moments("titer")
    (array([[7.]]), array([[[1.]]]))
    """
    network, residuals = posterior.network, {}
    for name, value in do.items():
        node = network.node(name)
        if isinstance(value, tuple):
            if len(value) != 2 or not (
                np.isfinite(numbers_for(name, value)).all() and value[1] >= 0
            ):
                raise ModelError(
                    f"do={{{name!r}: {value}}}: a soft intervention is (mean, sd), sd zero or more."
                )
            residuals[name] = (float(value[0]), float(value[1]))
        else:
            if np.ndim(value) or not np.isfinite(numbers_for(name, value)):
                raise ModelError(
                    f"do={{{name!r}: {value}}}: expected one finite number, or (mean, sd). A list "
                    "of values to compare goes to intervene or probability_out_of_specification."
                )
            residuals[name] = (float(node.to_link(value)), 0.0)
    held = posterior.with_residuals(residuals)
    retained = [number for number, (_, child) in enumerate(network.edges) if child not in do]
    nodes = [
        dataclasses.replace(
            node, distribution=None, role="state" if node.role == "CQA" else node.role
        )
        if node.name in do
        else node
        for node in network.nodes
    ]
    cut = network.replace(nodes=nodes, edges=[network.edges[k] for k in retained], priors={})
    order = np.array([posterior.index(name) for name in cut.order])
    by_node = {
        name: None if (values := getattr(held, name)) is None else values[..., order]
        for name in (
            "centre", "spread", "intercept", "variance", "observed_range", "rows",
            "degrees_of_freedom", "group_variance",
        )
    }  # fmt: skip
    return held.replace(network=cut, effect=held.effect[:, retained], **by_node)


def intervene(
    posterior: NetworkDraws,
    do: Mapping[str, Any],
    *,
    targets: Sequence[str] | str | None = None,
    noise: bool = True,
    random_seed: int = 0,
    outside: str = "flag",
) -> xr.Dataset:
    """
    Predict the outcome of an intervention.

    Parameters
    ----------
    posterior : NetworkDraws
    do : mapping of node to value, to several values, or to (mean, sd)
        Several values (a list or an array) make a grid; a tuple is a soft intervention, mean and
        sd after the node's link.
    targets : sequence of str, optional
        By default every CQA downstream of the nodes, or everything downstream if there is none.
    noise : bool
        Whether runs scatter (the same way at every point of the grid); else medians.
    random_seed : int
    outside : {"flag", "refuse"}
        What to do with values outside the range that was fitted.

    Returns
    -------
    Dataset
        One variable per target, dims (chain, draw, one for each node with several values);
        ``outside`` flags extrapolation, ``attrs["warnings"]`` has the sentences.

    Raises
    ------
    ModelError
        See `with_intervention`; extrapolation where it is refused.

    Examples
    --------
    >>> from bayesbio.network import NetworkPosterior, ProcessNetwork
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 0.0, "titer": 1.0}, coefficients={("feed", "titer"): 2.0},
    ...     variance={"feed": 1.0, "titer": 1.0})
    >>> intervene(known, {"feed": [1.0, 3.0]}, noise=False)["titer"].squeeze().values
    array([3., 7.])
    """
    targets = intervention_targets(posterior, do) if targets is None else targets
    sentences = outside_interventions(posterior, do)
    refuse_outside(sentences, outside)
    cut, grid, shifts = on_grid(posterior, do, [targets] if isinstance(targets, str) else targets)
    wanted = cut.indices(targets)
    start = cut.intercept.T
    if noise:
        rng = np.random.default_rng(random_seed)
        mixed = cut.with_mixing(rng)
        start = start + np.sqrt(mixed.variance.T) * rng.standard_normal(start.shape)
    base = cut.graph_index.forward(cut.effects_by_edge, start)
    slopes = slopes_of(cut, wanted, list(shifts))
    shape = (cut.chains, cut.draws // cut.chains, *(len(values) for values in grid.values()))
    axes = np.meshgrid(*shifts.values(), indexing="ij") if shifts else []
    variables: dict[str, Any] = {"outside": outside_grid(posterior, do, grid)}
    for number, k in enumerate(wanted):
        name = cut.names[k]
        total = base[k].reshape(-1, *[1] * len(grid))
        for slope, axis in zip(slopes[:, number], axes, strict=True):
            total = total + slope.reshape(-1, *[1] * len(grid)) * axis
        array = cut.to_unit(name, total).reshape(shape)
        variables[name] = (("chain", "draw", *grid), array, {"units": cut.network[name].unit})
    return xr.Dataset(variables, coords=cut.coords | grid, attrs={"warnings": sentences})


def intervention_targets(posterior: NetworkDraws, do: Mapping[str, Any]) -> list[str]:
    """Names of the CQAs downstream of held nodes, or of everything downstream if there is none."""
    below = [name for name in posterior.network.descendants(*do) if name not in do]
    return [name for name in below if posterior.network[name].role == "CQA"] or below


def grid_of(do: Mapping[str, Any], targets: Sequence[str]) -> dict[str, np.ndarray]:
    """Nodes that are held at several values, with these values."""
    grid = {
        name: numbers_for(name, value)
        for name, value in do.items()
        if not isinstance(value, tuple) and np.ndim(value)
    }
    for name, values in grid.items():
        if values.ndim != 1 or not values.size or not np.isfinite(values).all():
            raise ModelError(f"do={{{name!r}: ...}}: expected a list of finite values, or one.")
        if name in targets:
            raise ModelError(f"{name!r} is held at several values, so it is no target; drop it.")
    return grid


def on_grid[Draws: NetworkDraws](
    posterior: Draws, do: Mapping[str, Any], targets: Sequence[str]
) -> tuple[Draws, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Hold nodes, those of the grid at their mean; with the grid in units and standardised."""
    grid = grid_of(do, targets)
    shifts = {name: posterior.standardise(name, values) for name, values in grid.items()}
    start = {
        name: float(posterior.to_unit(name, 0.0)) if name in grid else value
        for name, value in do.items()
    }
    return (with_intervention(posterior, start) if do else posterior), grid, shifts


def slopes_of(posterior: NetworkDraws, targets: np.ndarray, held: list[str]) -> np.ndarray:
    """Effect of each held node on each target, shape (held, targets, draws)."""
    slopes = posterior.graph_index.gradients(posterior.effects_by_edge, targets)
    return np.swapaxes(slopes[posterior.indices(held)], 1, 2)

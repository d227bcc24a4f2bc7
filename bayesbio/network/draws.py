"""Posterior draws of a linear Gaussian network: arrays, index of nodes, moments."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
import xarray as xr

from bayesbio.errors import ModelError
from bayesbio.network.graph.index import GraphIndex
from bayesbio.network.graph.structure import Edge, ProcessGraph


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkDraws:
    """
    Draws of a network's parameters, standardised node by node; every query takes them.

    z = (x - centre) / spread after the link function of each node; z_k = intercept_k + sum_j
    effect_jk z_j + e_k, var(e_k) = variance_k. Nodes stand in `names` (topological order), effects
    in `edges`.

    Parameters
    ----------
    network : ProcessGraph
    centre, spread : array, shape (nodes,)
    intercept, variance : array, shape (draws, nodes)
    effect : array, shape (draws, edges)
    chains : int
        The first draws/chains belong to the first chain, and so on.
    observed_range : array, shape (2, nodes) [units of the nodes]
        Smallest and largest value fitted; NaN where unknown.
    rows : array, shape (nodes,)
        Readings of each node.
    degrees_of_freedom, group_variance : array, shape (draws, nodes), optional
        Of a Student-t residual (infinite: normal), and the part of the variance that is normal
        around it (effects of groups); without them every residual is normal.

    Examples
    --------
    >>> network = ProcessGraph(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkDraws.from_parameters(
    ...     network, intercept={"feed": 5.0, "titer": 1.0}, coefficients={("feed", "titer"): 0.4},
    ...     variance={"feed": 1.0, "titer": 0.09})
    >>> known.moments(["titer"])
    (array([[3.]]), array([[[0.25]]]))
    """

    network: ProcessGraph
    centre: np.ndarray
    spread: np.ndarray
    intercept: np.ndarray
    effect: np.ndarray
    variance: np.ndarray
    chains: int = 1
    observed_range: np.ndarray = dataclasses.field(default_factory=lambda: np.empty((2, 0)))
    rows: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))
    degrees_of_freedom: np.ndarray | None = None
    group_variance: np.ndarray | None = None

    def __post_init__(self) -> None:
        nodes, edges = len(self.network), len(self.network.edges)
        if self.observed_range.shape != (2, nodes):
            object.__setattr__(self, "observed_range", np.full((2, nodes), np.nan))
        if self.rows.shape != (nodes,):
            object.__setattr__(self, "rows", np.zeros(nodes))
        draws = len(self.intercept)
        shapes = (self.intercept.shape, self.variance.shape, self.effect.shape)
        if shapes != ((draws, nodes), (draws, nodes), (draws, edges)) or draws % self.chains:
            raise ModelError(
                f"Draws of {nodes} nodes and {edges} edges came with shapes {shapes} in "
                f"{self.chains} chains; expected (draws, nodes) twice and (draws, edges)."
            )

    @classmethod
    def from_parameters(
        cls,
        network: ProcessGraph,
        *,
        intercept: Mapping[str, float],
        coefficients: Mapping[Edge, float],
        variance: Mapping[str, float],
    ) -> Self:
        """
        State every parameter after the links of the nodes: one chain, one draw.

        Parameters
        ----------
        network : ProcessNetwork
        intercept, variance : mapping of node to float
            A node with a distribution may be left out.
        coefficients : mapping of (parent, child) to float

        Raises
        ------
        ModelError
            If one is missing, unknown, not finite, or a variance is negative.
        """
        stated = {n.name: n.distribution for n in network.nodes if n.distribution is not None}
        intercepts = {name: mean for name, (mean, _) in stated.items()} | dict(intercept)
        variances = {name: sd**2 for name, (_, sd) in stated.items()} | dict(variance)
        effects = dict(coefficients)
        _require("intercept", intercepts, network.order)
        _require("coefficient", effects, network.edges)
        _require("variance", variances, network.order)
        negative = [name for name, value in variances.items() if not value >= 0.0]
        if negative:
            raise ModelError(
                f"The variance of {negative[0]!r} is {variances[negative[0]]}; expected zero or "
                "more."
            )
        # Standardised by the implied standard deviations, so that units do not matter to rounding.
        index = GraphIndex.of(network)
        start = np.array([[intercepts[name]] for name in network.order], float)
        slope = np.array([effects[edge] for edge in network.edges], float).reshape(-1, 1)
        noise = np.array([variances[name] for name in network.order], float)
        centre = index.forward(slope, start)[:, 0]
        paths = index.gradients(slope, np.arange(len(network)))[:, 0, :]
        total = noise @ paths**2
        spread = np.sqrt(np.where(total > 0.0, total, 1.0))
        scale = dict(zip(network.order, spread, strict=True))
        effect = [effects[edge] * scale[edge[0]] / scale[edge[1]] for edge in network.edges]
        return cls(
            network,
            centre,
            spread,
            np.zeros((1, len(network))),
            np.array(effect, float).reshape(1, -1),
            (noise / spread**2)[None, :],
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the nodes, in the order of the arrays."""
        return self.network.order

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Edges (parent, child), in the order of `effect`."""
        return tuple(self.network.edges)

    @property
    def draws(self) -> int:
        """Number of draws in all chains."""
        return len(self.intercept)

    @property
    def coords(self) -> dict[str, np.ndarray]:
        """Coordinates of chains and draws."""
        return {"chain": np.arange(self.chains), "draw": np.arange(self.draws // self.chains)}

    @cached_property
    def graph_index(self) -> GraphIndex:
        """Parents and edges of each node as positions in the arrays."""
        return GraphIndex.of(self.network)

    @cached_property
    def effects_by_edge(self) -> np.ndarray:
        """Effects with edges first, shape (edges, draws)."""
        return np.ascontiguousarray(self.effect.T)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """Position of a node in the arrays; ModelError with the nearest name when unknown."""
        return self._positions[self.network.node(name).name]

    def indices(self, names: Sequence[str] | str | None) -> np.ndarray:
        """Positions of nodes in the arrays; all of them for None."""
        if names is None:
            return np.arange(len(self.names))
        return np.array(
            [self.index(n) for n in ([names] if isinstance(names, str) else names)], int
        )

    def standardise(self, name: str, values: Any) -> np.ndarray:
        """Apply the link of a node to values [unit], then centre and scale."""
        k = self.index(name)
        return (self.network[name].to_link(values) - self.centre[k]) / self.spread[k]

    def to_unit(self, name: str, standardised: Any) -> np.ndarray:
        """Bring standardised values of a node back to its unit."""
        k = self.index(name)
        return self.network[name].from_link(
            self.centre[k] + self.spread[k] * np.asarray(standardised)
        )

    def standardised_limits(self, name: str) -> np.ndarray:
        """Lower and upper limit of the specification of a node, standardised, shape (2,)."""
        k = self.index(name)
        return (np.array(self.network[name].limits()) - self.centre[k]) / self.spread[k]

    def total_effects(self, targets: Sequence[str] | str | None = None) -> np.ndarray:
        """
        Standardised total effects of each node on the targets: (I - B)^-1, row by row.

        Returns
        -------
        array, shape (draws, targets, nodes)
        """
        slopes = self.graph_index.gradients(self.effects_by_edge, self.indices(targets))
        return np.transpose(slopes, (1, 2, 0))

    def moments(
        self, names: Sequence[str] | str | None = None, *, standardised: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """
        Mean and covariance of nodes in every draw.

        Parameters
        ----------
        names : sequence of str, optional
            All nodes, in the order of `names`, by default.
        standardised : bool
            Of standardised values; else of values after the link.

        Returns
        -------
        mean : array, shape (draws, nodes)
        covariance : array, shape (draws, nodes, nodes)
        """
        chosen = self.indices(names)
        total = self.total_effects([self.names[k] for k in chosen])
        mean = np.einsum("stk,sk->st", total, self.intercept)
        covariance = (total * self.variance[:, None, :]) @ np.swapaxes(total, 1, 2)
        if standardised:
            return mean, covariance
        spread = self.spread[chosen]
        return self.centre[chosen] + spread * mean, covariance * np.outer(spread, spread)

    def taken(self, draws: np.ndarray, *, chains: int = 1) -> Self:
        """Take some draws, by position."""
        changes = {
            name: None if (values := getattr(self, name)) is None else values[draws]
            for name in ("intercept", "effect", "variance", "degrees_of_freedom", "group_variance")
        }
        return self.replace(**changes, chains=chains)

    def thinned(self, draws: int) -> Self:
        """Keep at most so many draws, evenly spaced, as one chain."""
        if draws >= self.draws:
            return self
        return self.taken(np.linspace(0, self.draws - 1, draws).astype(int))

    def with_residuals(self, stated: Mapping[str, tuple[float, float]]) -> Self:
        """Give nodes a stated normal residual, (mean, sd) after their link, in every draw."""
        intercept, variance = self.intercept.copy(), self.variance.copy()
        tails = {}
        for name, fill in (("degrees_of_freedom", np.inf), ("group_variance", 0.0)):
            values = getattr(self, name)
            if values is not None:
                tails[name] = values.copy()
                tails[name][:, self.indices(list(stated))] = fill
        for name, (mean, sd) in stated.items():
            k = self.index(name)
            intercept[:, k] = (mean - self.centre[k]) / self.spread[k]
            variance[:, k] = (sd / self.spread[k]) ** 2
        return self.replace(intercept=intercept, variance=variance, **tails)

    def with_mixing(self, rng: np.random.Generator) -> Self:
        """
        Draw the precision of each Student-t residual, given which it is normal.

        A Student-t is a scale mixture of normals: variance * (nu - 2) / chi2(nu); Andrews and
        Mallows (1974), doi:10.1111/j.2517-6161.1974.tb00989.x.
        """
        if self.degrees_of_freedom is None:
            return self
        freedom = self.degrees_of_freedom
        finite = np.where(np.isfinite(freedom), freedom, 3.0)
        mixing = np.where(np.isfinite(freedom), (finite - 2.0) / rng.chisquare(finite), 1.0)
        normal = 0.0 if self.group_variance is None else self.group_variance
        return self.replace(
            variance=normal + (self.variance - normal) * mixing,
            degrees_of_freedom=None,
            group_variance=None,
        )

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dataset(self) -> xr.Dataset:
        """
        Draws after the links of the nodes, in units a reader expects.

        Returns
        -------
        Dataset
            intercept (node), effect (edge, "parent -> child"), residual_sd (node: standard
            deviation around the mean given the parents); dims chain, draw first.
        """
        ratio = [
            self.spread[self.index(child)] / self.spread[self.index(parent)]
            for parent, child in self.edges
        ]
        effect = self.effect * np.array(ratio, float)
        intercept = self.centre + self.spread * self.intercept
        for number, (parent, child) in enumerate(self.edges):
            intercept[:, self.index(child)] -= effect[:, number] * self.centre[self.index(parent)]
        arrays = {
            "intercept": ("node", intercept),
            "effect": ("edge", effect),
            "residual_sd": ("node", np.sqrt(self.variance) * self.spread),
        }
        shape = (self.chains, self.draws // self.chains, -1)
        return xr.Dataset(
            {name: (("chain", "draw", dim), a.reshape(shape)) for name, (dim, a) in arrays.items()},
            coords=self.coords
            | {"node": list(self.names), "edge": [f"{a} -> {b}" for a, b in self.edges]},
        )


def _require(what: str, given: Mapping[Any, float], wanted: Sequence[Any]) -> None:
    """Refuse numbers that are not exactly one finite number for each name."""
    missing = [key for key in wanted if key not in given]
    extra = [key for key in given if key not in wanted]
    if missing or extra:
        verb = f"lacks {missing[0]!r}" if missing else f"names {extra[0]!r}, which is not there"
        raise ModelError(f"The {what} {verb}; give one number for each of {list(wanted)}.")
    odd = [(key, value) for key, value in given.items() if not np.isfinite(value)]
    if odd:
        raise ModelError(f"The {what} of {odd[0][0]!r} is {odd[0][1]}; expected a finite number.")

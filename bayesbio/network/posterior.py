"""A fitted network: draws of every intercept, effect and scatter, and what can be asked of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import ModelError
from bayesbio.inference.diagnostics.judgement import verdict_of
from bayesbio.inference.diagnostics.verdict import Verdict, VerdictItem
from bayesbio.network.graph.propagation import Plan
from bayesbio.network.graph.structure import ProcessNetwork


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkPosterior:
    """
    Draws of a network's parameters, standardised node by node.

    z = (x - centre) / spread on the scale of each node; z_k = intercept_k + sum_j effect_jk z_j +
    e_k, var(e_k) = variance_k. Nodes stand in `names` (topological order), effects in `edges`.

    Parameters
    ----------
    network : ProcessNetwork
    centre, spread : array, shape (nodes,)
    intercept, variance : array, shape (draws, nodes)
    effect : array, shape (draws, edges)
    chains : int
        The first draws/chains belong to the first chain, and so on.
    observed_range : array, shape (2, nodes) [units of the nodes]
        Smallest and largest value fitted; NaN where unknown.
    rows : array, shape (nodes,)
        Readings of each node.
    log_evidence : mapping of node to float
        Of its column given its parents, on the node's scale; empty where it is not exact.
    method : {"exact", "augmentation", "sampled", "given"}
        Conjugate draws; data augmentation (missing or censored cells); NUTS; stated parameters.
    sampled : DataTree, optional
        Everything the sampler returned.
    random_seed : int
        Of the draws.
    data_hash : str
        SHA-256 of the table; blank where there was none.
    noticed : tuple of str
        What to know about the data: cells that are missing or censored, knowledge brought along.

    Examples
    --------
    >>> network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 5.0, "titer": 1.0}, coefficients={("feed", "titer"): 0.4},
    ...     variance={"feed": 1.0, "titer": 0.09})
    >>> mean, covariance = known.moments(["titer"])
    >>> mean, covariance
    (array([[3.]]), array([[[0.25]]]))
    """

    network: ProcessNetwork
    centre: np.ndarray
    spread: np.ndarray
    intercept: np.ndarray
    effect: np.ndarray
    variance: np.ndarray
    chains: int = 1
    observed_range: np.ndarray = dataclasses.field(default_factory=lambda: np.empty((2, 0)))
    rows: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))
    log_evidence: Mapping[str, float] = dataclasses.field(default_factory=dict)
    method: str = "given"
    sampled: xr.DataTree | None = None
    random_seed: int = 0
    data_hash: str = ""
    noticed: tuple[str, ...] = ()

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
        network: ProcessNetwork,
        *,
        intercept: Mapping[str, float],
        coefficients: Mapping[tuple[str, str], float],
        variance: Mapping[str, float],
    ) -> NetworkPosterior:
        """
        State every parameter on the scales of the nodes: one chain, one draw.

        Parameters
        ----------
        network : ProcessNetwork
        intercept, variance : mapping of node to float
            A node with a distribution may be left out.
        coefficients : mapping of (parent, child) to float

        Raises
        ------
        ModelError
            If one is missing, unknown, or a variance is negative.
        """
        given = [node for node in network.nodes if node.distribution is not None]
        intercepts = {node.name: node.distribution[0] for node in given if node.distribution}
        variances = {node.name: node.distribution[1] ** 2 for node in given if node.distribution}
        intercepts |= dict(intercept)
        variances |= dict(variance)
        for what, has, wants in (
            ("intercept", intercepts, network.order),
            ("variance", variances, network.order),
            ("coefficients", dict(coefficients), network.edges),
        ):
            lacking = [key for key in wants if key not in has]
            extra = [key for key in has if key not in wants]
            if lacking or extra:
                verb = f"lacks {lacking[0]!r}" if lacking else f"names {extra[0]!r}, not there"
                raise ModelError(f"{what} {verb}; give one number for each of {list(wants)}.")
        for what, given_numbers in (
            ("intercept", list(intercepts.items())),
            ("coefficient", list(coefficients.items())),
        ):
            odd = [(key, value) for key, value in given_numbers if not np.isfinite(value)]
            if odd:
                raise ModelError(
                    f"The {what} of {odd[0][0]!r} is {odd[0][1]}; expected a finite number."
                )
        negative = [name for name, value in variances.items() if not value >= 0.0]
        if negative:
            raise ModelError(
                f"The variance of {negative[0]!r} is {variances[negative[0]]}; expected zero or "
                "more."
            )
        # Standardised by what the numbers imply, so that units do not matter to rounding.
        plan = Plan.of(network)
        start = np.array([[intercepts[name]] for name in network.order], float)
        slope = np.array([coefficients[edge] for edge in network.edges], float).reshape(-1, 1)
        noise = np.array([variances[name] for name in network.order], float)
        centre = plan.forward(slope, start)[:, 0]
        total = np.array(
            [plan.gradient(slope, k)[:, 0] ** 2 @ noise for k in range(len(network.order))]
        )
        spread = np.sqrt(np.where(total > 0.0, total, 1.0))
        place = {name: k for k, name in enumerate(network.order)}
        scaled = np.array(
            [
                coefficients[parent, child] * spread[place[parent]] / spread[place[child]]
                for parent, child in network.edges
            ]
        )
        return cls(
            network,
            centre,
            spread,
            np.zeros((1, len(network))),
            scaled.reshape(1, -1),
            (noise / spread**2)[None, :],
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the nodes, in the order of the arrays."""
        return self.network.order

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Edges (parent, child), in the order of `effect`."""
        return tuple(self.network.edges)

    @property
    def draws(self) -> int:
        """How many draws there are in all chains."""
        return len(self.intercept)

    @cached_property
    def plan(self) -> Plan:
        """The graph in numbers."""
        return Plan.of(self.network)

    @cached_property
    def effects_by_edge(self) -> np.ndarray:
        """Effects with edges first, shape (edges, draws)."""
        return np.ascontiguousarray(self.effect.T)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def place(self, name: str) -> int:
        """Where a node stands in the arrays; ModelError with the nearest name when unknown."""
        self.network.node(name)
        return self._places[name]

    def places(self, names: Sequence[str] | str | None) -> np.ndarray:
        """Where nodes stand in the arrays; all of them for None."""
        if names is None:
            return np.arange(len(self.names))
        wanted = [names] if isinstance(names, str) else list(names)
        return np.array([self.place(name) for name in wanted], int)

    def scores(self, name: str, values: Any) -> np.ndarray:
        """Standardise values [unit] of a node."""
        k = self.place(name)
        return (self.network[name].forward(values) - self.centre[k]) / self.spread[k]

    def values(self, name: str, scores: Any) -> np.ndarray:
        """Bring standardised values of a node back to its unit."""
        k = self.place(name)
        return self.network[name].backward(self.centre[k] + self.spread[k] * np.asarray(scores))

    def total_effects(self, targets: Sequence[str] | str | None = None) -> np.ndarray:
        """
        Give standardised total effects of each node on the targets: (I - B)^-1, row by row.

        Returns
        -------
        array, shape (draws, targets, nodes)
        """
        slopes = self.plan.gradients(self.effects_by_edge, self.places(targets))
        return np.transpose(slopes, (1, 2, 0))

    def moments(
        self, names: Sequence[str] | str | None = None, *, standardised: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """
        Give mean and covariance of nodes in every draw.

        Parameters
        ----------
        names : sequence of str, optional
            All nodes, in the order of `names`, by default.
        standardised : bool
            On standardised scales; else on the scales of the nodes.

        Returns
        -------
        mean : array, shape (draws, nodes)
        covariance : array, shape (draws, nodes, nodes)
        """
        places = self.places(names)
        total = self.total_effects([self.names[k] for k in places])
        mean = np.einsum("stk,sk->st", total, self.intercept)
        covariance = (total * self.variance[:, None, :]) @ np.swapaxes(total, 1, 2)
        if standardised:
            return mean, covariance
        spread = self.spread[places]
        return self.centre[places] + spread * mean, covariance * np.outer(spread, spread)

    @cached_property
    def posterior(self) -> xr.DataTree:
        """
        Draws on the scales of the nodes as a DataTree, for ArviZ.

        Group posterior: intercept (node), effect (edge, "parent -> child"), scatter (node: standard
        deviation around what the parents say); with what the sampler returned, where it ran.
        """
        place = self._places
        ratio = np.array(
            [self.spread[place[child]] / self.spread[place[parent]] for parent, child in self.edges]
        )
        effect = self.effect * ratio
        intercept = self.centre + self.spread * self.intercept
        for number, (parent, child) in enumerate(self.edges):
            intercept[:, place[child]] -= effect[:, number] * self.centre[place[parent]]
        shape = (self.chains, self.draws // self.chains)
        posterior = xr.Dataset(
            {
                "intercept": (("chain", "draw", "node"), intercept.reshape(*shape, -1)),
                "effect": (("chain", "draw", "edge"), effect.reshape(*shape, -1)),
                "scatter": (
                    ("chain", "draw", "node"),
                    (np.sqrt(self.variance) * self.spread).reshape(*shape, -1),
                ),
            },
            coords={
                "chain": np.arange(shape[0]),
                "draw": np.arange(shape[1]),
                "node": list(self.names),
                "edge": [f"{parent} -> {child}" for parent, child in self.edges],
            },
        )
        groups = {"posterior": posterior}
        if self.sampled is not None and "sample_stats" in self.sampled:
            groups["sample_stats"] = self.sampled["sample_stats"].to_dataset()
        return xr.DataTree.from_dict(groups)

    def check(self) -> Verdict:
        """
        Tell whether the draws may be believed.

        Returns
        -------
        Verdict
            Of the chains where they were sampled; that they are exact, where they are.
        """
        if self.method in ("exact", "given"):
            said = {
                "exact": "The posterior is exact: draws are independent.",
                "given": "The parameters were stated, not learned.",
            }[self.method]
            item = VerdictItem("exact", float(self.draws), ">= 1", True, said)
            return Verdict((item,))
        tree = self.sampled if self.method == "sampled" else self.posterior
        return verdict_of(tree if tree is not None else self.posterior)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the network and of the draws."""
        found = hashlib.sha256(json.dumps(self.network.to_dict(), sort_keys=True).encode())
        for values in (self.centre, self.spread, self.intercept, self.effect, self.variance):
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest()

    def effects(self) -> pd.DataFrame:
        """
        Tell every effect on the scales of its nodes.

        Returns
        -------
        DataFrame
            Index parent, child; columns mean, sd, eti_5, eti_50, eti_95, probability_positive.
        """
        draws = self.posterior["posterior"]["effect"].to_numpy().reshape(self.draws, -1)
        told = _described(draws)
        told.index = pd.MultiIndex.from_tuples(self.edges, names=["parent", "child"])
        return told.assign(probability_positive=(draws > 0.0).mean(axis=0))

    def summary(self) -> pd.DataFrame:
        """
        Tell every parameter on the scales of its nodes, one row a number.

        Returns
        -------
        DataFrame
            Index parameter: ``parent -> child`` (effect), then ``scatter of node`` and ``intercept
            of node``. Columns unit (of the child per parent, each on its scale), mean, sd, eti_5,
            eti_50, eti_95, and r_hat, ess_bulk, ess_tail where chains were sampled.
        """
        draws = self.posterior["posterior"].to_dataset()
        unit = {node.name: node.scale_unit for node in self.network.nodes}
        units = [f"({unit[child]})/({unit[parent]})" for parent, child in self.edges]
        names = [str(edge) for edge in draws["edge"].to_numpy()]
        parts = [_described(draws["effect"].to_numpy().reshape(self.draws, -1))]
        for what in ("scatter", "intercept"):
            names += [f"{what} of {name}" for name in self.names]
            units += [unit[name] for name in self.names]
            parts.append(_described(draws[what].to_numpy().reshape(self.draws, -1)))
        told = pd.concat(parts).set_index(pd.Index(names, name="parameter"))
        told.insert(0, "unit", units)
        if self.method in ("augmentation", "sampled"):
            import arviz as az

            for column, measure in (
                ("r_hat", az.rhat(draws)),
                ("ess_bulk", az.ess(draws, method="bulk")),
                ("ess_tail", az.ess(draws, method="tail")),
            ):
                told[column] = np.concatenate(
                    [measure[what].to_numpy() for what in ("effect", "scatter", "intercept")]
                )
        return told

    def predict(self, evidence: Any = None, **options: Any) -> xr.Dataset:
        """Predict nodes given readings of any others; see `bayesbio.network.predict`."""
        from bayesbio.network.queries.prediction import predict

        return predict(self, evidence, **options)

    def under(self, do: Mapping[str, Any]) -> NetworkPosterior:
        """Give the process in which nodes are held; see `bayesbio.network.under`."""
        from bayesbio.network.queries.intervention import under

        return under(self, do)

    def intervene(self, do: Mapping[str, Any], **options: Any) -> xr.Dataset:
        """Predict what comes of holding nodes; see `bayesbio.network.intervene`."""
        from bayesbio.network.queries.intervention import intervene

        return intervene(self, do, **options)

    def probability_out_of_specification(self, targets: Any = None, **options: Any) -> Any:
        """
        Give the risk to leave specifications.

        See `bayesbio.network.probability_out_of_specification`.
        """
        from bayesbio.network.queries.risk import probability_out_of_specification

        return probability_out_of_specification(self, targets, **options)

    def criticality(self, target: str, **options: Any) -> Any:
        """Share the variance of a target among inputs; see `bayesbio.network.criticality`."""
        from bayesbio.network.queries.attribution import criticality

        return criticality(self, target, **options)

    def model_risk(self, target: str, **options: Any) -> pd.DataFrame:
        """Tell which nodes the answer is unsure of; see `bayesbio.network.model_risk`."""
        from bayesbio.network.queries.information_value import model_risk

        return model_risk(self, target, **options)

    def value_of_information(self, actions: Mapping[str, Any], **options: Any) -> Any:
        """Tell what learning is worth; see `bayesbio.network.value_of_information`."""
        from bayesbio.network.queries.information_value import value_of_information

        return value_of_information(self, actions, **options)

    def with_process_model(self, calibration: Any, nodes: Any, *, run: str | None = None) -> Any:
        """Let a process model be some nodes; see `bayesbio.network.with_process_model`."""
        from bayesbio.network.process_model_nodes.hybrid_network import with_process_model

        return with_process_model(self, calibration, nodes, run=run)

    def to_pgmpy(self) -> Any:
        """Give the posterior-mean network to pgmpy, standardised; see `to_linear_gaussian`."""
        from bayesbio.network.graph.graph_tools import to_linear_gaussian

        return to_linear_gaussian(self)

    def to_discrete(self, **options: Any) -> Any:
        """Cut nodes into bins for exact diagnostic questions; see `discretise`."""
        from bayesbio.network.discrete import discretise

        return discretise(self, **options)

    def thinned(self, draws: int) -> NetworkPosterior:
        """Keep at most so many draws, evenly spaced, as one chain."""
        if draws >= self.draws:
            return self
        kept = np.linspace(0, self.draws - 1, draws).astype(int)
        return self.replace(
            intercept=self.intercept[kept],
            effect=self.effect[kept],
            variance=self.variance[kept],
            chains=1,
            sampled=None,
        )

    def replace(self, **changes: Any) -> NetworkPosterior:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        from bayesbio.network.archiving import save_network

        return save_network(self, path)


def _described(draws: np.ndarray) -> pd.DataFrame:
    """Describe draws, shape (draws, numbers), one row a number."""
    return pd.DataFrame(
        {
            "mean": draws.mean(axis=0),
            "sd": draws.std(axis=0, ddof=1 if len(draws) > 1 else 0),
            "eti_5": np.quantile(draws, 0.05, axis=0),
            "eti_50": np.quantile(draws, 0.5, axis=0),
            "eti_95": np.quantile(draws, 0.95, axis=0),
        }
    )

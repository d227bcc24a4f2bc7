"""The process as a graph: what each node is, and which nodes feed which."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.specification import Specification
from bayesbio.errors import ModelError
from bayesbio.network.graph.building import chained, sliced, tiered
from bayesbio.network.graph.nodes import ROLES, Node, UnitOperation, nearest
from bayesbio.network.learning.conjugate import NodePrior


@dataclasses.dataclass(frozen=True, eq=False)
class ProcessNetwork:
    """
    A process as a directed graph without cycles; each node adds up what its parents do to it.

    X_k = a_k + sum_j b_jk X_j + e_k on the scale of each node, e_k normal.

    Parameters
    ----------
    nodes : sequence of Node or str
    edges : sequence of (parent, child)
    unit_operations : sequence of str, optional
        Their order; by default the order in which nodes name them.
    priors : mapping of node name to NodePrior
        What is known of a node before data (see `add_mechanistic_prior`).

    Raises
    ------
    ModelError
        A name used twice or unknown, a cycle (it is named), an edge against time or against the
        order of unit operations, a CQA that nothing feeds, a node with parents and a distribution.

    Notes
    -----
    Koller and Friedman (2009), Probabilistic Graphical Models, chapter 7.

    Examples
    --------
    >>> network = ProcessNetwork(
    ...     [Node("temperature", role="CPP"), "biomass@24", Node("titer@48", role="CQA")],
    ...     [("temperature", "biomass@24"), ("biomass@24", "titer@48")],
    ... )
    >>> network.order, network.parents("titer@48")
    (('temperature', 'biomass@24', 'titer@48'), ('biomass@24',))
    """

    nodes: Sequence[Node]
    edges: Sequence[tuple[str, str]]
    unit_operations: Sequence[str] = ()
    priors: Mapping[str, NodePrior] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        nodes = tuple(Node(node) if isinstance(node, str) else node for node in self.nodes)
        names = [node.name for node in nodes]
        if not nodes:
            raise ModelError("A network needs nodes; none came.")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ModelError(f"Two nodes are named {twice!r}; rename one.")
        object.__setattr__(self, "nodes", nodes)
        known = dict.fromkeys(node.unit_operation for node in nodes if node.unit_operation)
        operations = tuple(self.unit_operations) or tuple(known)
        missing = [name for name in known if name not in operations]
        if missing:
            raise ModelError(
                f"The unit operation {missing[0]!r} is not in the order "
                f"{', '.join(operations)}; add it to unit_operations."
            )
        object.__setattr__(self, "unit_operations", operations)
        edges: dict[tuple[str, str], None] = {}
        for edge in self.edges:
            if isinstance(edge, str) or len(edge) != 2:
                raise ModelError(f"{edge!r} is no edge; expected (parent, child).")
            parent, child = edge
            self._place(parent), self._place(child)
            edges[parent, child] = None
        object.__setattr__(self, "edges", tuple(edges))
        object.__setattr__(self, "priors", dict(self.priors))
        for name in self.priors:
            self._place(name)
        self._check_order()
        for node in nodes:
            if node.role == "CQA" and not self.parents(node.name):
                raise ModelError(
                    f"Nothing feeds the CQA {node.name!r}; add an edge to it, or drop it."
                )
            if node.distribution is not None and self.parents(node.name):
                raise ModelError(
                    f"{node.name!r} has a distribution of its own and parents "
                    f"({', '.join(self.parents(node.name))}); keep one of the two."
                )
        _ = self.order

    @classmethod
    def from_unit_operations(cls, steps: Sequence[UnitOperation]) -> ProcessNetwork:
        """
        Chain unit operations: each attribute is fed by its step's parameters and the step before.

        Attributes of the last step are CQAs.

        Parameters
        ----------
        steps : sequence of UnitOperation
            In order, such as seed, production, harvest, capture, polish, UF/DF.

        Examples
        --------
        >>> ProcessNetwork.from_unit_operations([
        ...     UnitOperation("production", ["pH"], ["titer"]),
        ...     UnitOperation("capture", ["load"], ["purity"]),
        ... ]).edges
        (('pH', 'titer'), ('load', 'purity'), ('titer', 'purity'))
        """
        nodes, edges = chained(steps)
        return cls(nodes, edges, unit_operations=[step.name for step in steps])

    @classmethod
    def from_tiers(cls, tiers: Sequence[Sequence[Node | str]]) -> ProcessNetwork:
        """
        Let each tier feed the next: all of its nodes, but nothing feeds a CPP after the first tier.

        Parameters
        ----------
        tiers : sequence of sequences of Node or str
            In order of time or of unit operations; a CPP feeds what stands in its own tier, too.

        Examples
        --------
        >>> ProcessNetwork.from_tiers([["temperature", "lot"], ["titer@48"]]).edges
        (('temperature', 'titer@48'), ('lot', 'titer@48'))
        """
        nodes, edges = tiered(tiers)
        return cls(nodes, edges)

    @classmethod
    def from_campaign(
        cls,
        campaign: Any,
        quantities: Sequence[str],
        times: Sequence[float],
        *,
        settings: Sequence[str] = (),
        scales: Mapping[str, str] | None = None,
        links: Mapping[str, Iterable[str]] | None = None,
        specifications: Sequence[Specification] = (),
    ) -> ProcessNetwork:
        """
        Slice runs at sampling times: each quantity is fed by the slice before.

        Parameters
        ----------
        campaign : Campaign
            Where quantities, settings and their units come from.
        quantities : sequence of str
            One node of each at each time; what was measured, or the profile of a control.
        times : sequence of float [h]
        settings : sequence of str
            Settings of the runs that feed every slice (CPP).
        scales : mapping of quantity or setting to scale, optional
            "identity" where nothing is said.
        links : mapping of quantity to the quantities and settings that feed it, optional
            By default everything feeds everything; `dependencies` reads it from a process model.
        specifications : sequence of Specification
            A limit ``at`` a time belongs to that slice, any other to the last one; its node is a
            CQA.

        Raises
        ------
        DataError
            A quantity or setting that the campaign does not have.
        """
        nodes, edges = sliced(
            campaign,
            quantities,
            times,
            settings=settings,
            scales=scales,
            links=links,
            specifications=specifications,
        )
        return cls(nodes, edges)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the nodes, as given."""
        return tuple(node.name for node in self.nodes)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {node.name: place for place, node in enumerate(self.nodes)}

    @cached_property
    def _families(self) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
        parents: dict[str, list[str]] = {name: [] for name in self.names}
        children: dict[str, list[str]] = {name: [] for name in self.names}
        for parent, child in self.edges:
            parents[child].append(parent)
            children[parent].append(child)
        return (
            {name: tuple(row) for name, row in parents.items()},
            {name: tuple(row) for name, row in children.items()},
        )

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Names, every parent before its children; ties by tier, then as given."""
        tier = {name: place for place, row in enumerate(self.tiers) for name in row}
        waiting = {name: len(self.parents(name)) for name in self.names}
        ready = [
            (tier[name], self._places[name], name) for name, count in waiting.items() if not count
        ]
        heapq.heapify(ready)
        order: list[str] = []
        while ready:
            name = heapq.heappop(ready)[2]
            order.append(name)
            for child in self.children(name):
                waiting[child] -= 1
                if not waiting[child]:
                    heapq.heappush(ready, (tier[child], self._places[child], child))
        if len(order) < len(self.names):
            raise ModelError(
                f"The edges run in a circle: {' -> '.join(self._cycle(set(order)))}. Drop one of "
                "them, or split a node by time, such as 'glucose@24' and 'glucose@48'."
            )
        return tuple(order)

    @cached_property
    def tiers(self) -> tuple[tuple[str, ...], ...]:
        """Names in groups that follow each other: by unit operation, time, then role."""
        groups: dict[tuple[float, float, int], list[str]] = {}
        for node in self.nodes:
            groups.setdefault(self._tier(node), []).append(node.name)
        return tuple(tuple(groups[key]) for key in sorted(groups))

    def node(self, name: str) -> Node:
        """Give one node; ModelError with the nearest name when there is none."""
        return self.nodes[self._place(name)]

    def __getitem__(self, name: str) -> Node:
        return self.node(name)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{sum(node.role == role for node in self.nodes)} {role}" for role in ROLES
        )
        return f"ProcessNetwork of {len(self.nodes)} nodes ({counts}) and {len(self.edges)} edges"

    def parents(self, name: str) -> tuple[str, ...]:
        """Names of what feeds a node, in the order of the edges."""
        self._place(name)
        return self._families[0][name]

    def children(self, name: str) -> tuple[str, ...]:
        """Names of what a node feeds."""
        self._place(name)
        return self._families[1][name]

    def ancestors(self, *names: str) -> tuple[str, ...]:
        """Names of everything upstream of the nodes, in topological order."""
        return self._reach(names, 0)

    def descendants(self, *names: str) -> tuple[str, ...]:
        """Names of everything downstream of the nodes, in topological order."""
        return self._reach(names, 1)

    @property
    def roots(self) -> tuple[str, ...]:
        """Names of the nodes that nothing feeds, in topological order."""
        return tuple(name for name in self.order if not self.parents(name))

    @property
    def specifications(self) -> tuple[str, ...]:
        """Names of the nodes that have a specification, in topological order."""
        return tuple(name for name in self.order if self[name].specification is not None)

    def replace(self, **changes: Any) -> ProcessNetwork:
        """Return a copy with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def without_edges(self, edges: Iterable[tuple[str, str]]) -> ProcessNetwork:
        """
        Return a copy without some edges.

        Raises
        ------
        ModelError
            If one of them does not exist.
        """
        dropped = set(edges)
        for edge in dropped:
            if edge not in self.edges:
                raise ModelError(f"There is no edge {edge[0]!r} -> {edge[1]!r} to drop.")
        return self.replace(edges=[edge for edge in self.edges if edge not in dropped])

    def fit(self, table: Any, **options: Any) -> Any:
        """
        Learn intercepts, effects and scatter of every node from a table of runs.

        See `bayesbio.network.fit_network` for the options.

        Returns
        -------
        NetworkPosterior
        """
        from bayesbio.network.learning.fitting import fit_network

        return fit_network(self, table, **options)

    def edge_support(self, table: Any) -> pd.DataFrame:
        """Compare each edge's node with and without it; see `bayesbio.network.edge_support`."""
        from bayesbio.network.learning.fitting import edge_support

        return edge_support(self, table)

    def challenge_structure(self, table: Any, **options: Any) -> pd.DataFrame:
        """Search the data for edges; see `bayesbio.network.challenge_structure`."""
        from bayesbio.network.learning.structure_search import challenge_structure

        return challenge_structure(self, table, **options)

    def add_mechanistic_prior(self, calibration: Any, **options: Any) -> ProcessNetwork:
        """
        Let posterior trajectories of a process model inform the nodes they describe.

        See `bayesbio.network.add_mechanistic_prior` for the options.

        Returns
        -------
        ProcessNetwork
        """
        from bayesbio.network.learning.mechanistic_prior import add_mechanistic_prior

        return add_mechanistic_prior(self, calibration, **options)

    def to_dict(self) -> dict[str, Any]:
        """Give nodes, edges, order of unit operations and priors as plain data, ready for JSON."""
        return {
            "nodes": [dataclasses.asdict(node) for node in self.nodes],
            "edges": [list(edge) for edge in self.edges],
            "unit_operations": list(self.unit_operations),
            "priors": {name: prior.to_dict() for name, prior in self.priors.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ProcessNetwork:
        """Rebuild what `to_dict` gave."""
        nodes = []
        for row in content["nodes"]:
            fields = dict(row)
            if fields["specification"] is not None:
                fields["specification"] = Specification(**fields["specification"])
            if fields["distribution"] is not None:
                fields["distribution"] = tuple(fields["distribution"])
            nodes.append(Node(**fields))
        edges = [(parent, child) for parent, child in content["edges"]]
        priors = {name: NodePrior.from_dict(row) for name, row in content.get("priors", {}).items()}
        return cls(nodes, edges, unit_operations=content["unit_operations"], priors=priors)

    def _place(self, name: str) -> int:
        place = self._places.get(name)
        if place is None:
            raise ModelError(
                f"The network has no node {name!r};{nearest(name, self.names)} its nodes are "
                f"{', '.join(self.names[:12])}{', ...' if len(self.names) > 12 else ''}."
            )
        return place

    def _tier(self, node: Node) -> tuple[float, float, int]:
        operation = self.unit_operations.index(node.unit_operation) if node.unit_operation else -1.0
        role = ROLES.index(node.role)
        untimed = np.inf if role == ROLES.index("CQA") else -np.inf
        return operation, untimed if node.time is None else node.time, role

    def _check_order(self) -> None:
        for parent, child in self.edges:
            first, second = self[parent], self[child]
            if first.unit_operation and second.unit_operation:
                places = [self._tier(node)[0] for node in (first, second)]
                if places[0] > places[1]:
                    raise ModelError(
                        f"The edge {parent!r} -> {child!r} runs from {first.unit_operation} back "
                        f"to {second.unit_operation}; the order is "
                        f"{', '.join(self.unit_operations)}."
                    )
                if places[0] < places[1]:
                    continue  # clocks of different unit operations are not compared
            if first.time is not None and second.time is not None and first.time > second.time:
                raise ModelError(
                    f"The edge {parent!r} -> {child!r} runs back in time, from {first.time:g} h to "
                    f"{second.time:g} h."
                )

    def _cycle(self, sorted_out: set[str]) -> list[str]:
        """Walk upstream among the nodes that could not be ordered until one comes again."""
        name = next(name for name in self.names if name not in sorted_out)
        walk: list[str] = []
        while name not in walk:
            walk.append(name)
            name = next(parent for parent in self.parents(name) if parent not in sorted_out)
        return [name, *reversed(walk[walk.index(name) :])]

    def _reach(self, names: Iterable[str], direction: int) -> tuple[str, ...]:
        waiting, found = list(names), set()
        for name in waiting:
            self._place(name)
        while waiting:
            for other in self._families[direction][waiting.pop()]:
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return tuple(name for name in self.order if name in found)

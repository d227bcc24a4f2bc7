"""Directed acyclic graph of a process: nodes, edges, topological order and tiers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import networkx as nx
import numpy as np

from bayesbio.errors import ModelError, did_you_mean
from bayesbio.network.graph.nodes import ROLES, Node
from bayesbio.network.learning.conjugate import NodePrior

Edge = tuple[str, str]


@dataclasses.dataclass(frozen=True, eq=False)
class ProcessGraph:
    """
    A process as a directed graph without cycles; see `ProcessNetwork`.

    Parameters
    ----------
    nodes : sequence of Node or str
    edges : sequence of (parent, child)
    unit_operations : sequence of str, optional
        Their order; by default the order in which nodes name them.
    priors : mapping of node name to NodePrior
        Informative priors of nodes (see `add_mechanistic_prior`).

    Raises
    ------
    ModelError
        A name used twice or unknown, a cycle (it is named), an edge against time or against the
        order of unit operations, a CQA without parents, a node with parents and a distribution.

    Examples
    --------
    >>> graph = ProcessGraph(["c", "b", "a"], [("a", "b"), ("b", "c"), ("a", "c")])
    >>> graph.order, graph.parents("c"), graph.ancestors("c")
    (('a', 'b', 'c'), ('b', 'a'), ('a', 'b'))
    """

    nodes: Sequence[Node]
    edges: Sequence[Edge]
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
        for edge in self.edges:
            if isinstance(edge, str) or len(edge) != 2:
                raise ModelError(f"{edge!r} is no edge; expected (parent, child).")
        edges = tuple(dict.fromkeys((parent, child) for parent, child in self.edges))
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "priors", dict(self.priors))
        for name in (*(name for edge in edges for name in edge), *self.priors):
            self.node(name)
        for edge in edges:
            self._validate_direction(*edge)
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

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the nodes, as given."""
        return tuple(node.name for node in self.nodes)

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def graph(self) -> nx.DiGraph:
        """The graph in networkx, nodes and edges as given."""
        graph = nx.DiGraph()
        graph.add_nodes_from(self.names)
        graph.add_edges_from(self.edges)
        return graph

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Names, every parent before its children; ties by tier, then as given."""
        tier = {name: k for k, row in enumerate(self.tiers) for name in row}
        position = {name: k for k, name in enumerate(self.names)}
        try:
            return tuple(
                nx.lexicographical_topological_sort(
                    self.graph, key=lambda name: (tier[name], position[name])
                )
            )
        except nx.NetworkXUnfeasible as error:
            cycle = [first for first, _ in nx.find_cycle(self.graph)]
            raise ModelError(
                f"The edges run in a circle: {' -> '.join([*cycle, cycle[0]])}. Drop one of "
                "them, or split a node by time, such as 'glucose@24' and 'glucose@48'."
            ) from error

    @cached_property
    def tiers(self) -> tuple[tuple[str, ...], ...]:
        """Names in groups that follow each other: by unit operation, time, then role."""
        groups: dict[tuple[float, float, int], list[str]] = {}
        for node in self.nodes:
            groups.setdefault(self._tier(node), []).append(node.name)
        return tuple(tuple(groups[key]) for key in sorted(groups))

    def node(self, name: str) -> Node:
        """Give one node; ModelError with the nearest name when there is none."""
        if name not in self:
            raise ModelError(
                f"The network has no node {name!r}; its nodes are {', '.join(self.names[:12])}"
                f"{', ...' if len(self.names) > 12 else ''}.{did_you_mean(name, self.names)}"
            )
        return self._by_name[name]

    def __getitem__(self, name: str) -> Node:
        return self.node(name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{sum(node.role == role for node in self.nodes)} {role}" for role in ROLES
        )
        return f"ProcessNetwork of {len(self.nodes)} nodes ({counts}) and {len(self.edges)} edges"

    def parents(self, name: str) -> tuple[str, ...]:
        """Names of the parents of a node, in the order of the edges."""
        return tuple(self.graph.predecessors(self.node(name).name))

    def children(self, name: str) -> tuple[str, ...]:
        """Names of the children of a node."""
        return tuple(self.graph.successors(self.node(name).name))

    def ancestors(self, *names: str) -> tuple[str, ...]:
        """Names of everything upstream of the nodes, in topological order."""
        return self._reachable(names, nx.ancestors)

    def descendants(self, *names: str) -> tuple[str, ...]:
        """Names of everything downstream of the nodes, in topological order."""
        return self._reachable(names, nx.descendants)

    @property
    def roots(self) -> tuple[str, ...]:
        """Names of the nodes without parents, in topological order."""
        return tuple(name for name in self.order if not self.parents(name))

    @property
    def specifications(self) -> tuple[str, ...]:
        """Names of the nodes that have a specification, in topological order."""
        return tuple(name for name in self.order if self[name].specification is not None)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def without_edges(self, edges: Iterable[Edge]) -> Self:
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

    def _tier(self, node: Node) -> tuple[float, float, int]:
        operation = self.unit_operations.index(node.unit_operation) if node.unit_operation else -1.0
        role = ROLES.index(node.role)
        untimed = np.inf if role == ROLES.index("CQA") else -np.inf
        return operation, untimed if node.time is None else node.time, role

    def _validate_direction(self, parent: str, child: str) -> None:
        """Refuse an edge against the order of unit operations or, within one, against time."""
        first, second = self[parent], self[child]
        if first.unit_operation and second.unit_operation:
            before, after = (self._tier(node)[0] for node in (first, second))
            if before > after:
                raise ModelError(
                    f"The edge {parent!r} -> {child!r} runs from {first.unit_operation} back to "
                    f"{second.unit_operation}; the order is {', '.join(self.unit_operations)}."
                )
            if before < after:
                return  # clocks of different unit operations are not compared
        if first.time is not None and second.time is not None and first.time > second.time:
            raise ModelError(
                f"The edge {parent!r} -> {child!r} runs back in time, from {first.time:g} h to "
                f"{second.time:g} h."
            )

    def _reachable(self, names: Iterable[str], step: Callable[..., set[str]]) -> tuple[str, ...]:
        reached = set().union(*(step(self.graph, self.node(name).name) for name in names))
        return tuple(name for name in self.order if name in reached)

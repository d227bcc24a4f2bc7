"""The process as a graph: what each node is, and which nodes feed which."""

from __future__ import annotations

import dataclasses
import difflib
import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import expit

from bayesbio.data.specification import Specification
from bayesbio.errors import DataError, ModelError

ROLES = ("CPP", "state", "CQA")
SCALES = ("identity", "log", "logit")


@dataclasses.dataclass(frozen=True)
class Node:
    """
    One quantity of the process, at one time or in one unit operation.

    Parameters
    ----------
    name : str
        Such as "temperature", or "titer@336" for a quantity at a time in hours.
    role : {"CPP", "state", "CQA"}
        Set by the operator, in between, or judged.
    unit_operation : str, optional
        Where it belongs.
    time : float, optional [h]
        When; read from the name where it ends in ``@`` and a number.
    scale : {"identity", "log", "logit"}
        On which scale effects add: log for concentrations, logit for fractions.
    specification : Specification, optional [unit]
        Limits it has to keep.
    distribution : (mean, sd), optional [on its scale]
        How a CPP will vary in future runs; without it, as it did in the data.
    unit : str
        Unit of its values.

    Raises
    ------
    ModelError
        If role, scale, time or distribution cannot be used, or the specification is of another
        quantity.

    Examples
    --------
    >>> node = Node("titer@336", role="CQA", scale="log", unit="g/L")
    >>> node.quantity, node.time
    ('titer', 336.0)
    """

    name: str
    role: str = "state"
    unit_operation: str | None = None
    time: float | None = None
    scale: str = "identity"
    specification: Specification | None = None
    distribution: tuple[float, float] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ModelError(f"A node is named {self.name!r}; give it a text, such as 'titer@336'.")
        for what, allowed in (("role", ROLES), ("scale", SCALES)):
            if getattr(self, what) not in allowed:
                raise ModelError(
                    f"Node {self.name!r} has the {what} {getattr(self, what)!r}; use "
                    f"{', '.join(allowed)}."
                )
        stated = self.name.rpartition("@")[2] if "@" in self.name else ""
        if self.time is None and _is_number(stated):
            object.__setattr__(self, "time", float(stated))
        elif self.time is not None and _is_number(stated) and float(stated) != self.time:
            raise ModelError(
                f"Node {self.name!r} is given the time {self.time:g} h; leave time= out, or rename."
            )
        if self.specification is not None and self.specification.quantity not in (
            self.name,
            self.quantity,
        ):
            raise ModelError(
                f"Node {self.name!r} is given a specification of {self.specification.quantity!r}; "
                f"name it {self.quantity!r}."
            )
        if self.distribution is not None:
            mean, sd = (float(value) for value in self.distribution)
            if not (math.isfinite(mean) and math.isfinite(sd) and sd >= 0.0):
                raise ModelError(
                    f"Node {self.name!r} has the distribution {self.distribution}; expected a "
                    "finite mean and a standard deviation of zero or more."
                )
            object.__setattr__(self, "distribution", (mean, sd))

    @property
    def quantity(self) -> str:
        """What is measured, without the time."""
        stem, _, stated = self.name.rpartition("@")
        return stem if stem and _is_number(stated) else self.name

    def forward(self, values: Any) -> np.ndarray:
        """
        Bring values [unit] to the scale on which effects add.

        Raises
        ------
        DataError
            Zero or less on a log scale, outside 0 to 1 on a logit scale.
        """
        given = np.asarray(values, float)
        if self.scale == "identity":
            return given
        low, high = 0.0, np.inf if self.scale == "log" else 1.0
        outside = np.isfinite(given) & ((given <= low) | (given >= high))
        if outside.any():
            room = "above 0" if self.scale == "log" else "between 0 and 1, both excluded"
            raise DataError(
                f"Node {self.name!r} is on a {self.scale} scale but has the value "
                f"{given[outside].ravel()[0]:g}; expected values {room}. Use scale='identity', or "
                "mark it 'below' with the detection limit as value."
            )
        return np.log(given) if self.scale == "log" else np.log(given) - np.log1p(-given)

    def backward(self, values: Any) -> np.ndarray:
        """Bring values from the scale on which effects add back to the unit."""
        given = np.asarray(values, float)
        if self.scale == "log":
            return np.exp(given)
        if self.scale == "logit":
            return expit(given)
        return given

    def limits(self) -> tuple[float, float]:
        """
        Lower and upper limit on the scale on which effects add; infinite where there is none.

        Raises
        ------
        ModelError
            If the node has no specification.
        """
        if self.specification is None:
            raise ModelError(
                f"Node {self.name!r} has no specification, so there is no probability to leave it. "
                f"Give Node({self.name!r}, specification=Specification({self.quantity!r}, "
                "lower=..., upper=...))."
            )
        low, high = self.specification.lower, self.specification.upper
        return self._limit(low, -np.inf), self._limit(high, np.inf)

    def _limit(self, limit: float | None, none: float) -> float:
        """Give a limit on the scale; one beyond the range of the scale is infinite."""
        if limit is None:
            return none
        if self.scale != "identity" and limit <= 0.0:
            return -np.inf
        if self.scale == "logit" and limit >= 1.0:
            return np.inf
        return float(self.forward(limit))


@dataclasses.dataclass(frozen=True)
class UnitOperation:
    """
    One step of a process: what is set there, and what comes out.

    Parameters
    ----------
    name : str
        Such as "production" or "capture".
    parameters : sequence of Node or str
        What is set (CPP).
    attributes : sequence of Node or str
        What comes out and goes on to the next step.

    Examples
    --------
    >>> UnitOperation("capture", parameters=["load"], attributes=["impurity"]).attributes[0].role
    'state'
    """

    name: str
    parameters: Sequence[Node | str] = ()
    attributes: Sequence[Node | str] = ()

    def __post_init__(self) -> None:
        for what, role in (("parameters", "CPP"), ("attributes", "state")):
            given = tuple(
                Node(node, role=role, unit_operation=self.name)
                if isinstance(node, str)
                else dataclasses.replace(
                    node,
                    unit_operation=self.name,
                    role="CPP" if what == "parameters" else node.role,
                )
                for node in getattr(self, what)
            )
            object.__setattr__(self, what, given)


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
    priors: Mapping[str, Any] = dataclasses.field(default_factory=dict)

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
        for parent, child in self.edges:
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
        nodes: list[Node] = []
        edges: list[tuple[str, str]] = []
        before: list[str] = []
        for place, step in enumerate(steps):
            parameters: list[Any] = list(step.parameters)
            attributes: list[Any] = list(step.attributes)
            if place == len(steps) - 1:
                attributes = [dataclasses.replace(node, role="CQA") for node in attributes]
            nodes += parameters + attributes
            feeding = [node.name for node in parameters] + before
            edges += [(name, node.name) for node in attributes for name in feeding]
            before = [node.name for node in attributes]
        return cls(nodes, edges, unit_operations=[step.name for step in steps])

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
            One node of each at each time.
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
        slices = sorted({float(time) for time in times})
        scale = dict(scales or {})
        held = campaign.settings_frame()
        for what, wanted, there in (
            ("quantity", quantities, list(campaign.quantities)),
            ("setting", settings, [str(name) for name in held.columns]),
        ):
            for name in wanted:
                if name not in there:
                    raise DataError(
                        f"The campaign has no {what} {name!r};{_nearest(name, there)} "
                        f"it has {', '.join(there) or 'none'}."
                    )
        limits = {
            (limit.quantity, slices[-1] if limit.at is None else float(limit.at)): limit
            for limit in specifications
        }
        units = {**dict.fromkeys(settings, ""), **dict(campaign.units)}
        nodes = [
            Node(name, role="CPP", scale=scale.get(name, "identity"), unit=units[name])
            for name in settings
        ]
        edges: list[tuple[str, str]] = []
        for place, time in enumerate(slices):
            for name in quantities:
                limit = limits.pop((name, time), None)
                nodes.append(
                    Node(
                        f"{name}@{time:g}",
                        role="CQA" if limit else "state",
                        time=time,
                        scale=scale.get(name, "identity"),
                        specification=limit,
                        unit=units[name],
                    )
                )
                sources = set(links[name]) if links is not None and name in links else None
                feeding = [other for other in settings if sources is None or other in sources]
                if place:
                    feeding += [
                        f"{other}@{slices[place - 1]:g}"
                        for other in quantities
                        if sources is None or other in sources or other == name
                    ]
                edges += [(other, nodes[-1].name) for other in feeding]
        if limits:
            name, time = next(iter(limits))
            raise ModelError(
                f"The specification of {name!r} at {time:g} h belongs to no slice; the quantities "
                f"are {', '.join(quantities)}, the times {', '.join(f'{t:g}' for t in slices)} h."
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
        from bayesbio.network.fitting import fit_network

        return fit_network(self, table, **options)

    def add_mechanistic_prior(self, calibration: Any, **options: Any) -> ProcessNetwork:
        """
        Let posterior trajectories of a process model inform the nodes they describe.

        See `bayesbio.network.add_mechanistic_prior` for the options.

        Returns
        -------
        ProcessNetwork
        """
        from bayesbio.network.mechanism import add_mechanistic_prior

        return add_mechanistic_prior(self, calibration, **options)

    def to_dict(self) -> dict[str, Any]:
        """Give nodes, edges and order of unit operations as plain data, ready for JSON."""
        return {
            "nodes": [dataclasses.asdict(node) for node in self.nodes],
            "edges": [list(edge) for edge in self.edges],
            "unit_operations": list(self.unit_operations),
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
        return cls(nodes, edges, unit_operations=content["unit_operations"])

    def _place(self, name: str) -> int:
        place = self._places.get(name)
        if place is None:
            raise ModelError(
                f"The network has no node {name!r};{_nearest(name, self.names)} its nodes are "
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


def dependencies(model: Any) -> dict[str, tuple[str, ...]]:
    """
    Read from a process model which states, inputs and settings act on which state directly.

    Parameters
    ----------
    model : process model
        From the library or your own.

    Returns
    -------
    dict of state to tuple of names
        What stands in its derivative; ready as ``links`` of `ProcessNetwork.from_campaign`.

    Raises
    ------
    ModelError
        If the model has no differential equations or cannot be followed with symbols.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture
    >>> dependencies(BatchCulture())["biomass"]
    ('biomass', 'substrate')
    """
    from bayesbio.ode.trace import trace

    traced = trace(model)
    if traced.derivatives is None:
        raise ModelError(
            f"{type(model).__name__} is given by a formula in time, not by derivatives; write the "
            "links by hand."
        )
    settings = traced.p[len(traced.parameters) : len(traced.parameters) + len(traced.settings)]
    found = {}
    for state, place in traced.fields.items():
        symbols = set().union(*(row.free_symbols for row in traced.derivatives[place]))
        acting = [
            name
            for name, other in traced.fields.items()
            if symbols & set(traced.y[other.start : other.stop])
        ]
        acting += [name for name, s in zip(traced.inputs, traced.u, strict=True) if s in symbols]
        acting += [name for name, s in zip(traced.settings, settings, strict=True) if s in symbols]
        found[state] = tuple(acting)
    return found


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _nearest(name: Any, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f" did you mean {close[0]!r}?" if close else ""

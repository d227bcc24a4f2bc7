"""Networks made from what is there: unit operations in a row, slices of runs, a process model."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run
from bayesbio.data.specification import Specification
from bayesbio.data.table import Table, TableColumn
from bayesbio.errors import DataError, ModelError
from bayesbio.network.graph.nodes import Node, UnitOperation, nearest

if TYPE_CHECKING:
    from bayesbio.network.graph.structure import ProcessNetwork

Parts = tuple[list[Node], list[tuple[str, str]]]


def chained(steps: Sequence[UnitOperation]) -> Parts:
    """Give nodes and edges of unit operations in a row; see `from_unit_operations`."""
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
    return nodes, edges


def tiered(tiers: Sequence[Sequence[Node | str]]) -> Parts:
    """Give nodes and edges of tiers that feed each other; see `ProcessNetwork.from_tiers`."""
    rows = [[Node(node) if isinstance(node, str) else node for node in tier] for tier in tiers]
    edges = [
        (parent.name, child.name)
        for before, after in itertools.pairwise(rows)
        for child in after
        if child.role != "CPP"
        for parent in before
    ]
    edges += [
        (setting.name, child.name)
        for tier in rows[1:]
        for child in tier
        if child.role != "CPP"
        for setting in tier
        if setting.role == "CPP"
    ]
    return [node for tier in rows for node in tier], edges


def sliced(
    campaign: Any,
    quantities: Sequence[str],
    times: Sequence[float],
    *,
    settings: Sequence[str],
    scales: Mapping[str, str] | None,
    links: Mapping[str, Iterable[str]] | None,
    specifications: Sequence[Specification],
) -> Parts:
    """Give nodes and edges of runs in slices; see `ProcessNetwork.from_campaign`."""
    slices = sorted({float(time) for time in times})
    scale = dict(scales or {})
    held = campaign.settings_frame()
    for what, wanted, there in (
        ("quantity or profile", quantities, [*campaign.quantities, *profiles_of(campaign)]),
        ("setting", settings, [str(name) for name in held.columns]),
    ):
        for name in wanted:
            if name not in there:
                raise DataError(
                    f"The campaign has no {what} {name!r};{nearest(name, there)} "
                    f"it has {', '.join(there) or 'none'}."
                )
    limits = {
        (limit.quantity, slices[-1] if limit.at is None else float(limit.at)): limit
        for limit in specifications
    }
    units = {**dict.fromkeys([*settings, *quantities], ""), **dict(campaign.units)}
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
    return nodes, edges


def slice_campaign(campaign: Campaign, network: ProcessNetwork, *, tolerance: float = 1.0) -> Table:
    """
    Read the nodes of a network from runs: one row per run.

    Parameters
    ----------
    campaign : Campaign
    network : ProcessNetwork
        A node with a time takes the readings nearest to it, replicates averaged, or the value of
        the profile of that name; one without, the setting of that name.
    tolerance : float [h]
        How far a reading may be from the time of its node; where none is near, the cell is missing.

    Returns
    -------
    Table
        Columns run (group) and the nodes.

    Examples
    --------
    >>> from bayesbio.data import Run
    >>> from bayesbio.network import ProcessNetwork
    >>> readings = pd.DataFrame({"time_h": [0.0, 24.2], "quantity": "titer", "value": [0.1, 2.0]})
    >>> network = ProcessNetwork(["titer@0", "titer@24"], [("titer@0", "titer@24")])
    >>> slice_campaign(Campaign([Run("A", readings)]), network)["titer@24"].tolist()
    [2.0]
    """
    readings = campaign.to_frame(details=True)
    readings = readings[readings["flag"] != "excluded"]
    settings = campaign.settings_frame()
    values: dict[str, list[Any]] = {"run": list(campaign.names)}
    flags: dict[str, list[str]] = {}
    uppers: dict[str, list[float]] = {}
    profiles = profiles_of(campaign)
    for node in network.nodes:
        rows = readings[readings["quantity"] == node.quantity]
        told = [_reading(rows[rows["run"] == run], node, tolerance) for run in campaign.names]
        if node.time is None and node.name in settings:
            told = [(_setting(settings, run, node.name), "", np.nan) for run in campaign.names]
        elif node.time is not None and rows.empty and node.quantity in profiles:
            told = [(_planned(run, node), "", np.nan) for run in campaign]
        values[node.name], flags[node.name], uppers[node.name] = (
            list(part) for part in zip(*told, strict=True)
        )
    columns = [TableColumn("run", "group", levels=campaign.names)] + [
        TableColumn(node.name, "response", node.unit) for node in network.nodes
    ]
    return Table(
        pd.DataFrame(values), columns, pd.DataFrame(flags), uppers=pd.DataFrame(uppers, dtype=float)
    )


def profiles_of(campaign: Campaign) -> list[str]:
    """Name the profiles that any run has."""
    return list(dict.fromkeys(name for run in campaign for name in run.profiles))


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
    from bayesbio.ode.codegen.trace import trace

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


def _reading(rows: pd.DataFrame, node: Node, tolerance: float) -> tuple[float, str, float]:
    """Give the value nearest to a node's time, its flag, and the upper limit of an interval."""
    if node.time is None or rows.empty:
        return np.nan, "", np.nan
    distance = (rows["time_h"] - node.time).abs()
    if distance.min() > tolerance:
        return np.nan, "", np.nan
    near = rows[distance == distance.min()]
    plain = near[near["flag"] == ""]
    if len(plain):
        return float(plain["value"].mean()), "", np.nan
    first = near.iloc[0]
    return float(first["value"]), str(first["flag"]), float(first["value_upper"])


def _planned(run: Run, node: Node) -> float:
    profile = run.profiles.get(node.quantity)
    return np.nan if profile is None else float(profile.at(node.time))


def _setting(settings: pd.DataFrame, run: str, name: str) -> float:
    try:
        return float(settings.at[run, name])
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The setting {name!r} of run {run!r} is {settings.at[run, name]!r}; a node needs a "
            "number. Leave it out of the network, or give it as group= to fit."
        ) from error

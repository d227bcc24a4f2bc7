"""Nodes and edges from unit operations, tiers, or time slices of runs."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bayesbio.data.campaign import Campaign
from bayesbio.data.specification import Specification
from bayesbio.errors import DataError, ModelError, did_you_mean
from bayesbio.network.graph.nodes import Node, UnitOperation
from bayesbio.network.graph.slicing import profiles_of

Parts = tuple[list[Node], list[tuple[str, str]]]


def chained(steps: Sequence[UnitOperation]) -> Parts:
    """Give nodes and edges of unit operations in a row; see `from_unit_operations`."""
    nodes: list[Node] = []
    edges: list[tuple[str, str]] = []
    before: list[str] = []
    for number, step in enumerate(steps):
        parameters: list[Any] = list(step.parameters)
        attributes: list[Any] = list(step.attributes)
        if number == len(steps) - 1:
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
    campaign: Campaign,
    quantities: Sequence[str],
    times: Sequence[float],
    *,
    settings: Sequence[str],
    link: Mapping[str, str] | None,
    parents: Mapping[str, Iterable[str]] | None,
    specifications: Sequence[Specification],
) -> Parts:
    """Give nodes and edges of runs in slices; see `ProcessNetwork.from_campaign`."""
    slices = sorted({float(time) for time in times})
    link = link or {}
    held = campaign.settings_frame()
    for what, wanted, there in (
        ("quantity or profile", quantities, [*campaign.quantities, *profiles_of(campaign)]),
        ("setting", settings, [str(name) for name in held.columns]),
    ):
        for name in wanted:
            if name not in there:
                raise DataError(
                    f"The campaign has no {what} {name!r}; it has {', '.join(there) or 'none'}."
                    f"{did_you_mean(name, there)}"
                )
    limits = {
        (limit.quantity, slices[-1] if limit.at is None else float(limit.at)): limit
        for limit in specifications
    }
    units = {**dict.fromkeys([*settings, *quantities], ""), **dict(campaign.units)}
    nodes = [
        Node(name, role="CPP", link=link.get(name, "identity"), unit=units[name])
        for name in settings
    ]
    edges: list[tuple[str, str]] = []
    for number, time in enumerate(slices):
        for name in quantities:
            limit = limits.pop((name, time), None)
            nodes.append(
                Node(
                    f"{name}@{time:g}",
                    role="CQA" if limit else "state",
                    time=time,
                    link=link.get(name, "identity"),
                    specification=limit,
                    unit=units[name],
                )
            )
            sources = set(parents[name]) if parents is not None and name in parents else None
            feeding = [other for other in settings if sources is None or other in sources]
            if number:
                feeding += [
                    f"{other}@{slices[number - 1]:g}"
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

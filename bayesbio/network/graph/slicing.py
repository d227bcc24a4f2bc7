"""Time slices of runs as one row per run, and direct dependencies of a process model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run
from bayesbio.data.table import Table, TableColumn
from bayesbio.errors import DataError, ModelError
from bayesbio.network.graph.nodes import Node, require_unit
from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.ode.codegen.trace import trace


def slice_campaign(campaign: Campaign, network: ProcessGraph, *, tolerance: float = 1.0) -> Table:
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

    Raises
    ------
    DataError
        A node in another unit than the campaign, a setting that is no number.

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
        cells = [_reading(rows[rows["run"] == run], node, tolerance) for run in campaign.names]
        if node.time is None and node.name in settings:
            cells = [(_setting(settings, run, node.name), "", np.nan) for run in campaign.names]
        elif node.time is not None and rows.empty and node.quantity in profiles:
            cells = [(_planned(run, node), "", np.nan) for run in campaign]
        require_unit(node, campaign.units.get(node.quantity, ""))
        values[node.name], flags[node.name], uppers[node.name] = (
            list(part) for part in zip(*cells, strict=True)
        )
    columns = [TableColumn("run", "group", levels=campaign.names)] + [
        TableColumn(node.name, "response", node.unit) for node in network.nodes
    ]
    return Table(
        pd.DataFrame(values), columns, pd.DataFrame(flags), uppers=pd.DataFrame(uppers, dtype=float)
    )


def profiles_of(campaign: Campaign) -> list[str]:
    """Names of the profiles that any run has."""
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
        What stands in its derivative; ready as ``parents`` of `ProcessNetwork.from_campaign`.

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
    traced = trace(model)
    if traced.derivatives is None:
        raise ModelError(
            f"{type(model).__name__} is given by a formula in time, not by derivatives; write the "
            "parents by hand."
        )
    settings = traced.p[len(traced.parameters) : len(traced.parameters) + len(traced.settings)]
    dependencies_of = {}
    for state, part in traced.fields.items():
        symbols = set().union(*(row.free_symbols for row in traced.derivatives[part]))
        acting = [
            name
            for name, other in traced.fields.items()
            if symbols & set(traced.y[other.start : other.stop])
        ]
        acting += [name for name, s in zip(traced.inputs, traced.u, strict=True) if s in symbols]
        acting += [name for name, s in zip(traced.settings, settings, strict=True) if s in symbols]
        dependencies_of[state] = tuple(acting)
    return dependencies_of


def _reading(rows: pd.DataFrame, node: Node, tolerance: float) -> tuple[float, str, float]:
    """Give the value nearest to a node's time, its flag, and the upper limit of an interval."""
    if node.time is None or rows.empty:
        return np.nan, "", np.nan
    distance = (rows["time_h"] - node.time).abs()
    if distance.min() > tolerance:
        return np.nan, "", np.nan
    near = rows[distance == distance.min()]
    flags, values = near["flag"].to_numpy(str), near["value"].to_numpy(float)
    # The mean of replicates lies between the means of their limits; below a limit is above zero.
    low = np.where(flags == "below", 0.0, values).mean()
    high = np.select(
        [flags == "between", flags == "above"],
        [near["value_upper"].to_numpy(float), np.inf],
        values,
    ).mean()
    if (flags == "").all():
        return float(low), "", np.nan
    if (flags == "below").all():
        return float(high), "below", np.nan
    return (float(low), "between", float(high)) if high < np.inf else (float(low), "above", np.nan)


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

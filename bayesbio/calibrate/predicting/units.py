"""Units of the variables of a posterior."""

from __future__ import annotations

from collections.abc import Mapping

from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.data import Campaign
from bayesbio.data import quantity as known_quantity
from bayesbio.errors import DataError
from bayesbio.inference import Noise
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.schedule.dynamic_events import names_in


def posterior_units(
    model: ProcessModel,
    campaign: Campaign,
    noise: Mapping[str, Noise],
    structure: ParameterStructure,
) -> dict[str, str]:
    """Give the unit of every variable of a posterior; spreads of positive ones have none."""
    units = dict(model.units)
    events = names_in(event for run in campaign for event in run.events)
    known = {"time": "h", **units}
    found = {name: known.get(of, "1") for name, of in events.items()} | units
    for name in kernels(model).trace.names:
        found.setdefault(name, units.get(name.removeprefix("initial_"), "1"))
    for name, levels in structure.vary.items():
        unit = found.get(name, "1")
        for level in levels:
            found[f"{name}_by_{level}"] = unit
            found[f"{name}_sd_{level}"] = "1" if structure.positive[name] else unit
    found |= {f"correlation_{level}": "1" for level in structure.correlated_blocks}
    for measured, each in noise.items():
        source = each.source or measured
        unit = units.get(measured, campaign.units.get(measured, "1"))
        for name, of in each.units(measured, unit).items():
            found[name] = of.replace(f"unit of {source}", units.get(source, "1"))
    return found


def slope_unit(
    name: str,
    term: str,
    units: Mapping[str, str],
    structure: ParameterStructure,
    campaign: Campaign,
) -> str:
    """Give the unit of a slope: per unit of the setting where the term is a bare setting."""
    unit = "1" if structure.positive[name] else units.get(name, "1")
    known = {**campaign.units, **units}
    try:
        per = known[term] if term in known else known_quantity(term).unit
    except DataError:
        per = "1"
    return unit if per == "1" else f"{unit}/({per})" if "/" in per else f"{unit}/{per}"

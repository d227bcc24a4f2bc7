"""The models that ship with bayesbio, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesbio.errors import ModelError, did_you_mean
from bayesbio.mechanistic.corrected_model import CorrectedModel, Correction
from bayesbio.mechanistic.downstream.packed_bed import PackedBed
from bayesbio.mechanistic.kinetics.growth_forms import GROWTH_FORMS
from bayesbio.mechanistic.kinetics.growth_laws import GROWTH_LAWS
from bayesbio.mechanistic.upstream.batch_culture import BatchCulture
from bayesbio.mechanistic.upstream.batch_reactor import BatchReactor
from bayesbio.mechanistic.upstream.fed_batch_culture import FedBatchCulture
from bayesbio.mechanistic.upstream.growth_curve import GrowthCurve
from bayesbio.mechanistic.upstream.mammalian_fed_batch import MammalianFedBatch
from bayesbio.mechanistic.upstream.overflow_fed_batch import OverflowFedBatch
from bayesbio.mechanistic.upstream.perfusion import Perfusion
from bayesbio.mechanistic.upstream.pichia_fed_batch import PichiaFedBatch
from bayesbio.mechanistic.upstream.yarrowia.citrate_on_measured_oil import CitrateOnMeasuredOil
from bayesbio.mechanistic.upstream.yarrowia.citrate_on_oil_supply import CitrateOnOilSupply
from bayesbio.mechanistic.upstream.yarrowia.yarrowia_fed_batch import YarrowiaFedBatch
from bayesbio.mechanistic.upstream.yeast_fed_batch import YeastFedBatch

__all__ = ["LIBRARY", "MODELS", "describe_model", "find_model", "rebuild_model"]

LIBRARY = (
    *(BatchReactor(), BatchReactor(order_1=2), BatchReactor(order_1=1.5)),
    BatchReactor(isothermal=True),
    BatchReactor(isothermal=True, order_1=2, temperature_by_run=True),
    *(CitrateOnMeasuredOil(), CitrateOnOilSupply()),
    *(BatchCulture(growth=law) for law in GROWTH_LAWS),
    BatchCulture(maintenance=True, product=True, product_inhibition="levenspiel"),
    *(FedBatchCulture(growth=law) for law in GROWTH_LAWS),
    FedBatchCulture(maintenance=True, product=True, product_inhibition="hyperbolic"),
    *(MammalianFedBatch(), MammalianFedBatch(feed=False)),
    *(MammalianFedBatch(glutamine=False), MammalianFedBatch(ammonium=False)),
    *(MammalianFedBatch(lactate=False), MammalianFedBatch(titer=False, dead_cells=False)),
    MammalianFedBatch(
        glutamine=False, lactate=False, ammonium=False, titer=False, dead_cells=False, feed=False
    ),
    MammalianFedBatch(glutamine=False, lactate_uptake=True, death="late", lysis=True),
    MammalianFedBatch(glutamine=False, ammonium_uptake=True, death="accumulated", slowing="age"),
    MammalianFedBatch(ammonium=False, death="starvation", slowing="accumulated"),
    MammalianFedBatch(productivity_with_growth=True, lysis=True, ammonium_maintenance=True),
    MammalianFedBatch(temperature=True, ph=True, nutrients=("asparagine", "serine")),
    *(Perfusion(), Perfusion(glutamine=False, leaking=True, sieving=True, lactate_uptake=True)),
    *(OverflowFedBatch(), OverflowFedBatch(gas=True, oxygen_transfer=True, base=True)),
    *(YeastFedBatch(), YeastFedBatch(gas=True)),
    *(PichiaFedBatch(), PichiaFedBatch(titer=False)),
    *(YarrowiaFedBatch(), YarrowiaFedBatch(lipid=False), YarrowiaFedBatch(nitrogen=False)),
    YarrowiaFedBatch(lipid=False, nitrogen=False, base_feed=True),
    *(GrowthCurve(form=form) for form in GROWTH_FORMS),
    PackedBed(elements=2, degree=2),
)
"""
Every library model in each of its forms: the one registration of a model.

A model is listed here once and for all: it is found by name, written to archives, and held to what
every model promises. A process model in `upstream` or `downstream` that is not listed fails a test.
"""

MODELS: Mapping[str, type[Any]] = {type(model).__name__: type(model) for model in LIBRARY}
"""Every library model, by the name of its class."""


def find_model(name: str, **options: Any) -> Any:
    """
    Library model from its name and constructor options.

    Parameters
    ----------
    name : str
        A name in `MODELS`.
    **options
        Constructor options of that model, as `dataclasses.asdict` gives them.

    Returns
    -------
    ProcessModel

    Raises
    ------
    ModelError
        When no model has the name, or the model has no such option.

    Examples
    --------
    >>> find_model("MammalianFedBatch", glutamine=False).glutamine
    False
    >>> find_model("BatchCulture", growth="contois").growth
    TabulatedGrowthLaw(name='contois')
    """
    if name not in MODELS:
        hint = did_you_mean(name.replace("_", ""), MODELS)
        raise ModelError(
            f"There is no model {name!r} in the library; it has {', '.join(MODELS)}.{hint}"
        )
    fields = [field.name for field in dataclasses.fields(MODELS[name]) if field.init]
    for option in options:
        if option not in fields:
            raise ModelError(
                f"{name} has no option {option!r}; it has {', '.join(fields) or 'none'}."
                f"{did_you_mean(option, fields)}"
            )
    return MODELS[name](**options)


def describe_model(model: Any) -> dict[str, Any]:
    """
    Identity of a model as plain data: its name, its options, and its corrections.

    Parameters
    ----------
    model : ProcessModel

    Returns
    -------
    dict
        What `rebuild_model` reads.

    Examples
    --------
    >>> describe_model(BatchReactor(isothermal=True))["name"]
    'BatchReactor'
    """
    if isinstance(model, CorrectedModel):
        corrections = [correction.to_dict() for correction in model.corrections]
        return {**describe_model(model.base), "corrections": corrections}
    description: dict[str, Any] = {"name": type(model).__name__}
    if dataclasses.is_dataclass(model) and not isinstance(model, type):
        description["options"] = dataclasses.asdict(model)
    return description


def rebuild_model(description: Mapping[str, Any]) -> Any:
    """
    Library model, with its corrections, from what `describe_model` gave; nothing is executed.

    Parameters
    ----------
    description : mapping

    Returns
    -------
    ProcessModel

    Raises
    ------
    ModelError
        When the library has no such model or option.

    Examples
    --------
    >>> rebuild_model(describe_model(BatchReactor(isothermal=True))).isothermal
    True
    """
    base = find_model(description["name"], **description.get("options", {}))
    corrections = [Correction(**content) for content in description.get("corrections", ())]
    return CorrectedModel(base, corrections) if corrections else base

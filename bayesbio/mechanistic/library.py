"""The models that ship with bayesbio, by name."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from bayesbio.errors import ModelError
from bayesbio.mechanistic.corrected_model import CorrectedModel, Correction
from bayesbio.mechanistic.upstream.batch_culture import BatchCulture
from bayesbio.mechanistic.upstream.batch_reactor import BatchReactor
from bayesbio.mechanistic.upstream.citrate_on_measured_oil import CitrateOnMeasuredOil
from bayesbio.mechanistic.upstream.citrate_on_oil_supply import CitrateOnOilSupply
from bayesbio.mechanistic.upstream.fed_batch_culture import FedBatchCulture
from bayesbio.mechanistic.upstream.growth_curve import GrowthCurve
from bayesbio.mechanistic.upstream.mammalian_fed_batch import MammalianFedBatch
from bayesbio.mechanistic.upstream.yarrowia_fed_batch import YarrowiaFedBatch

__all__ = ["MODELS", "describe_model", "find_model", "rebuild_model"]

MODELS: Mapping[str, type[Any]] = {
    model.__name__: model
    for model in (
        BatchReactor,
        CitrateOnMeasuredOil,
        CitrateOnOilSupply,
        BatchCulture,
        FedBatchCulture,
        MammalianFedBatch,
        YarrowiaFedBatch,
        GrowthCurve,
    )
}
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
    Contois(name='contois')
    """
    if name not in MODELS:
        lower = {known.lower(): known for known in MODELS}
        near = difflib.get_close_matches(name.lower().replace("_", ""), list(lower), n=1)
        hint = f" Did you mean {lower[near[0]]}?" if near else ""
        raise ModelError(
            f"There is no model {name!r} in the library; it has {', '.join(MODELS)}.{hint}"
        )
    fields = [field.name for field in dataclasses.fields(MODELS[name]) if field.init]
    for option in options:
        if option not in fields:
            near = difflib.get_close_matches(option, fields, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ModelError(
                f"{name} has no option {option!r}; it has {', '.join(fields) or 'none'}.{hint}"
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
    told: dict[str, Any] = {"name": type(model).__name__}
    if dataclasses.is_dataclass(model) and not isinstance(model, type):
        told["options"] = dataclasses.asdict(model)
    return told


def rebuild_model(description: Mapping[str, Any]) -> Any:
    """
    Library model, with its corrections, from what `describe_model` told; nothing is executed.

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

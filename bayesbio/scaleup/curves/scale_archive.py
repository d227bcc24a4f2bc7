"""Scale fits read back from files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.data import Campaign
from bayesbio.errors import BayesbioError, CalibrationError
from bayesbio.mechanistic import find_model
from bayesbio.ode.codegen.cache import kernels
from bayesbio.scaleup.curves.curve_fit import Member
from bayesbio.scaleup.curves.scale_fit import ScaleFit
from bayesbio.scaleup.curves.scale_model import ScaleModel
from bayesbio.scaleup.laws.volume_laws import laws_of


def scale_from_archive(tree: xr.DataTree, content: Mapping[str, Any], model: Any = None) -> Any:
    """
    Rebuild what `ScaleFit.save` wrote; `bayesbio.load` calls it.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : ProcessModel or sequence, optional
        The curve (or curves), where it is not from the library.

    Returns
    -------
    ScaleFit

    Raises
    ------
    CalibrationError
        The curve is unknown, or its equations are not those of the file.

    Examples
    --------
    ``bayesbio.load("scales.nc").predict(100_000.0)`` predicts from a saved fit.
    """
    told = content["model"]
    given = list(model) if isinstance(model, list | tuple) else [model] * len(content["members"])
    curves = []
    for stored, own in zip(content["members"], given, strict=True):
        curve = own
        if curve is None:
            try:
                curve = find_model(stored["curve"]["name"], **stored["curve"].get("options", {}))
            except BayesbioError as error:
                raise CalibrationError(
                    f"The file holds curves of {stored['curve']['name']!r}, which is not in the "
                    "library of models. Give the curve: bayesbio.load(path, model=YourCurve())."
                ) from error
        if kernels(curve).trace.fingerprint != stored["fingerprint"]:
            raise CalibrationError(
                f"The file holds curves of {stored['curve']['name']} whose equations are not those "
                f"of {type(curve).__name__} as it is now. Load it with the curve it was fitted "
                "with, or fit again."
            )
        curves.append(curve)
    scale_model = ScaleModel(
        law=laws_of(told["laws"]),
        curve=tuple(curves),
        covariates=tuple(told["covariates"]),
        weights=told["weights"],
        priors={name: tuple(interval) for name, interval in told["priors"].items()},
        quantity=told["quantity"],
        volume=told["volume"],
    )
    campaign = Campaign.from_dict(content["campaign"])
    members = []
    for number, (problem, stored) in enumerate(
        zip(scale_model.problems(campaign), content["members"], strict=True)
    ):
        own_problem = dataclasses.replace(
            problem,
            centre=np.array(stored["centre"]),
            spread=np.array(stored["spread"]),
            unit_size=np.array(stored["unit_size"]),
        )
        branch = tree[f"member_{number}"]
        groups = {name: node.to_dataset() for name, node in branch.children.items()}
        members.append(
            Member(own_problem, xr.DataTree.from_dict(groups), float(stored["log_evidence"]))
        )
    return ScaleFit(scale_model, tuple(members), int(content["random_seed"]))

"""
Mechanistic Bayesian models of bioprocesses.

Rooms load when they are first touched, so ``import bayesbio`` is quick:

>>> import bayesbio
>>> bayesbio.data.Event(72.0, "bolus", "glucose", 4.0).kind
'bolus'
"""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"

ROOMS = (
    "errors",
    "data",
    "mechanistic",
    "inference",
    "ode",
    "surrogate",
    "baselines",
    "calibrate",
    "hybrid",
    "network",
    "scaleup",
    "titer",
    "monitoring",
    "decide",
    "report",
    "cli",
)

# Module and class of each kind of saved file; a kind that is not one class has a function instead.
KINDS = {
    "calibration": ("bayesbio.calibrate", "calibration_from_archive"),
    "network": ("bayesbio.network", "NetworkPosterior"),
    "hybrid_network": ("bayesbio.network", "HybridNetwork"),
    "joint_titer": ("bayesbio.titer", "JointPosterior"),
    "control_chart": ("bayesbio.monitoring", "ControlChart"),
    "monitor": ("bayesbio.monitoring", "FittedMonitor"),
    "titer": ("bayesbio.titer", "TiterPosterior"),
    "scale": ("bayesbio.scaleup", "scale_from_archive"),
    "gaussian_process": ("bayesbio.surrogate", "GaussianProcessPosterior"),
    "polynomial_chaos": ("bayesbio.surrogate", "PolynomialChaosPosterior"),
    "multi_fidelity": ("bayesbio.scaleup.fidelity.multi_fidelity", "multi_fidelity_from_archive"),
    "equivalence": ("bayesbio.scaleup.qualification.scale_down", "equivalence_from_archive"),
}

__all__ = ["__version__", "load", *ROOMS]


def load(path: str | os.PathLike[str], model: Any = None) -> Any:
    """
    Rebuild what was saved, without sampling and without running anything from the file.

    Parameters
    ----------
    path : path
        A file written by ``.save(path)``.
    model : process model, optional
        The model the posterior belongs to. Needed only when it is not from the library.

    Returns
    -------
    object
        What was saved, such as a `Calibration`.

    Raises
    ------
    CalibrationError
        If the file is missing, truncated, changed, of an unknown kind, or belongs to another model;
        the message says which versions the file was saved with, where they are others.

    Examples
    --------
    ``bayesbio.load("posterior.nc").predict(until=336.0)`` predicts from a saved calibration.
    """
    from bayesbio.errors import BayesbioError, CalibrationError
    from bayesbio.inference.archive.environment import changed_since
    from bayesbio.inference.archive.files import archive_card, read_archive
    from bayesbio.inference.archive.results import result_from_archive

    tree, kind, content = read_archive(path)
    if kind not in KINDS:
        raise CalibrationError(
            f"{os.fspath(path)!r} holds a {kind!r}; this version can load "
            f"{', '.join(sorted(KINDS))}. It was probably saved by a newer bayesbio: update, "
            "then load it again."
        )
    module, name = KINDS[kind]
    rebuilt = getattr(importlib.import_module(module), name)
    try:
        if isinstance(rebuilt, type):
            return result_from_archive(rebuilt, tree, content, model)
        return rebuilt(tree, content, model)
    except BayesbioError as error:
        saved_with = changed_since(archive_card(path)["versions"])
        raise type(error)(f"{error} {saved_with}".rstrip()) from error


def __getattr__(name: str) -> Any:
    """Open a room when it is first touched."""
    if name in ROOMS:
        return importlib.import_module(f"bayesbio.{name}")
    raise AttributeError(f"module 'bayesbio' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the rooms before any of them is open."""
    return sorted({*globals(), *__all__})

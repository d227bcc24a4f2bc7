"""Trajectories meet data: fit, quick look, predictions from the posterior."""

from bayesbio.calibrate.calibration import Calibration, calibration_from_archive
from bayesbio.calibrate.fitting import fit
from bayesbio.calibrate.model import build_model
from bayesbio.calibrate.point_estimates import QuickLook, quick_look

__all__ = [
    "Calibration",
    "QuickLook",
    "build_model",
    "calibration_from_archive",
    "fit",
    "quick_look",
]

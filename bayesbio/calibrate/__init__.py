"""Trajectories meet data: fit, quick look, predictions from the posterior."""

from bayesbio.calibrate.approximating import approximate
from bayesbio.calibrate.calibration import Calibration, calibration_from_archive
from bayesbio.calibrate.checks.comparison import compare
from bayesbio.calibrate.checks.held_out import held_out_scores
from bayesbio.calibrate.checks.identifiability import (
    StructuralIdentifiability,
    structural_identifiability,
)
from bayesbio.calibrate.checks.information import Information, expected_information, learned
from bayesbio.calibrate.checks.leave_group_out import LeftOut, leave_out
from bayesbio.calibrate.checks.prior_predictive import PriorCheck, prior_check
from bayesbio.calibrate.checks.sbc import simulation_based_calibration
from bayesbio.calibrate.choosing.model_choice import ModelChoice, which_model_fits
from bayesbio.calibrate.fitting import fit
from bayesbio.calibrate.model import build_model
from bayesbio.calibrate.point_estimates import QuickLook, quick_look
from bayesbio.calibrate.updating import update

__all__ = [
    "Calibration",
    "Information",
    "LeftOut",
    "ModelChoice",
    "PriorCheck",
    "QuickLook",
    "StructuralIdentifiability",
    "approximate",
    "build_model",
    "calibration_from_archive",
    "compare",
    "expected_information",
    "fit",
    "held_out_scores",
    "learned",
    "leave_out",
    "prior_check",
    "quick_look",
    "simulation_based_calibration",
    "structural_identifiability",
    "update",
    "which_model_fits",
]

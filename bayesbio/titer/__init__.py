"""Titer: what drives it, what the next culture will give, and which run is unusual."""

from bayesbio.titer.coding import Coding
from bayesbio.titer.control_charts import ControlChart, control_chart
from bayesbio.titer.curves import interaction_surface, partial_effect
from bayesbio.titer.drift import parameter_drift
from bayesbio.titer.explanation import explain
from bayesbio.titer.factors import confounding, interactions, key_factors
from bayesbio.titer.fault_scores import area_under_roc, monitoring_scores
from bayesbio.titer.forecasting import titer_forecast
from bayesbio.titer.grouping import Varying
from bayesbio.titer.joint import JointTiter, joint_from_archive
from bayesbio.titer.joint_posterior import JointPosterior
from bayesbio.titer.leaving_out import LeftOutGroups, leave_out
from bayesbio.titer.likelihood import Gaussian, Hurdle, StudentT
from bayesbio.titer.mixtures import Mixture
from bayesbio.titer.monitor_archive import monitor_from_archive
from bayesbio.titer.monitoring import Monitor
from bayesbio.titer.partial_batch import forecast_titer
from bayesbio.titer.posterior import TiterPosterior, titer_from_archive
from bayesbio.titer.regression import TiterModel
from bayesbio.titer.run_score import RunScore
from bayesbio.titer.screening import screened_interactions
from bayesbio.titer.shrinkage import R2D2, Horseshoe
from bayesbio.titer.suggestions import suggest
from bayesbio.titer.terms import (
    Interaction,
    Linear,
    Monotone,
    Nominal,
    Ordered,
    Saturating,
    Square,
    Term,
    second_order,
)
from bayesbio.titer.virtual import VirtualTiter

__all__ = [
    "Coding",
    "ControlChart",
    "Gaussian",
    "Horseshoe",
    "Hurdle",
    "Interaction",
    "JointPosterior",
    "JointTiter",
    "LeftOutGroups",
    "Linear",
    "Mixture",
    "Monitor",
    "Monotone",
    "Nominal",
    "Ordered",
    "R2D2",
    "RunScore",
    "Saturating",
    "Square",
    "StudentT",
    "Term",
    "TiterModel",
    "TiterPosterior",
    "Varying",
    "VirtualTiter",
    "area_under_roc",
    "confounding",
    "control_chart",
    "explain",
    "forecast_titer",
    "interaction_surface",
    "interactions",
    "joint_from_archive",
    "key_factors",
    "leave_out",
    "monitor_from_archive",
    "partial_effect",
    "monitoring_scores",
    "parameter_drift",
    "screened_interactions",
    "second_order",
    "suggest",
    "titer_forecast",
    "titer_from_archive",
]

"""Titer: sparse Bayesian regression on factors, key factors, next experiments, assay bridges."""

from bayesbio.titer.assays.assay_bridge import JointTiter
from bayesbio.titer.assays.joint_posterior import JointPosterior
from bayesbio.titer.end_titer_forecast import forecast_titer
from bayesbio.titer.factors.factor_coding import Coding
from bayesbio.titer.factors.mixtures import Mixture
from bayesbio.titer.factors.screening import screened_interactions
from bayesbio.titer.factors.terms import (
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
from bayesbio.titer.model import TiterModel
from bayesbio.titer.posterior import TiterPosterior
from bayesbio.titer.questions.contributions import explain
from bayesbio.titer.questions.key_factors_table import confounding, interactions, key_factors
from bayesbio.titer.questions.partial_dependence import interaction_surface, partial_effect
from bayesbio.titer.questions.suggestions import suggest
from bayesbio.titer.regression.effect_priors import R2D2, Horseshoe
from bayesbio.titer.regression.group_effects import Varying
from bayesbio.titer.regression.likelihood import Gaussian, Hurdle, StudentT
from bayesbio.titer.validation.held_out_forecaster import titer_forecast
from bayesbio.titer.validation.leave_group_out import LeftOutGroups, leave_out

__all__ = [
    "Coding",
    "Gaussian",
    "Horseshoe",
    "Hurdle",
    "Interaction",
    "JointPosterior",
    "JointTiter",
    "LeftOutGroups",
    "Linear",
    "Mixture",
    "Monotone",
    "Nominal",
    "Ordered",
    "R2D2",
    "Saturating",
    "Square",
    "StudentT",
    "Term",
    "TiterModel",
    "TiterPosterior",
    "Varying",
    "confounding",
    "explain",
    "forecast_titer",
    "interaction_surface",
    "interactions",
    "key_factors",
    "leave_out",
    "partial_effect",
    "screened_interactions",
    "second_order",
    "suggest",
    "titer_forecast",
]

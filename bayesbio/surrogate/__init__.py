"""Models learned from data alone."""

from bayesbio.surrogate.baselines import (
    BASELINES,
    Baseline,
    FittedBaseline,
    GaussianProcess,
    MeanTrajectory,
    PartialLeastSquares,
    RandomForest,
    Ridge,
    baseline_scores,
)
from bayesbio.surrogate.features import RunFeatures
from bayesbio.surrogate.polynomial_chaos import PolynomialChaos
from bayesbio.surrogate.sensitivity import global_sensitivity

__all__ = [
    "BASELINES",
    "Baseline",
    "FittedBaseline",
    "GaussianProcess",
    "MeanTrajectory",
    "PartialLeastSquares",
    "PolynomialChaos",
    "RandomForest",
    "Ridge",
    "RunFeatures",
    "baseline_scores",
    "global_sensitivity",
]

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

__all__ = [
    "BASELINES",
    "Baseline",
    "FittedBaseline",
    "GaussianProcess",
    "MeanTrajectory",
    "PartialLeastSquares",
    "RandomForest",
    "Ridge",
    "RunFeatures",
    "baseline_scores",
]

"""Models learned from data alone."""

from bayesbio.surrogate.alignment import Alignment
from bayesbio.surrogate.baseline_scoring import baseline_scores
from bayesbio.surrogate.baselines import (
    BASELINES,
    Baseline,
    FittedBaseline,
    GaussianProcess,
    MeanTrajectory,
    PartialLeastSquares,
    RandomForest,
    Ridge,
)
from bayesbio.surrogate.emulation import emulate
from bayesbio.surrogate.fault_baselines import FAULT_BASELINES, FaultBaseline, FaultScore
from bayesbio.surrogate.features import RunFeatures
from bayesbio.surrogate.gaussian_process import (
    GaussianProcessPosterior,
    GaussianProcessRegression,
)
from bayesbio.surrogate.polynomial_chaos import PolynomialChaos
from bayesbio.surrogate.sensitivity import global_sensitivity
from bayesbio.surrogate.tabular import (
    TABULAR_BASELINES,
    FittedTabular,
    TabularBaseline,
)
from bayesbio.surrogate.tabular_features import TabularFeatures
from bayesbio.surrogate.tabular_scoring import table_scores, tabular_forecast

__all__ = [
    "BASELINES",
    "FAULT_BASELINES",
    "TABULAR_BASELINES",
    "Alignment",
    "Baseline",
    "FaultBaseline",
    "FaultScore",
    "FittedBaseline",
    "FittedTabular",
    "GaussianProcess",
    "GaussianProcessPosterior",
    "GaussianProcessRegression",
    "MeanTrajectory",
    "PartialLeastSquares",
    "PolynomialChaos",
    "RandomForest",
    "Ridge",
    "RunFeatures",
    "TabularBaseline",
    "TabularFeatures",
    "baseline_scores",
    "emulate",
    "global_sensitivity",
    "table_scores",
    "tabular_forecast",
]

"""Baselines: forecasts from data alone that a mechanistic model has to beat."""

from bayesbio.baselines.course_baselines import (
    BASELINES,
    Baseline,
    FittedBaseline,
    GaussianProcess,
    MeanTrajectory,
    PartialLeastSquares,
    RandomForest,
    Ridge,
)
from bayesbio.baselines.course_features import RunFeatures
from bayesbio.baselines.course_scoring import baseline_scores
from bayesbio.baselines.cross_validation import (
    CrossValidation,
    Forecast,
    cross_validate,
)
from bayesbio.baselines.table_baselines import (
    TABULAR_BASELINES,
    FittedTabular,
    TabularBaseline,
)
from bayesbio.baselines.table_features import TabularFeatures
from bayesbio.baselines.table_scoring import table_scores, tabular_forecast

__all__ = [
    "BASELINES",
    "TABULAR_BASELINES",
    "Baseline",
    "CrossValidation",
    "FittedBaseline",
    "FittedTabular",
    "Forecast",
    "GaussianProcess",
    "MeanTrajectory",
    "PartialLeastSquares",
    "RandomForest",
    "Ridge",
    "RunFeatures",
    "TabularBaseline",
    "TabularFeatures",
    "baseline_scores",
    "cross_validate",
    "table_scores",
    "tabular_forecast",
]

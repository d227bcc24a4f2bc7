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
from bayesbio.baselines.cross_validation import (
    CrossValidation,
    Forecast,
    cross_validate,
)
from bayesbio.baselines.features import RunFeatures, TabularFeatures
from bayesbio.baselines.scoring import baseline_scores, table_scores, tabular_forecast
from bayesbio.baselines.table_baselines import (
    TABULAR_BASELINES,
    FittedTabular,
    TabularBaseline,
)

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

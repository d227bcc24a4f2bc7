"""Tabular baselines: scikit-learn pipelines with jackknife+ intervals, one row per culture."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from bayesbio.baselines.regressors import LatentComponents, Regressor, jackknife_draws
from bayesbio.errors import DataError

MOST_FOLDS = 10  # with more rows or groups than this, several are left out at a time
TUNING_FOLDS = 5
PENALTIES = np.logspace(-3, 3, 25)
MOST_COMPONENTS = 8
MOST_STEPS = 50_000  # of coordinate descent


@dataclasses.dataclass(frozen=True)
class FittedTabular:
    """
    A tabular baseline that has seen its training rows.

    Parameters
    ----------
    members : tuple of (regressor, residuals)
        For each part left out: the regressor that never saw it, and its residuals there.
    columns : int
        How many features a row has.
    """

    members: tuple[tuple[Regressor, np.ndarray], ...]
    columns: int

    def predict(self, features: Any, *, random_seed: int = 0) -> np.ndarray:
        """
        Draw readings for new rows.

        Parameters
        ----------
        features : array, shape (rows, columns)
        random_seed : int
            Same seed, same draws.

        Returns
        -------
        array, shape (1000, rows) [unit of the target]

        Raises
        ------
        DataError
            If the columns are not those it learned from, or a number is missing.
        """
        inputs = _matrix(features)
        if inputs.shape[1] != self.columns:
            raise DataError(
                f"Features with {inputs.shape[1]} columns came; the baseline learned from "
                f"{self.columns}. Give the same columns in the same order."
            )
        return jackknife_draws(
            [(member.predict(inputs), residuals) for member, residuals in self.members],
            size=1.0,
            degrees_of_freedom=max(sum(len(residuals) for _, residuals in self.members) - 1, 3),
            rng=np.random.default_rng(random_seed),
        )


@dataclasses.dataclass(frozen=True)
class TabularBaseline:
    """
    A forecast from a matrix of features, with intervals from rows it did not see.

    Columns are standardised. The tuning constant is chosen once, by leaving out a fifth of the rows
    (or groups) at a time.

    Notes
    -----
    A draw is the prediction of a regressor that did not see a part of the rows, plus one of its
    residuals there (jackknife+): Barber et al. (2021), doi:10.1214/20-AOS1965

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> features = rng.normal(size=(40, 3))
    >>> target = features[:, 0] + 0.1 * rng.normal(size=40)
    >>> fitted = TABULAR_BASELINES["lasso"]().fit(features, target)
    >>> drawn = fitted.predict([[1.0, 0.0, 0.0]])
    >>> drawn.shape, round(float(np.median(drawn)), 1)
    ((1000, 1), 1.0)
    """

    name: ClassVar[str] = "tabular baseline"

    def fit(self, features: Any, target: Any, *, groups: Any = None) -> FittedTabular:
        """
        Learn a target from features.

        Parameters
        ----------
        features : array, shape (rows, columns)
        target : array, shape (rows,)
        groups : array, shape (rows,), optional
            Rows of one group (scale, clone, round) are left out together, in tuning and for the
            residuals: the intervals are then those of a new group.

        Returns
        -------
        FittedTabular

        Raises
        ------
        DataError
            If shapes do not fit, a number is missing, or there are not three rows (groups).
        """
        from sklearn import config_context
        from sklearn.base import clone
        from sklearn.model_selection import GridSearchCV, PredefinedSplit
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        inputs, values = _matrix(features), np.asarray(target, dtype=float)
        if values.shape != (len(inputs),) or not np.isfinite(values).all():
            raise DataError(
                f"A target of shape {values.shape} came with features of shape {inputs.shape}; "
                "expected one finite number per row. Drop rows without a reading."
            )
        # Rows are dealt to the parts in a fixed random order, so that the order of a design or of
        # a campaign does not decide who is left out with whom.
        rng = np.random.default_rng(0)
        number = len(values)
        group = rng.permutation(number) if groups is None else _numbered(groups, number)
        parts = int(group.max()) + 1 if number else 0
        if parts < 3:
            raise DataError(
                f"The baseline {self.name!r} needs three {'rows' if groups is None else 'groups'} "
                f"or more; {parts} came."
            )
        # These matrices are small: threads would wait for each other, and checks take longest.
        with (
            threadpool_limits(1),
            config_context(assume_finite=True, skip_parameter_validation=True),
        ):
            model, grid = self._pipeline(), self._grid(inputs, values)
            if grid:
                split = PredefinedSplit(group % TUNING_FOLDS)
                search = GridSearchCV(
                    model, grid, scoring="neg_mean_squared_error", cv=split, refit=False
                )
                model.set_params(**search.fit(inputs, values).best_params_)
            members = []
            for part in range(min(MOST_FOLDS, parts)):
                out = group % MOST_FOLDS == part
                member = clone(model).fit(inputs[~out], values[~out])
                members.append((member, values[out] - member.predict(inputs[out])))
        return FittedTabular(tuple(members), inputs.shape[1])

    def _pipeline(self) -> Any:
        """Make the unfitted pipeline."""
        raise NotImplementedError

    def _grid(self, inputs: np.ndarray, target: np.ndarray) -> Any:
        """Give tuning constants to choose from, the simplest model first."""
        return {}


@dataclasses.dataclass(frozen=True)
class TabularLasso(TabularBaseline):
    """Lasso on the features. Tibshirani (1996), doi:10.1111/j.2517-6161.1996.tb02080.x."""

    name: ClassVar[str] = "lasso"
    products: ClassVar[bool] = False
    mixing: ClassVar[tuple[float, ...]] = (1.0,)

    def _pipeline(self) -> Any:
        from sklearn.linear_model import ElasticNet as Penalised
        from sklearn.pipeline import make_pipeline

        return make_pipeline(*self._columns(), Penalised(max_iter=MOST_STEPS))

    def _columns(self) -> list[Any]:
        """Give the steps from features to standardised columns."""
        from sklearn.preprocessing import PolynomialFeatures, StandardScaler

        if not self.products:
            return [StandardScaler()]
        return [StandardScaler(), PolynomialFeatures(include_bias=False), StandardScaler()]

    def _grid(self, inputs: np.ndarray, target: np.ndarray) -> Any:
        from sklearn.pipeline import make_pipeline

        columns = make_pipeline(*self._columns()).fit_transform(inputs)
        largest = np.abs(columns.T @ (target - target.mean())).max(initial=0.0) / len(target)
        penalties = np.logspace(0.0, -3.0, 30) * (largest or 1.0)
        return [
            {"elasticnet__alpha": penalties / mixing, "elasticnet__l1_ratio": [mixing]}
            for mixing in self.mixing
        ]


@dataclasses.dataclass(frozen=True)
class LassoWithInteractions(TabularLasso):
    """Lasso on the features, their squares and products."""

    name: ClassVar[str] = "lasso with interactions"
    products: ClassVar[bool] = True


@dataclasses.dataclass(frozen=True)
class ElasticNet(TabularLasso):
    """Elastic net. Zou and Hastie (2005), doi:10.1111/j.1467-9868.2005.00503.x."""

    name: ClassVar[str] = "elastic net"
    mixing: ClassVar[tuple[float, ...]] = (0.9, 0.5, 0.2)


@dataclasses.dataclass(frozen=True)
class TabularRidge(TabularBaseline):
    """Ridge regression. Hoerl and Kennard (1970), doi:10.1080/00401706.1970.10488634."""

    name: ClassVar[str] = "ridge"

    def _pipeline(self) -> Any:
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), Ridge())

    def _grid(self, inputs: np.ndarray, target: np.ndarray) -> Any:
        return {"ridge__alpha": PENALTIES[::-1]}


@dataclasses.dataclass(frozen=True)
class TabularPartialLeastSquares(TabularBaseline):
    """Partial least squares. Wold et al. (2001), doi:10.1016/S0169-7439(01)00155-1."""

    name: ClassVar[str] = "partial least squares"

    def _pipeline(self) -> Any:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LatentComponents())

    def _grid(self, inputs: np.ndarray, target: np.ndarray) -> Any:
        most = min(MOST_COMPONENTS, max(inputs.shape[1], 1))
        return {"latentcomponents__components": np.arange(1, most + 1)}


@dataclasses.dataclass(frozen=True)
class TabularRandomForest(TabularBaseline):
    """Random forest of 100 trees. Breiman (2001), doi:10.1023/A:1010933404324."""

    name: ClassVar[str] = "random forest"

    def _pipeline(self) -> Any:
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(
            n_estimators=100, min_samples_leaf=2, max_features=0.5, random_state=0
        )


@dataclasses.dataclass(frozen=True)
class GradientBoosting(TabularBaseline):
    """Gradient boosting of 200 shallow trees. Friedman (2001), doi:10.1214/aos/1013203451."""

    name: ClassVar[str] = "gradient boosting"

    def _pipeline(self) -> Any:
        from sklearn.ensemble import GradientBoostingRegressor

        return GradientBoostingRegressor(
            n_estimators=200, learning_rate=0.05, max_depth=3, subsample=0.7, random_state=0
        )


TABULAR_BASELINES: Mapping[str, type[TabularBaseline]] = MappingProxyType(
    {
        model.name: model
        for model in (
            TabularLasso,
            LassoWithInteractions,
            ElasticNet,
            TabularRidge,
            TabularPartialLeastSquares,
            TabularRandomForest,
            GradientBoosting,
        )
    }
)


def _matrix(features: Any) -> np.ndarray:
    """Check a matrix of features."""
    inputs = np.asarray(features, dtype=float)
    if inputs.ndim != 2 or not np.isfinite(inputs).all():
        raise DataError(
            f"Features of shape {inputs.shape} came"
            f"{'' if inputs.ndim != 2 else ' with missing numbers'}; expected finite numbers of "
            "shape (rows, columns). TabularFeatures makes them from a Table."
        )
    return inputs


def _numbered(groups: Any, rows: int) -> np.ndarray:
    """Give each row the number of its group, in order of appearance."""
    given = pd.Series(list(groups))
    if len(given) != rows or given.isna().any():
        raise DataError(
            f"{given.notna().sum()} rows have a group, of {rows}; expected a group for every row."
        )
    return pd.factorize(given)[0]

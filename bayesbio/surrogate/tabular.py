"""What data alone would predict for one row per culture: the forecasts a titer model must beat."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.inference.scores import score_table
from bayesbio.inference.splitting import TableFold, table_folds
from bayesbio.surrogate.regressors import LatentComponents as Components
from bayesbio.surrogate.regressors import Regressor, jackknife_draws

MOST_FOLDS = 10  # with more rows or groups than this, several are left out at a time
TUNING_FOLDS = 5
PENALTIES = np.logspace(-3, 3, 25)
MOST_COMPONENTS = 8
MOST_STEPS = 50_000  # of coordinate descent
SCALES = ("natural", "log")

Forecaster = Callable[[Table, Table], Any]


@dataclasses.dataclass(frozen=True)
class TabularFeatures:
    """
    Numbers that stand for the factors of a table: as they are, or one indicator per level.

    Parameters
    ----------
    factors : tuple of str
        Which columns.
    levels : mapping of factor to tuple of str
        Of those that are names; a level that was not there before has no indicator.
    means : mapping of factor to float
        What stands for a missing number.

    Examples
    --------
    >>> from bayesbio.data import TableColumn
    >>> columns = [TableColumn("clone", "factor", levels=("A", "B")), TableColumn("ph", "factor")]
    >>> table = Table(pd.DataFrame({"clone": ["A", "B"], "ph": [6.8, np.nan]}), columns)
    >>> TabularFeatures.of_table(table).of(table).tolist()
    [[1.0, 0.0, 6.8], [0.0, 1.0, 6.8]]
    """

    factors: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    means: Mapping[str, float]

    @classmethod
    def of_table(cls, table: Table, factors: Iterable[str] | None = None) -> TabularFeatures:
        """Learn levels and means from the rows of a table; by default of all its factors."""
        chosen = table.factors if factors is None else tuple(factors)
        levels, means = {}, {}
        for name in chosen:
            column = table.column(name)
            if column.is_number:
                values = table[name][np.isfinite(table[name])]
                means[name] = float(values.mean()) if values.size else 0.0
            else:
                levels[name] = column.levels
        return cls(chosen, levels, means)

    def of(self, table: Table) -> np.ndarray:
        """Give the features of the rows of a table, shape (rows, features)."""
        blocks = []
        for name in self.factors:
            values = table[name]
            if name in self.levels:
                blocks.append(np.array([values == level for level in self.levels[name]]).T)
            else:
                blocks.append(np.where(np.isfinite(values), values, self.means[name])[:, None])
        return np.hstack(blocks).astype(float) if blocks else np.zeros((len(table), 0))


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
            [(member.predict(inputs), own) for member, own in self.members],
            size=1.0,
            degrees_of_freedom=max(sum(len(own) for _, own in self.members) - 1, 3),
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
        # Comes with scikit-learn.
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
        with threadpool_limits(1):  # these matrices are small: threads would wait for each other
            make = self._maker(inputs, values, group % TUNING_FOLDS)
            members = []
            for place in range(min(MOST_FOLDS, parts)):
                out = group % MOST_FOLDS == place
                member = _Centred(make()).fit(inputs[~out], values[~out])
                members.append((member, values[out] - member.predict(inputs[out])))
        return FittedTabular(tuple(members), inputs.shape[1])

    def _maker(
        self, inputs: np.ndarray, target: np.ndarray, part: np.ndarray
    ) -> Callable[[], Regressor]:
        """Tune on all rows; return what makes an unfitted regressor of standardised columns."""
        candidates = self._candidates(_Centred(_Mean()).fit(inputs, target).scaled(inputs), target)
        if len(candidates) == 1:
            return candidates[0]
        errors = np.zeros(len(candidates))
        for place in np.unique(part):
            out = part == place
            for number, make in enumerate(candidates):
                fitted = _Centred(make()).fit(inputs[~out], target[~out])
                errors[number] += np.sum((fitted.predict(inputs[out]) - target[out]) ** 2)
        return candidates[int(np.argmin(errors))]

    def _candidates(self, inputs: np.ndarray, target: np.ndarray) -> list[Callable[[], Regressor]]:
        """Give regressors to choose from, the simplest first."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class TabularLasso(TabularBaseline):
    """Lasso on the features. Tibshirani (1996), doi:10.1111/j.2517-6161.1996.tb02080.x."""

    name: ClassVar[str] = "lasso"
    products: ClassVar[bool] = False
    mixing: ClassVar[tuple[float, ...]] = (1.0,)

    def _candidates(self, inputs: np.ndarray, target: np.ndarray) -> list[Callable[[], Regressor]]:
        columns = _Products(_Mean()).expanded(inputs) if self.products else inputs
        largest = np.abs(columns.T @ (target - target.mean())).max(initial=0.0) / len(target)
        shares = np.logspace(0.0, -3.0, 30) * (largest or 1.0)
        return [
            _penalised(penalty / mixing, mixing, self.products)
            for mixing in self.mixing
            for penalty in shares
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

    def _candidates(self, inputs: np.ndarray, target: np.ndarray) -> list[Callable[[], Regressor]]:
        from sklearn.linear_model import Ridge

        return [partial(Ridge, alpha=penalty) for penalty in PENALTIES[::-1]]


@dataclasses.dataclass(frozen=True)
class TabularPartialLeastSquares(TabularBaseline):
    """Partial least squares. Wold et al. (2001), doi:10.1016/S0169-7439(01)00155-1."""

    name: ClassVar[str] = "partial least squares"

    def _candidates(self, inputs: np.ndarray, target: np.ndarray) -> list[Callable[[], Regressor]]:
        most = min(MOST_COMPONENTS, max(inputs.shape[1], 1))
        return [partial(Components, number) for number in range(1, most + 1)]


@dataclasses.dataclass(frozen=True)
class TabularRandomForest(TabularBaseline):
    """Random forest of 100 trees. Breiman (2001), doi:10.1023/A:1010933404324."""

    name: ClassVar[str] = "random forest"

    def _candidates(self, inputs: np.ndarray, target: np.ndarray) -> list[Callable[[], Regressor]]:
        from sklearn.ensemble import RandomForestRegressor

        return [
            lambda: RandomForestRegressor(
                n_estimators=100, min_samples_leaf=2, max_features=0.5, random_state=0
            )
        ]


@dataclasses.dataclass(frozen=True)
class GradientBoosting(TabularBaseline):
    """Gradient boosting of 200 shallow trees. Friedman (2001), doi:10.1214/aos/1013203451."""

    name: ClassVar[str] = "gradient boosting"

    def _candidates(self, inputs: np.ndarray, target: np.ndarray) -> list[Callable[[], Regressor]]:
        from sklearn.ensemble import GradientBoostingRegressor

        return [
            lambda: GradientBoostingRegressor(
                n_estimators=200, learning_rate=0.05, max_depth=3, subsample=0.7, random_state=0
            )
        ]


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


def tabular_forecast(
    name: str,
    *,
    response: str,
    factors: Iterable[str] | None = None,
    group: str | None = None,
    scale: str = "natural",
    random_seed: int = 0,
) -> Forecaster:
    """
    Make a forecaster of a table's response from a baseline.

    Parameters
    ----------
    name : str
        From `TABULAR_BASELINES`.
    response : str
        What to predict.
    factors : iterable of str, optional
        From what; by default all factors of the table.
    group : str, optional
        Column whose rows are left out together for the residuals; the interval of a new group.
    scale : {"natural", "log"}
        Whether the response or its logarithm is learned; draws come back in the response's unit.
    random_seed : int

    Returns
    -------
    callable
        ``forecast(train, test)`` draws the readings of the rows of `test`, shape (1000, rows).

    Raises
    ------
    DataError
        If the baseline or scale is unknown, or (when called) a reading has no logarithm.

    Notes
    -----
    A reading below its limit is replaced by half the limit, one between limits by their middle, as
    these methods have no other way; rows without a reading or excluded ones are left out.

    Examples
    --------
    ``table_scores(table, "titer", {"lasso": tabular_forecast("lasso", response="titer")})``
    """
    if name not in TABULAR_BASELINES:
        raise DataError(
            f"There is no baseline {name!r}; choose among "
            f"{', '.join(map(repr, TABULAR_BASELINES))}."
        )
    if scale not in SCALES:
        raise DataError(f"The scale is {scale!r}; expected 'natural' or 'log'.")
    chosen = None if factors is None else tuple(factors)

    def forecast(train: Table, test: Table) -> np.ndarray:
        values, flag = train[response], train.flag(response)
        values = np.where(flag == "below", 0.5 * values, values)
        values = np.where(flag == "between", 0.5 * (values + train.upper(response)), values)
        kept = np.isfinite(values) & (flag != "excluded")
        if scale == "log" and (values[kept] <= 0.0).any():
            raise DataError(
                f"{int((values[kept] <= 0.0).sum())} readings of {response!r} are zero or less and "
                "have no logarithm. Flag them 'below' with the detection limit as value, or use "
                "scale='natural'."
            )
        train, values = train.select(kept), values[kept]
        features = TabularFeatures.of_table(train, chosen)
        fitted = TABULAR_BASELINES[name]().fit(
            features.of(train),
            np.log(values) if scale == "log" else values,
            groups=None if group is None else train[group],
        )
        draws = fitted.predict(features.of(test), random_seed=random_seed)
        return np.exp(draws) if scale == "log" else draws

    return forecast


def table_scores(
    table: Table,
    response: str,
    forecasters: Mapping[str, Forecaster],
    *,
    folds: Iterable[TableFold] | None = None,
) -> pd.DataFrame:
    """
    Score forecasters of a table's response on the same held-out rows.

    Parameters
    ----------
    table : Table
    response : str
        What is predicted.
    forecasters : mapping of name to callable
        ``forecast(train, test)`` gives draws, shape (draws, rows of test) [unit of the response].
    folds : iterable of TableFold, optional
        What is held out; by default ten random parts, see `table_folds`.

    Returns
    -------
    DataFrame
        Columns model, quantity, run (name of the fold), readings, crps, rmse, coverage_90,
        width_90, interval_score_90; see `score_table`, and `pool_scores` for the total. Only
        readings within their limits are scored.

    Examples
    --------
    >>> from bayesbio.data import TableColumn
    >>> frame = pd.DataFrame({"feed": [1.0, 2.0, 3.0, 4.0], "titer": [1.0, 2.1, 2.9, 4.0]})
    >>> table = Table(frame, [TableColumn("feed", "factor"), TableColumn("titer", "response")])
    >>> same = lambda train, test: test["feed"][None, :]
    >>> scores = table_scores(table, "titer", {"same": same}, folds=table_folds(table, number=2))
    >>> scores["readings"].tolist()
    [2, 2]
    """
    lines = []
    for fold in table_folds(table) if folds is None else folds:
        rows = pd.DataFrame(
            {
                "run": fold.name,
                "quantity": response,
                "value": fold.test[response],
                "flag": fold.test.flag(response),
            }
        )
        rows.loc[rows["value"].isna(), "flag"] = "excluded"
        for name, forecast in forecasters.items():
            scored = score_table(forecast(fold.train, fold.test), rows)
            lines.append(scored.assign(model=name))
    scores = pd.concat(lines, ignore_index=True)
    return scores[["model", *scores.columns.drop("model")]]


class _Mean:
    """The mean, whatever the features."""

    def fit(self, features: np.ndarray, target: np.ndarray) -> _Mean:
        self.level = target.mean()
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.full(len(features), self.level)


class _Centred:
    """A regressor of standardised columns; constant ones tell nothing."""

    def __init__(self, regressor: Regressor) -> None:
        self.regressor = regressor

    def scaled(self, features: np.ndarray) -> np.ndarray:
        return (features - self.centre) / self.spread

    def fit(self, features: np.ndarray, target: np.ndarray) -> _Centred:
        self.centre, self.spread = features.mean(axis=0), features.std(axis=0)
        self.spread[self.spread <= 1e-12 * np.abs(self.centre)] = np.inf
        self.regressor.fit(self.scaled(features), target)
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        return self.regressor.predict(self.scaled(features))


class _Products:
    """A regressor of the columns, their squares and products."""

    def __init__(self, regressor: Regressor) -> None:
        self.inner = _Centred(regressor)

    def expanded(self, features: np.ndarray) -> np.ndarray:
        one, other = np.triu_indices(features.shape[1])
        return np.hstack([features, features[:, one] * features[:, other]])

    def fit(self, features: np.ndarray, target: np.ndarray) -> _Products:
        self.inner.fit(self.expanded(features), target)
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        return self.inner.predict(self.expanded(features))


def _penalised(penalty: float, mixing: float, products: bool) -> Callable[[], Regressor]:
    """Make what makes a lasso or elastic net."""
    from sklearn.linear_model import ElasticNet as Penalised

    def make() -> Regressor:
        inner = Penalised(alpha=penalty, l1_ratio=mixing, max_iter=MOST_STEPS)
        return _Products(inner) if products else inner

    return make


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

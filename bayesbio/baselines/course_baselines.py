"""What data alone would predict: the forecasts that a mechanism has to beat."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from scipy import optimize

from bayesbio.baselines.features import RunFeatures
from bayesbio.baselines.regressors import (
    LatentComponents,
    LocalSize,
    MeanCourse,
    OnSplines,
    Process,
    Regressor,
    jackknife_draws,
    standardised,
)
from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run
from bayesbio.errors import DataError

MOST_FOLDS = 10  # with more runs than this, several are left out at a time
MOST_COMPONENTS = 6
HUGE = 1e4  # length scale that takes a column out of a kernel, in its standard deviations
TUNING_ROWS = 160  # readings, evenly picked, on which the Gaussian process is tuned
LEAST_PENALTY = 1e-2
PENALTIES = LEAST_PENALTY * np.logspace(0, 6, 13)


@dataclasses.dataclass(frozen=True)
class FittedBaseline:
    """
    A baseline that has seen its training runs.

    Parameters
    ----------
    quantity : str
        What it predicts.
    features : RunFeatures
        Features of a run.
    members : tuple of (regressor, residuals)
        For each run or group of runs left out: the regressor that never saw it, and its residuals
        there, divided by the local size of residuals.
    size : callable
        Local size of residuals at given times [h].
    lowest : float
        No reading is below it: zero if no training reading was.
    """

    quantity: str
    features: RunFeatures
    members: tuple[tuple[Regressor, np.ndarray], ...]
    size: Callable[[np.ndarray], np.ndarray]
    lowest: float

    def predict(self, run: Run, times: Any, *, random_seed: int = 0) -> np.ndarray:
        """
        Draw the readings of a run at some times.

        Parameters
        ----------
        run : Run
            Its settings, events, profiles and first readings are used, later readings are not.
        times : array, shape (times,) [h]
            When.
        random_seed : int
            Same seed, same draws.

        Returns
        -------
        array, shape (1000, times) [house unit of the quantity]
            Draws for each time; they are not curves, each time stands for itself.
        """
        times = np.asarray(times, dtype=float)
        rng = np.random.default_rng(random_seed)
        inputs = np.column_stack([times, self.features.of(run, times)])
        draws = jackknife_draws(
            [(member.predict(inputs), residuals) for member, residuals in self.members],
            size=self.size(times),
            degrees_of_freedom=max(len(self.members) - 1, 3),
            rng=rng,
        )
        return np.maximum(draws, self.lowest)


@dataclasses.dataclass(frozen=True)
class Baseline:
    """
    A forecast from data alone, with intervals from runs it did not see.

    The regressors get time, settings, first readings, amounts fed so far, and each control's
    present value and integral so far. Their tuning constants are chosen once, on the training runs.

    Notes
    -----
    Intervals follow the jackknife+ with whole runs left out: a draw is the prediction of a
    regressor that did not see one run, plus one of its residuals in that run. Barber et al. (2021),
    doi:10.1214/20-AOS1965; with whole runs as the exchangeable units, Dunn et al. (2023),
    doi:10.1080/01621459.2022.2060112. Residuals are divided by their mean absolute size around that
    time, so that early and late readings share them. Only quantified readings are used.

    Examples
    --------
    >>> import pandas as pd
    >>> times = np.arange(0.0, 60.0, 12.0)
    >>> runs = [
    ...     Run(f"R{n}", pd.DataFrame({"time_h": times, "quantity": "titer", "value": n * times}))
    ...     for n in (1, 2, 3)
    ... ]
    >>> fitted = MeanTrajectory().fit(Campaign(runs), "titer")
    >>> fitted.predict(Run("R4"), [24.0, 48.0]).shape
    (1000, 2)
    """

    name: ClassVar[str] = "baseline"

    def fit(self, campaign: Campaign, quantity: str) -> FittedBaseline:
        """
        Learn one quantity from the runs of a campaign.

        Parameters
        ----------
        campaign : Campaign
            At least two runs in which the quantity was measured and quantified.
        quantity : str
            What to predict.

        Returns
        -------
        FittedBaseline

        Raises
        ------
        DataError
            If fewer than two runs have a quantified reading.
        """
        # Comes with scikit-learn.
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        frame = campaign.to_frame()
        frame = frame[(frame["quantity"] == quantity) & (frame["flag"] == "")]
        names = [name for name in campaign.names if name in set(frame["run"])]
        if len(names) < 2:
            raise DataError(
                f"The baseline {self.name!r} needs {quantity!r} quantified in at least two runs, "
                f"but {len(names)} of {len(campaign)} have it; measured were "
                f"{', '.join(campaign.quantities) or 'nothing'}."
            )
        known = campaign.select(names)
        features = RunFeatures.from_campaign(known)
        time = frame["time_h"].to_numpy(float, copy=True)
        target = frame["value"].to_numpy(float, copy=True)
        run = np.array([names.index(name) for name in frame["run"]])
        inputs = np.empty((len(frame), 1 + len(features.columns)))
        for number, name in enumerate(names):
            rows = run == number
            inputs[rows] = np.column_stack([time[rows], features.of(known[name], time[rows])])
        left_out, predicted = [], np.empty(len(target))
        group = run % min(MOST_FOLDS, len(names))
        with threadpool_limits(1):  # these matrices are small: threads would wait for each other
            make = self._maker(inputs, target, run)
            for part in np.unique(group):
                rows = group == part
                member = make(run[~rows]).fit(inputs[~rows], target[~rows])
                predicted[rows] = member.predict(inputs[rows])
                left_out.append((member, rows))
        residuals = target - predicted
        size = LocalSize(time, np.abs(residuals))
        return FittedBaseline(
            quantity=quantity,
            features=features,
            members=tuple((member, (residuals / size(time))[rows]) for member, rows in left_out),
            size=size,
            lowest=0.0 if target.min() >= 0 else -np.inf,
        )

    def _maker(
        self, inputs: np.ndarray, target: np.ndarray, run: np.ndarray
    ) -> Callable[[np.ndarray], Regressor]:
        """Tune on all rows; return what makes an unfitted regressor for rows of given runs."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class MeanTrajectory(Baseline):
    """
    Mean course of the training runs, whatever the run.

    Each run is interpolated between its readings; the mean at a time is over the runs that lasted
    that long.
    """

    name: ClassVar[str] = "mean trajectory"

    def _maker(
        self, inputs: np.ndarray, target: np.ndarray, run: np.ndarray
    ) -> Callable[[np.ndarray], Regressor]:
        return MeanCourse


@dataclasses.dataclass(frozen=True)
class Ridge(Baseline):
    """
    Ridge regression on splines of time, the features, and features times time.

    The penalty is chosen by leaving out runs. It leaves the splines alone, so that features that
    tell nothing leave a smooth mean course. Hoerl and Kennard (1970),
    doi:10.1080/00401706.1970.10488634
    """

    name: ClassVar[str] = "ridge"

    def _maker(
        self, inputs: np.ndarray, target: np.ndarray, run: np.ndarray
    ) -> Callable[[np.ndarray], Regressor]:
        from sklearn.linear_model import Ridge as Penalised

        def make(penalty: float) -> Regressor:
            weight = np.sqrt(LEAST_PENALTY / penalty)
            return OnSplines(inputs[:, 0], Penalised(alpha=LEAST_PENALTY), weight=weight)

        return _tuned(inputs, target, run, [partial(make, penalty) for penalty in PENALTIES])


@dataclasses.dataclass(frozen=True)
class PartialLeastSquares(Baseline):
    """
    Partial least squares on splines of time, the features, and features times time.

    The number of components is chosen by leaving out runs. Wold et al. (2001),
    doi:10.1016/S0169-7439(01)00155-1
    """

    name: ClassVar[str] = "partial least squares"

    def _maker(
        self, inputs: np.ndarray, target: np.ndarray, run: np.ndarray
    ) -> Callable[[np.ndarray], Regressor]:
        def make(components: int) -> Regressor:
            return OnSplines(inputs[:, 0], LatentComponents(components))

        numbers = range(1, MOST_COMPONENTS + 1)
        return _tuned(inputs, target, run, [partial(make, number) for number in numbers])


@dataclasses.dataclass(frozen=True)
class RandomForest(Baseline):
    """
    Random forest on time and the features: 60 trees, three readings to a leaf at least.

    Breiman (2001), doi:10.1023/A:1010933404324
    """

    name: ClassVar[str] = "random forest"

    def _maker(
        self, inputs: np.ndarray, target: np.ndarray, run: np.ndarray
    ) -> Callable[[np.ndarray], Regressor]:
        from sklearn.ensemble import RandomForestRegressor

        return lambda _: RandomForestRegressor(
            n_estimators=60, min_samples_leaf=3, max_features=0.7, random_state=0
        )


@dataclasses.dataclass(frozen=True)
class GaussianProcess(Baseline):
    """
    Gaussian process over time and the features, plus one of time alone for each run.

    The second part keeps the features from explaining what merely differs from run to run. Length
    scales, amplitudes and noise are set to the mode of their posterior under weak lognormal priors.
    Rasmussen and Williams (2006), chapter 5, ISBN 026218253X
    """

    name: ClassVar[str] = "Gaussian process"

    def _maker(
        self, inputs: np.ndarray, target: np.ndarray, run: np.ndarray
    ) -> Callable[[np.ndarray], Regressor]:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

        # Columns are time, features, run. A huge length scale takes a column out of a part, a tiny
        # one confines the part to one run; both stay fixed.
        features = inputs.shape[1] - 1
        shared = np.array([1.0, *np.full(features, 4.0), HUGE])
        of_a_run = np.array([1.0, *np.full(features, HUGE), 1.0 / HUGE])
        kernel = (
            ConstantKernel(1.0) * RBF(shared)
            + ConstantKernel(0.1) * RBF(of_a_run)
            + WhiteKernel(0.01)
        )
        start = kernel.theta
        free = np.abs(start) < np.log(HUGE)
        thin = slice(None, None, 1 + len(target) // TUNING_ROWS)
        level, scale = target.mean(), target.std() or 1.0
        process = GaussianProcessRegressor(kernel, optimizer=None).fit(
            np.column_stack([standardised(inputs, inputs), run])[thin],
            (target[thin] - level) / scale,
        )

        def negative_log_posterior(some: np.ndarray) -> tuple[float, np.ndarray]:
            theta = start.copy()
            theta[free] = some
            value, slope = process.log_marginal_likelihood(theta, eval_gradient=True)
            away = some - start[free]
            return 0.5 * float(away @ away) - value, away - slope[free]

        optimum = optimize.minimize(
            negative_log_posterior,
            start[free],
            jac=True,
            method="L-BFGS-B",
            bounds=[(centre - 6.0, centre + 6.0) for centre in start[free]],
            options={"maxiter": 30},
        )
        best = start.copy()
        best[free] = optimum.x
        tuned = GaussianProcessRegressor(
            kernel.clone_with_theta(best), optimizer=None, normalize_y=True
        )
        return partial(Process, tuned)


BASELINES: Mapping[str, type[Baseline]] = MappingProxyType(
    {
        model.name: model
        for model in (MeanTrajectory, Ridge, PartialLeastSquares, RandomForest, GaussianProcess)
    }
)


def _tuned(
    inputs: np.ndarray,
    target: np.ndarray,
    run: np.ndarray,
    makers: list[Callable[[], Regressor]],
) -> Callable[[np.ndarray], Regressor]:
    """Choose the maker whose regressors predict left-out runs best."""
    group = run % min(5, run.max() + 1)
    errors = np.zeros(len(makers))
    for part in np.unique(group):
        rows = group == part
        for candidate, make in enumerate(makers):
            fitted = make().fit(inputs[~rows], target[~rows])
            errors[candidate] += np.sum((fitted.predict(inputs[rows]) - target[rows]) ** 2)
    best = makers[int(np.argmin(errors))]
    return lambda _: best()

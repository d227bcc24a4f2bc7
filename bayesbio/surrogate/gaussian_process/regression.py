"""Gaussian process regression with every hyperparameter integrated over."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import CalibrationError
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.archive.results import result_hash, save_result
from bayesbio.inference.diagnostics.draws import summary_table
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.diagnostics.verdict import Verdict
from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.surrogate.gaussian_process.conditioning import (
    GaussianProcessDraws,
    draw_function,
    thinned,
)
from bayesbio.surrogate.gaussian_process.hyperparameters import (
    HyperparameterPosterior,
    find_modes,
    sample_hyperparameters,
)
from bayesbio.surrogate.gaussian_process.inputs import (
    NoiseModel,
    OutcomeTransform,
    as_outcomes,
    check_duplicates,
)
from bayesbio.surrogate.gaussian_process.kernels import (
    FAMILIES,
    Covariance,
    Linear,
    StationaryKernel,
)
from bayesbio.surrogate.gaussian_process.tables import (
    hash_of,
    hyperparameters,
    judge,
    left_out_draws,
    posterior_tree,
)
from bayesbio.surrogate.points import Domain, as_points, check_choice, prediction_of

LINKS = ("auto", "identity", "log")
LOG_NEEDS = 2.0  # nats by which a log link has to be more plausible, to be taken
PREDICTIVE_DRAWS = 600
ENOUGH_Q2 = 0.9


def first_covariance(inputs: int, family: str) -> Covariance:
    """Constant, linear trend and a smooth function of all inputs."""
    columns = tuple(range(inputs))
    return Covariance(
        (StationaryKernel("function", columns, family), Linear("trend", columns)),
        np.concatenate([[1.0], np.zeros(inputs)]),
    )


@dataclasses.dataclass(frozen=True)
class GaussianProcessRegression:
    """
    Gaussian process regression: a smooth function of a few inputs, learned from readings.

    link(y) = constant + trend + function(x) + noise; the function is a Gaussian process with one
    length scale per input (automatic relevance determination). All hyperparameters are sampled from
    their posterior, so that few readings give wide intervals.

    Parameters
    ----------
    family : {"smooth", "squared_exponential", "matern52"}
        Kernel of the function. "smooth" is the squared exponential plus a Matern part whose size is
        learned: the squared exponential alone is overconfident for functions that are not analytic.
    link : {"auto", "identity", "log"}
        Link function after which the function is smooth and the noise even. "auto" takes the log
        where all outcomes are positive and the log is clearly more plausible.

    Notes
    -----
    Rasmussen and Williams (2006), ISBN 026218253X; the function and the trend are integrated out in
    closed form, the hyperparameters by the no-U-turn sampler from several modes.

    Examples
    --------
    >>> temperature = np.linspace(300.0, 320.0, 7)
    >>> growth = 0.3 * np.exp(-((temperature - 311.0) / 6.0) ** 2)
    >>> fitted = GaussianProcessRegression(link="identity").fit(
    ...     {"temperature": temperature}, growth, noise=0.002, draws=50, tune=100, chains=1,
    ...     random_seed=1, unit="1/h")
    >>> prediction = fitted.predict({"temperature": [309.0, 330.0]})
    >>> prediction["outcome"].dims, prediction["outcome"].attrs["units"]
    (('chain', 'draw', 'point'), '1/h')
    >>> round(float(prediction["outcome"][..., 0].mean()), 2), prediction["outside"].values
    (0.27, array([False,  True]))
    """

    family: str = "smooth"
    link: str = "auto"

    def __post_init__(self) -> None:
        check_choice("family", self.family, FAMILIES)
        check_choice("link", self.link, LINKS)

    @thread_policy()
    def fit(
        self,
        inputs: Any,
        outcome: Any,
        *,
        noise: Any = "estimate",
        domain: Mapping[str, Any] | None = None,
        draws: int = 500,
        tune: int = 300,
        chains: int = 4,
        random_seed: int = 0,
        unit: str = "1",
    ) -> GaussianProcessPosterior:
        """
        Sample the hyperparameters from their posterior.

        Parameters
        ----------
        inputs : DataFrame, mapping of str to array, or array of shape (readings, inputs)
            Where it was measured.
        outcome : array of shape (readings,)
            What was measured.
        noise : "estimate", "varying", float or array of shape (readings,)
            Standard deviation of the noise, in the unit of the outcome: estimated; estimated and
            log-linear in the inputs; known (0 for a deterministic simulator); known per reading.
        domain : mapping of str to (low, high), optional
            Where the function may be asked for; the range of the readings by default.
        draws, tune, chains, random_seed : int
            Of the sampler.
        unit : str
            Unit of the outcome.

        Returns
        -------
        GaussianProcessPosterior

        Raises
        ------
        DataError
            If a value is missing, there are fewer than three readings, an input or the outcome
            never varies, or two exact readings are at one point.
        """
        table = as_points(inputs)
        values = as_outcomes(outcome, rows=len(table))
        box = Domain.of(table, domain)
        rows = box.standardised(table)
        noise_model = NoiseModel.of(noise, rows=len(values))
        check_duplicates(rows, noise_model)
        covariance = first_covariance(len(box.names), self.family)
        transform = chosen_transform(
            self.link, covariance, rows, values, noise_model, random_seed=random_seed
        )
        target = HyperparameterPosterior(
            covariance,
            rows,
            transform.forward(values),
            known_noise=transform.noise_variance(noise_model.deviation, values),
            noise_design=noise_model.design(rows, len(box.names)),
            inputs=len(box.names),
        )
        gaussian_process = sample_hyperparameters(
            target, draws=draws, tune=tune, chains=chains, random_seed=random_seed
        )
        return GaussianProcessPosterior(
            model=self,
            gaussian_process=gaussian_process,
            domain=box,
            transform=transform,
            data=table.assign(outcome=values),
            unit=unit,
            options={
                **dataclasses.asdict(self),
                "noise": noise if isinstance(noise, str) else np.asarray(noise).tolist(),
                "domain": {
                    name: [float(low), float(high)]
                    for name, low, high in zip(box.names, box.low, box.high, strict=True)
                },
                "draws": draws,
                "tune": tune,
                "chains": chains,
                "random_seed": random_seed,
                "unit": unit,
            },
        )


def chosen_transform(
    link: str,
    covariance: Covariance,
    rows: np.ndarray,
    values: np.ndarray,
    noise_model: NoiseModel,
    *,
    random_seed: int,
) -> OutcomeTransform:
    """Take the link asked for; for "auto" the one whose posterior mode is clearly higher."""
    if link != "auto":
        return OutcomeTransform.of(values, link)
    identity = OutcomeTransform.of(values, "identity")
    if values.min() <= 0:
        return identity
    log = OutcomeTransform.of(values, "log")
    inputs = rows.shape[1]
    heights = [
        find_modes(
            HyperparameterPosterior(
                covariance,
                rows,
                transform.forward(values),
                transform.noise_variance(noise_model.deviation, values),
                noise_model.design(rows, inputs),
                inputs,
            ),
            random_seed=random_seed,
            starts=3,
        )[0][0]
        + transform.log_jacobian(values)
        for transform in (identity, log)
    ]
    return log if heights[1] > heights[0] + LOG_NEEDS else identity


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianProcessPosterior:
    """
    Posterior of a Gaussian process; made by `GaussianProcessRegression.fit`.

    Parameters
    ----------
    model : GaussianProcessRegression
    gaussian_process : GaussianProcessDraws
        Draws of the hyperparameters, inputs and outcomes standardised.
    domain : Domain
    transform : OutcomeTransform
    data : DataFrame
        Inputs, and the column outcome.
    unit : str
        Of the outcome.
    options : mapping
        What was asked for: family, link, noise, domain, draws, tune, chains, random_seed, unit.
    """

    model: GaussianProcessRegression
    gaussian_process: GaussianProcessDraws
    domain: Domain
    transform: OutcomeTransform
    data: pd.DataFrame
    unit: str
    options: Mapping[str, Any]

    __repr__ = short_repr

    @thread_policy()
    def predict(
        self,
        points: Any,
        *,
        noise: bool = True,
        joint: bool = False,
        outside: str = "flag",
        random_seed: int = 0,
    ) -> xr.Dataset:
        """
        Predict new readings, or the function, at points.

        Parameters
        ----------
        points : DataFrame, mapping or array of shape (points, inputs)
        noise : bool
            Predict readings rather than the function; the noise must have been estimated, or known
            as one number.
        joint : bool
            Draw curves, dependent between points; else each point stands for itself.
        outside : {"flag", "refuse"}
            What to do beyond the domain: mark it in `outside`, or raise.
        random_seed : int
            Same seed, same draws.

        Returns
        -------
        Dataset
            `outcome` (chain, draw, point) and `outside` (point); at most 600 draws in all.

        Raises
        ------
        ModelError
            If a point is outside and `outside` is "refuse", or the noise of a new reading is not
            known.
        """
        table = as_points(points, names=self.domain.names)
        beyond = self.domain.outside(table, outside=outside)
        rows = self.domain.standardised(table)
        rng = np.random.default_rng((random_seed, 3))
        chosen = thinned(self.gaussian_process, PREDICTIVE_DRAWS)
        values = np.empty((chosen.size, len(rows)))
        for i, draw in enumerate(map(int, chosen.ravel())):
            values[i] = draw_function(self.gaussian_process, draw, rows, joint=joint, rng=rng)
            if noise:
                deviation = self.gaussian_process.new_noise(draw, rows)
                values[i] += deviation * rng.standard_normal(len(rows))
        outcome = self.transform.backward(values).reshape(*chosen.shape, len(rows))
        return prediction_of(outcome, outside=beyond, unit=self.unit)

    @cached_property
    def posterior(self) -> xr.DataTree:
        """Hyperparameters in the units of data, and sampler statistics, for ArviZ."""
        variables = hyperparameters(
            self.gaussian_process, domain=self.domain, transform=self.transform, unit=self.unit
        )
        return posterior_tree(variables, [self.gaussian_process], inputs=self.domain.names)

    def summary(self) -> pd.DataFrame:
        """Hyperparameters, one row a number: see `bayesbio.inference` `summary_table`."""
        return summary_table(self.posterior, verdict=self.check())

    @cached_property
    def _left_out(self) -> np.ndarray:
        return left_out_draws(self.gaussian_process, random_seed=self.random_seed)

    def check(self) -> Verdict:
        """Check convergence, and the leave-one-out predictions of the readings."""
        return judge(self.posterior, {"": (self._left_out, self.gaussian_process.values)})

    def require(self) -> Self:
        """Return this posterior if its verdict passed; a `CalibrationError` otherwise."""
        if not (verdict := self.check()).passed:
            raise CalibrationError(f"The Gaussian process did not pass its checks.\n{verdict}")
        return self

    @cached_property
    def leave_one_out_q2(self) -> float:
        """1 - (squared leave-one-out error) / (that of the mean), in the unit of the outcome."""
        predicted = np.median(self.transform.backward(self._left_out), axis=0)
        values = self.data["outcome"].to_numpy()
        n = len(values)
        of_the_mean = np.sum((values - values.mean()) ** 2) * (n / (n - 1)) ** 2
        return float(1.0 - np.sum((values - predicted) ** 2) / of_the_mean)

    @property
    def warnings(self) -> list[str]:
        """Sentences on choices made for the user, and on left-out readings predicted badly."""
        sentences = []
        if self.model.link == "auto" and self.transform.link == "log":
            sentences.append(
                "The log link was taken, as more plausible than the identity; link= states it."
            )
        if self.leave_one_out_q2 < ENOUGH_Q2:
            sentences.append(
                f"Left-out readings are predicted with Q2 = {self.leave_one_out_q2:.3f} only "
                f"({len(self.data)} readings of {len(self.domain.names)} inputs). Give more "
                "readings."
            )
        return sentences

    @property
    def random_seed(self) -> int:
        """Seed of the fit."""
        return int(self.options["random_seed"])

    @cached_property
    def data_hash(self) -> str:
        """SHA-256 of inputs and outcomes."""
        return hash_of(" ".join(self.data.columns), self.data.to_numpy())

    @cached_property
    def hash(self) -> str:
        """Content hash of everything that is saved."""
        return result_hash(self)

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        return Evidence(self, "Gaussian process", predict=self.predict)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        return save_result(path, self, kind="gaussian_process")

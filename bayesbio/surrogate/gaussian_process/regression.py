"""Gaussian process regression with every hyperparameter integrated over."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import ModelError
from bayesbio.inference.archive.files import write_archive
from bayesbio.inference.diagnostics.verdict import Verdict
from bayesbio.surrogate.gaussian_process.covariance import FAMILIES, Covariance, Linear, Smooth
from bayesbio.surrogate.gaussian_process.hyperparameter_draws import (
    ProcessDraws,
    log_peak,
    sample_process,
)
from bayesbio.surrogate.gaussian_process.inputs import (
    Domain,
    NoiseBelief,
    OutcomeScale,
    as_outcomes,
    as_points,
    check_duplicates,
    prediction_of,
)
from bayesbio.surrogate.gaussian_process.tables import (
    hash_of,
    hyperparameters,
    judge,
    left_out_draws,
    posterior_tree,
    summary_of,
)

SCALES = ("auto", "identity", "log")
LOG_NEEDS = 2.0  # nats by which a log scale has to be more plausible, to be taken
PREDICTIVE_DRAWS = 600
ENOUGH_Q2 = 0.9


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """ModelError with the choices when a value is none of them."""
    if value not in allowed:
        raise ModelError(f"{name} is {value!r}; it is one of {', '.join(map(repr, allowed))}.")


def first_covariance(inputs: int, family: str) -> Covariance:
    """Constant, linear trend and a smooth function of all inputs."""
    columns = tuple(range(inputs))
    return Covariance(
        (Smooth("function", columns, family), Linear("trend", columns)),
        np.concatenate([[1.0], np.zeros(inputs)]),
    )


@dataclasses.dataclass(frozen=True)
class GaussianProcessRegression:
    """
    A smooth function of a few inputs, learned from readings, with honest intervals.

    y = scale(constant + trend + function(x)) + noise; the function is a Gaussian process with one
    length scale per input (automatic relevance). All hyperparameters are sampled from their
    posterior, so that few readings give wide intervals.

    Parameters
    ----------
    family : {"smooth", "squared_exponential", "matern52"}
        How smooth the function is believed to be. "smooth" is analytic plus a rough part whose
        size is learned: the analytic family alone is overconfident about most real functions.
    scale : {"auto", "identity", "log"}
        Scale on which the function is smooth and the noise even. "auto" takes the log where all
        outcomes are positive and the log is clearly more plausible.

    Notes
    -----
    Rasmussen and Williams (2006), ISBN 026218253X; the function and the trend are integrated out in
    closed form, the hyperparameters by the no-U-turn sampler from several modes.

    Examples
    --------
    >>> temperature = np.linspace(300.0, 320.0, 8)
    >>> growth = 0.3 * np.exp(-((temperature - 311.0) / 6.0) ** 2)
    >>> process = GaussianProcessRegression().fit(
    ...     {"temperature": temperature}, growth, noise=0.002, draws=100, chains=2, random_seed=1)
    >>> prediction = process.predict({"temperature": [309.0]})
    >>> round(float(prediction["mean"][0]), 2)
    0.27
    """

    family: str = "smooth"
    scale: str = "auto"

    def __post_init__(self) -> None:
        check_choice("family", self.family, FAMILIES)
        check_choice("scale", self.scale, SCALES)

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
        random_seed: int,
    ) -> GaussianProcessPosterior:
        """
        Learn the function.

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
        belief = NoiseBelief.of(noise, rows=len(values))
        check_duplicates(rows, belief)
        covariance = first_covariance(len(box.names), self.family)
        scale = chosen_scale(
            self.scale, covariance, rows, values, belief, inputs=len(box.names), seed=random_seed
        )
        process = sample_process(
            covariance,
            rows,
            scale.forward(values),
            known_noise=scale.noise_variance(belief.deviation, values),
            noise_design=belief.design(rows, len(box.names)),
            inputs=len(box.names),
            draws=draws,
            tune=tune,
            chains=chains,
            random_seed=random_seed,
        )
        return GaussianProcessPosterior(
            regression=self,
            process=process,
            domain=box,
            outcome_scale=scale,
            table=table.assign(outcome=values),
            random_seed=random_seed,
        )


def chosen_scale(
    asked: str,
    covariance: Covariance,
    rows: np.ndarray,
    values: np.ndarray,
    belief: NoiseBelief,
    *,
    inputs: int,
    seed: int,
) -> OutcomeScale:
    """Take the scale asked for, or the more plausible one by the height of the posterior's peak."""
    if asked != "auto":
        return OutcomeScale.of(values, asked)
    plain = OutcomeScale.of(values, "identity")
    if values.min() <= 0:
        return plain
    logged = OutcomeScale.of(values, "log")
    peaks = [
        log_peak(
            covariance,
            rows,
            scale.forward(values),
            scale.noise_variance(belief.deviation, values),
            belief.design(rows, inputs),
            inputs=inputs,
            random_seed=seed,
        )
        + scale.log_jacobian(values)
        for scale in (plain, logged)
    ]
    return logged if peaks[1] > peaks[0] + LOG_NEEDS else plain


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianProcessPosterior:
    """
    A Gaussian process that has seen its readings.

    Parameters
    ----------
    regression : GaussianProcessRegression
    process : ProcessDraws
        Draws on standardised scales.
    domain : Domain
    outcome_scale : OutcomeScale
    table : DataFrame
        Inputs, and the column outcome.
    random_seed : int
    """

    regression: GaussianProcessRegression
    process: ProcessDraws
    domain: Domain
    outcome_scale: OutcomeScale
    table: pd.DataFrame
    random_seed: int

    def predict(
        self,
        points: Any,
        *,
        probability: float = 0.9,
        noise: bool = False,
        joint: bool = False,
        outside: str = "flag",
        random_seed: int = 0,
    ) -> xr.Dataset:
        """
        Predict the function, or a new reading, at points.

        Parameters
        ----------
        points : DataFrame, mapping or array of shape (points, inputs)
        probability : float
            Of the central interval.
        noise : bool
            Predict readings instead of the function; the noise must have been estimated, or known
            as one number.
        joint : bool
            Draw curves, dependent between points; else each point stands for itself.
        outside : {"flag", "refuse"}
            What to do beyond the domain: mark in `inside`, or raise.
        random_seed : int
            Same seed, same draws.

        Returns
        -------
        Dataset
            `outcome` (chain, draw, point), `mean`, `sd`, `interval` (bound, point), `inside`.

        Raises
        ------
        ModelError
            If a point is outside and `outside` is "refuse".
        """
        table = as_points(points, names=self.domain.names)
        inside = self.domain.inside(table, outside=outside)
        rows = self.domain.standardised(table)
        rng = np.random.default_rng((random_seed, 3))
        process = self.process
        chosen = evenly(process, PREDICTIVE_DRAWS)
        scores = np.empty((chosen.size, len(rows)))
        for place, draw in enumerate(chosen.ravel()):
            scores[place] = draw_function(process, int(draw), rows, joint=joint, rng=rng)
            if noise:
                deviation = process.new_noise(int(draw), rows)
                scores[place] += deviation * rng.standard_normal(len(rows))
        outcome = self.outcome_scale.backward(scores).reshape(*chosen.shape, len(rows))
        return prediction_of(outcome, inside=inside, probability=probability)

    @cached_property
    def posterior(self) -> xr.DataTree:
        """Hyperparameters on readable scales, and sampler statistics, for ArviZ."""
        variables = hyperparameters(
            self.process, prefix="", domain=self.domain, scale=self.outcome_scale
        )
        return posterior_tree(variables, [self.process], inputs=self.domain.names)

    def summary(self) -> pd.DataFrame:
        """
        Hyperparameters, one row a number.

        Returns
        -------
        DataFrame
            Columns unit, mean, sd, eti_5, eti_50, eti_95, r_hat, ess_bulk, ess_tail.
        """
        return summary_of(self.posterior)

    @cached_property
    def _left_out(self) -> np.ndarray:
        return left_out_draws(self.process, random_seed=self.random_seed)

    def check(self) -> Verdict:
        """Tell whether the chains may be believed, and how left-out readings were predicted."""
        return judge(self.posterior, {"": (self._left_out, self.process.values)})

    @cached_property
    def leave_one_out_q2(self) -> float:
        """1 - (squared error at left-out readings) / (that of the mean), on the outcome's unit."""
        predicted = np.median(self.outcome_scale.backward(self._left_out), axis=0)
        values = self.table["outcome"].to_numpy()
        n = len(values)
        of_the_mean = np.sum((values - values.mean()) ** 2) * (n / (n - 1)) ** 2
        return float(1.0 - np.sum((values - predicted) ** 2) / of_the_mean)

    @property
    def caution(self) -> str:
        """What to know before trusting the surrogate; empty when there is nothing."""
        if self.leave_one_out_q2 >= ENOUGH_Q2:
            return ""
        return (
            f"The process predicts left-out readings with Q2 = {self.leave_one_out_q2:.3f} only "
            f"({len(self.table)} readings of {len(self.domain.names)} inputs). Give more readings."
        )

    @cached_property
    def data_hash(self) -> str:
        """Fingerprint of inputs and outcomes."""
        return hash_of(" ".join(self.table.columns), self.table.to_numpy())

    @cached_property
    def hash(self) -> str:
        """Fingerprint of the draws."""
        return hash_of(self.data_hash, self.process.parameters, self.process.eta)

    @property
    def noticed(self) -> tuple[str, ...]:
        """What the reader should know of the data and the choices made."""
        said = [f"The outcome is modelled on the {self.outcome_scale.kind} scale."]
        return (*said, self.caution) if self.caution else tuple(said)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        content = {
            "regression": dataclasses.asdict(self.regression),
            "scale": dataclasses.asdict(self.outcome_scale),
            "names": list(self.domain.names),
            "random_seed": self.random_seed,
        }
        box = {"low": ("input", self.domain.low), "high": ("input", self.domain.high)}
        data = {"table": (("reading", "table_column"), self.table.to_numpy(float))}
        tree = xr.DataTree.from_dict(
            {"process": self.process.to_dataset(), "data": xr.Dataset(box | data)}
        )
        write_archive(path, tree, kind="gaussian_process", content=content)
        return Path(path)


def evenly(process: ProcessDraws, most: int) -> np.ndarray:
    """Numbers of evenly spaced draws, shape (chains, draws), at most so many in all."""
    each = process.draws // process.chains
    kept = np.linspace(0, each - 1, min(each, max(most // process.chains, 1))).astype(int)
    return np.arange(process.chains)[:, None] * each + kept


def draw_function(
    process: ProcessDraws,
    draw: int,
    rows: np.ndarray,
    *,
    joint: bool,
    rng: np.random.Generator,
    known_rows: np.ndarray | None = None,
    known_values: np.ndarray | None = None,
) -> np.ndarray:
    """Draw the standardised function at rows, hyperparameters of one draw given."""
    mean, spread = process.condition(
        draw, rows, joint=joint, known_rows=known_rows, known_values=known_values
    )
    normal = rng.standard_normal(len(rows))
    if not joint:
        return mean + np.sqrt(spread) * normal
    values, vectors = np.linalg.eigh(0.5 * (spread + spread.T))
    return mean + vectors @ (np.sqrt(np.maximum(values, 0.0)) * normal)


def gaussian_process_from_archive(
    tree: xr.DataTree, content: Mapping[str, Any], model: Any = None
) -> GaussianProcessPosterior:
    """
    Rebuild what `GaussianProcessPosterior.save` wrote; `bayesbio.load` calls it.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : ignored
        No process model is needed.

    Returns
    -------
    GaussianProcessPosterior
    """
    regression = GaussianProcessRegression(**content["regression"])
    names = list(content["names"])
    data = tree["data"].to_dataset()
    return GaussianProcessPosterior(
        regression=regression,
        process=ProcessDraws.from_dataset(
            tree["process"].to_dataset(), first_covariance(len(names), regression.family)
        ),
        domain=Domain(tuple(names), data["low"].to_numpy(), data["high"].to_numpy()),
        outcome_scale=OutcomeScale(**content["scale"]),
        table=pd.DataFrame(data["table"].to_numpy(), columns=[*names, "outcome"]),
        random_seed=int(content["random_seed"]),
    )

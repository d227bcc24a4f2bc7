"""Multi-fidelity Gaussian process regression: few high-fidelity runs, many low-fidelity ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import DataError
from bayesbio.inference.archive.results import result_from_archive
from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.scaleup.fidelity.fidelity_posterior import MultiFidelityPosterior
from bayesbio.surrogate.gaussian_process.conditioning import Latent, thinned
from bayesbio.surrogate.gaussian_process.hyperparameters import (
    HyperparameterPosterior,
    sample_hyperparameters,
)
from bayesbio.surrogate.gaussian_process.inputs import (
    SAME,
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
from bayesbio.surrogate.gaussian_process.regression import (
    LINKS,
    chosen_transform,
    first_covariance,
)
from bayesbio.surrogate.points import Domain, as_points, check_choice
from bayesbio.surrogate.simulator_runs import run_simulator

METHODS = ("nonlinear", "linear")
LINK = 4.0  # prior variance of the slope along the fidelity below, standardised
MOMENT_DRAWS = 200  # draws over which unknown values of the fidelity below are averaged


@dataclasses.dataclass(frozen=True, eq=False)
class Fidelity:
    """
    Readings of one fidelity: a scale, a model, an assay.

    Parameters
    ----------
    inputs : DataFrame, mapping of str to array, or array of shape (readings, inputs)
    outcome : array of shape (readings,)
    noise : "estimate", "varying", float or array of shape (readings,)
        Standard deviation, as in `GaussianProcessRegression.fit`.
    name : str
        For tables and sentences: "bench", "pilot", ...
    """

    inputs: Any
    outcome: Any
    noise: Any = "estimate"
    name: str = ""


@dataclasses.dataclass(frozen=True)
class MultiFidelity:
    """
    Multi-fidelity Gaussian process: few high-fidelity readings, many low-fidelity ones.

    Each fidelity is a Gaussian process that takes the inputs and the outcome of the fidelity
    below. Every hyperparameter is integrated over, so that ten high-fidelity readings give
    intervals worth ten readings. Designs need not be nested; a reading may be exact, noisy, or
    noisier than others.

    Parameters
    ----------
    method : {"nonlinear", "linear"}
        "nonlinear": y_t(x) = constant + rho y_(t-1)(x) + trend(x) + g_t(x, y_(t-1)(x)), where g
        bends with both. "linear": g_t depends on x alone, with the classical scale factor rho.
    family : {"smooth", "squared_exponential", "matern52"}
        How smooth the functions are, as in `GaussianProcessRegression`.
    link : {"auto", "identity", "log"}
        Scale of all outcomes; "auto" takes the log where everything is positive and the readings of
        the lowest fidelity find it clearly more plausible.

    Notes
    -----
    Linear: Kennedy and O'Hagan (2000), doi:10.1093/biomet/87.1.1. Nonlinear: after Perdikaris et
    al. (2017), doi:10.1098/rspa.2016.0751, with hyperparameters integrated over. Values of the
    fidelity below that were not read exactly are unknowns with that fidelity's posterior, as a
    normal distribution, for prior: the higher readings inform them, not its hyperparameters.

    Examples
    --------
    >>> low, high = np.linspace(0.0, 1.0, 9), np.array([0.0, 0.4, 0.7, 1.0])
    >>> fitted = MultiFidelity(method="linear").fit(
    ...     [(low, np.sin(6.0 * low)), (high, 2.0 * np.sin(6.0 * high) + high)],
    ...     noise=0.0, draws=100, chains=2, random_seed=1)
    >>> prediction = fitted.predict([0.2])
    >>> round(float(prediction["outcome"].mean()), 1)  # the truth is 2.06
    2.1
    """

    method: str = "nonlinear"
    family: str = "smooth"
    link: str = "auto"

    def __post_init__(self) -> None:
        check_choice("method", self.method, METHODS)
        check_choice("family", self.family, FAMILIES)
        check_choice("link", self.link, LINKS)

    @thread_policy()
    def fit(
        self,
        levels: Sequence[Any],
        *,
        noise: Any = "estimate",
        domain: Mapping[str, Any] | None = None,
        draws: int = 500,
        tune: int = 300,
        chains: int = 4,
        random_seed: int,
        unit: str = "1",
    ) -> MultiFidelityPosterior:
        """
        Fit all fidelities, the lowest first.

        Parameters
        ----------
        levels : sequence, the lowest fidelity first
            `Fidelity` objects or pairs (inputs, outcome). The first may be a simulator: a function
            of one array per input by name (or of the table of inputs) that returns one outcome per
            row; it is asked wherever its value is needed.
        noise : as in `Fidelity`, or a list with one entry per pair
            Noise of the levels given as pairs.
        domain : mapping of str to (low, high), optional
            Where the function may be asked for; the range of all readings by default.
        draws, tune, chains, random_seed : int
            Of the sampler.
        unit : str
            Unit of the outcome.

        Returns
        -------
        MultiFidelityPosterior

        Raises
        ------
        DataError
            If there is only one fidelity, the inputs differ, a value is missing, a fidelity has
            fewer than three readings, or two exact readings are at one point.
        """
        simulator, fidelities = _separated(levels, noise)
        tables, names = [], None
        for fidelity in fidelities:
            table = as_points(fidelity.inputs, names=names, what=f"fidelity {fidelity.name!r}")
            names = tuple(table.columns)
            tables.append(table)
        values = [
            as_outcomes(fidelity.outcome, rows=len(table), what=f"fidelity {fidelity.name!r}")
            for fidelity, table in zip(fidelities, tables, strict=True)
        ]
        box = Domain.of(pd.concat(tables, ignore_index=True), domain)
        rows = [box.standardised(table) for table in tables]
        noise_models = []
        for fidelity, own in zip(fidelities, rows, strict=True):
            what = f"fidelity {fidelity.name!r}"
            noise_models.append(NoiseModel.of(fidelity.noise, rows=len(own), what=what))
            check_duplicates(own, noise_models[-1], what=what)
        simulated = None if simulator is None else run_simulator(simulator, tables[0])
        link = self._chosen_link(rows, values, noise_models, simulated, random_seed=random_seed)
        transforms = [OutcomeTransform.of(each, link) for each in values]
        simulator_transform = None
        if simulated is not None:
            if np.all(simulated == simulated[0]):
                raise DataError(
                    f"The simulator answers {simulated[0]:g} at every reading of "
                    f"{fidelities[0].name!r}, so it cannot be related to them. Check that it uses "
                    f"its inputs {', '.join(box.names)}."
                )
            simulator_transform = OutcomeTransform.of(simulated, link)
        fitted = MultiFidelityPosterior(
            model=self,
            names=tuple(fidelity.name for fidelity in fidelities),
            processes=(),
            domain=box,
            transforms=tuple(transforms),
            simulator=simulator,
            simulator_transform=simulator_transform,
            tables=tuple(
                table.assign(outcome=own) for table, own in zip(tables, values, strict=True)
            ),
            random_seed=random_seed,
            unit=unit,
        )
        for level, (own, noise_model, transform) in enumerate(
            zip(rows, noise_models, transforms, strict=True)
        ):
            latent = None
            stacked = own
            if level:
                exact = noise_models[level - 1].exact
                column, latent = _below(fitted, level, own, exact=exact)
                stacked = np.column_stack([own, column])
            elif simulated is not None and simulator_transform is not None:
                stacked = np.column_stack([own, simulator_transform.forward(simulated)])
            target = HyperparameterPosterior(
                _covariance(self, len(box.names), first=level == 0 and simulator is None),
                stacked,
                transform.forward(values[level]),
                known_noise=transform.noise_variance(noise_model.deviation, values[level]),
                noise_design=noise_model.design(own, len(box.names)),
                inputs=len(box.names),
                latent=latent,
            )
            process = sample_hyperparameters(
                target, draws=draws, tune=tune, chains=chains, random_seed=random_seed + level
            )
            fitted = dataclasses.replace(fitted, processes=(*fitted.processes, process))
        return fitted

    def _chosen_link(
        self,
        rows: Sequence[np.ndarray],
        values: Sequence[np.ndarray],
        noise_models: Sequence[NoiseModel],
        simulated: np.ndarray | None,
        *,
        random_seed: int,
    ) -> str:
        """Link of all outcomes."""
        if self.link != "auto":
            return self.link
        everything = [*values, *([] if simulated is None else [simulated])]
        if min(float(each.min()) for each in everything) <= 0:
            return "identity"
        covariance = first_covariance(rows[0].shape[1], self.family)
        return chosen_transform(
            "auto", covariance, rows[0], values[0], noise_models[0], random_seed=random_seed
        ).link


def _separated(
    levels: Sequence[Any], noise: Any
) -> tuple[Callable[..., Any] | None, list[Fidelity]]:
    """Take a simulator off the front, and make fidelities of pairs."""
    given = list(levels)
    simulator = None
    if given and callable(given[0]) and not isinstance(given[0], Fidelity):
        simulator = given.pop(0)
    if len(given) + (simulator is not None) < 2 or not given:
        raise DataError(
            f"{len(given) + (simulator is not None)} fidelity came; at least two are needed, the "
            "lowest first, such as [(low_inputs, low_outcome), (inputs, outcome)] or "
            "[simulator, (inputs, outcome)]. For one alone use "
            "surrogate.GaussianProcessRegression."
        )
    per_level = isinstance(noise, list | tuple)
    if per_level and len(noise) != len(given):
        raise DataError(
            f"noise has {len(noise)} entries for {len(given)} fidelities with readings; give one "
            "for all, or a list with one each."
        )
    found = []
    for place, level in enumerate(given):
        name = f"level {place + 1 + (simulator is not None)}"
        if isinstance(level, Fidelity):
            found.append(level if level.name else dataclasses.replace(level, name=name))
        elif isinstance(level, tuple | list) and len(level) == 2:
            own = noise[place] if per_level else noise
            found.append(Fidelity(level[0], level[1], own, name))
        else:
            raise DataError(
                f"Fidelity {place + 1} is a {type(level).__name__}; expected a pair (inputs, "
                "outcome) or Fidelity(inputs, outcome, noise=...); only the first may be a "
                "function."
            )
    names = [fidelity.name for fidelity in found]
    if len(set(names)) < len(names):
        raise DataError(f"Two fidelities have the same name: {', '.join(names)}.")
    return simulator, found


def _covariance(model: MultiFidelity, inputs: int, *, first: bool) -> Covariance:
    """Prior of one fidelity; the last column of all but the first is the fidelity below."""
    if first:
        return first_covariance(inputs, model.family)
    columns = tuple(range(inputs))
    along = (*columns, inputs) if model.method == "nonlinear" else columns
    return Covariance(
        (StationaryKernel("difference", along, model.family), Linear("trend", columns)),
        np.concatenate([[1.0], np.zeros(inputs), [LINK]]),
    )


def _below(
    fitted: MultiFidelityPosterior, level: int, rows: np.ndarray, *, exact: bool
) -> tuple[np.ndarray, Latent | None]:
    """Value of the fidelity below at each row, and what is uncertain about it."""
    inputs = rows.shape[1]
    process = fitted.processes[level - 1]
    column, found = np.zeros(len(rows)), np.zeros(len(rows), bool)
    if exact:
        for place, row in enumerate(rows):
            near = np.max(np.abs(process.rows[:, :inputs] - row), axis=1) < SAME
            if near.any():
                column[place], found[place] = process.values[np.argmax(near)], True
    unknown = np.flatnonzero(~found)
    if not len(unknown):
        return column, None
    rng = np.random.default_rng((fitted.random_seed, 4, level))
    chosen = thinned(process, MOMENT_DRAWS).ravel()
    means, spreads = [], np.zeros((len(unknown), len(unknown)))
    for draw in chosen:
        mean, spread = fitted.moments(level - 1, int(draw), rows[unknown], rng=rng)
        means.append(mean)
        spreads += spread / len(chosen)
    spreads += np.cov(np.array(means), rowvar=False).reshape(spreads.shape)
    spreads[np.diag_indices(len(unknown))] += 1e-10
    column[unknown] = np.mean(means, axis=0)
    return column, Latent(inputs, unknown, column[unknown], np.linalg.cholesky(spreads))


def multi_fidelity_from_archive(
    tree: xr.DataTree, content: Mapping[str, Any], model: Any = None
) -> MultiFidelityPosterior:
    """
    Rebuild what `MultiFidelityPosterior.save` wrote; `bayesbio.load` calls it.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : callable, optional
        The simulator, where the lowest fidelity is one.
    """
    loaded = result_from_archive(MultiFidelityPosterior, tree, content, model)
    return dataclasses.replace(loaded, model=MultiFidelity(**loaded.model))

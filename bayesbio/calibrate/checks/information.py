"""How much readings say about each parameter: of a plan before it is run, and of data after."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.calibrate.calibration import Calibration
from bayesbio.calibrate.problem.unknowns import default_prior
from bayesbio.data import Campaign
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference import is_positive, prior_quantiles
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode import sensitivities, simulate
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.simulation import setting_of

RELATIVE_ERROR = 0.05  # of an assay about which nothing is said
LITTLE = 1.25  # an interval that shrinks by less has learned little
STRONG = 0.8  # correlation above which two parameters are said to trade off
TIMES = 25


@dataclasses.dataclass(frozen=True)
class Information:
    """
    What readings say about the parameters, beside what was known before.

    Attributes
    ----------
    table : DataFrame
        Indexed by parameter, least informed first: ``prior_sd``, ``posterior_sd`` (of the
        logarithm where the parameter is positive), ``narrowed``, their ratio, and ``contraction``,
        1 - (posterior_sd / prior_sd)^2.
    directions : DataFrame
        Indexed by rank, sloppiest first: ``kept``, the share of the prior width that is left in
        this direction, and one column a parameter with its component.
    helpful : DataFrame
        Indexed by quantity, most helpful first: what reading it as well, or once more, would
        do: ``gain`` [nats of information], and the parameter whose interval would shrink most.
    """

    table: pd.DataFrame
    directions: pd.DataFrame
    helpful: pd.DataFrame

    @property
    def trade_offs(self) -> list[tuple[str, str, float]]:
        """Pairs of parameters with a strong posterior correlation, strongest first."""
        kept, components = self.directions["kept"], self.directions.drop(columns="kept")
        covariance = (components.T * kept.to_numpy() ** 2) @ components
        sd = np.sqrt(np.diag(covariance))
        names = list(components.columns)
        found = [
            (names[i], names[j], float(covariance.iloc[i, j] / (sd[i] * sd[j])))
            for i in range(len(names))
            for j in range(i + 1, len(names))
        ]
        strong = [pair for pair in found if abs(pair[2]) > STRONG]
        return sorted(strong, key=lambda pair: -abs(pair[2]))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in words."""
        little = self.table.index[self.table["narrowed"] < LITTLE]
        told = []
        if len(little):
            told.append(f"The readings say little about {_spoken(little)}: the prior decides.")
        else:
            told.append("The readings narrow every parameter.")
        for first, second, correlation in self.trade_offs[:3]:
            told.append(
                f"{first} and {second} trade off (correlation {correlation:.2f}): the readings "
                f"fix their {'ratio' if correlation > 0 else 'product'} better than either."
            )
        for quantity, row in self.helpful.head(1).iterrows():
            told.append(
                f"Reading {quantity} as well would help most: {row['parameter']} would narrow "
                f"{row['narrowed']:.1f} times further."
            )
        return tuple(told)

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def expected_information(
    design: Campaign,
    model: ProcessModel,
    *,
    times: Mapping[str, Any] | Any = None,
    relative_error: Mapping[str, float] | float = RELATIVE_ERROR,
    priors: Mapping[str, Any] | None = None,
) -> Information:
    """
    Say what a planned campaign would teach, before any of it is run.

    Parameters
    ----------
    design : Campaign
        The runs as planned: settings, profiles, events. Where it holds readings, their times and
        quantities are the plan and their values are not looked at.
    model : ProcessModel
    times : mapping of quantity to array [h], or array, optional
        When which quantity is read in every run, instead of the readings of the design; a bare
        array reads every state and output.
    relative_error : float or mapping of quantity to float [1]
        Standard deviation of a reading, in shares of the largest value of its quantity in a run.
    priors : mapping of name to distribution or number, optional
        As for `fit`; the model's own by default. A number fixes the parameter.

    Returns
    -------
    Information
        By Fisher information at the prior medians, added to that of the priors: a first-order
        answer, exact where the model is linear.

    Raises
    ------
    ModelError
        When nothing would be read, a name is unknown or a start is not given.

    Examples
    --------
    >>> from bayesbio.data import Campaign, Run
    >>> from bayesbio.mechanistic import BatchCulture
    >>> plan = Campaign([Run("R1", settings={"initial_biomass": 0.2, "initial_substrate": 10.0})])
    >>> told = expected_information(plan, BatchCulture(), times={"biomass": [4.0, 8.0, 12.0]})
    >>> print(told)
    The readings say little about cell_yield and substrate_monod_constant: the prior decides.
    Reading substrate as well would help most: cell_yield would narrow 7.6 times further.
    """
    if hasattr(model, "for_campaign"):
        model = model.for_campaign(design)
    traced = kernels(model).trace
    given, beliefs = beliefs_of(design, model, dict(priors or {}))
    names = list(beliefs)
    centre = {name: float(prior_quantiles(beliefs[name], [0.5])[0]) for name in names}
    spread = {name: _prior_sd(beliefs[name]) for name in names}
    plan = plan_of(design, traced.observed_names, times)
    hours = np.unique(np.concatenate([when for reads in plan.values() for when in reads.values()]))
    count = len(names)
    one_sd = np.array([spread[n] * (centre[n] if is_positive(beliefs[n]) else 1.0) for n in names])
    at = {**given, **centre}
    course = simulate(model, parameters=at, campaign=design, times=hours)
    derivatives = sensitivities(model, design, at, by=names, times=hours)
    slopes: dict[str, list[np.ndarray]] = {}
    every = {name: np.asarray(hours) for name in traced.observed_names}
    for run_place, run in enumerate(design.names):
        for quantity in traced.observed_names:
            if quantity not in derivatives:  # along a grid
                continue
            values = course[quantity].isel(chain=0, draw=0, run=run_place).to_numpy()
            share = (
                relative_error.get(quantity, RELATIVE_ERROR)
                if isinstance(relative_error, Mapping)
                else relative_error
            )
            error = share * float(np.nanmax(np.abs(values))) or 1.0
            slope = (derivatives[quantity].isel(run=run_place).to_numpy() * one_sd / error).T
            slopes.setdefault(f"{quantity}|all", []).append(np.nan_to_num(slope))
            reads = plan[run].get(quantity, np.empty(0))
            rows = np.searchsorted(every[quantity], reads)
            slopes.setdefault(quantity, []).append(np.nan_to_num(slope[:, rows]))
    joined = {name: np.hstack(parts).T for name, parts in slopes.items()}
    total = np.eye(count)
    for quantity in traced.observed_names:
        if quantity in joined:
            total = total + joined[quantity].T @ joined[quantity]
    covariance = np.linalg.inv(total)
    candidates = {
        name: joined[f"{name}|all"] for name in traced.observed_names if f"{name}|all" in joined
    }
    return _information(names, np.array([spread[n] for n in names]), covariance, candidates)


def learned(calibration: Calibration, *, relative_error: float = RELATIVE_ERROR) -> Information:
    """
    Say what the data taught, which combinations they left open, and what to read next.

    Parameters
    ----------
    calibration : Calibration
    relative_error : float [1]
        Standard deviation of a further reading, in shares of the largest value of its quantity.

    Returns
    -------
    Information
        Of the parameters with one value (population values where they vary); further readings are
        valued by their covariance with the parameters over the draws, 25 readings a run.

    Raises
    ------
    CalibrationError
        When nothing was estimated.

    Examples
    --------
    ``print(learned(calibration))``
    """
    draws = calibration.draws
    prior = calibration.posterior["prior"].to_dataset()
    names, columns, spread = [], [], []
    for name in calibration.options["priors"]:
        if name not in draws or name not in prior or draws[name].ndim != 2:
            continue
        values, before = draws[name].to_numpy().ravel(), prior[name].to_numpy().ravel()
        if calibration.options["positive"].get(name, True):
            values, before = np.log(values), np.log(before)
        names.append(str(name))
        spread.append(float(np.std(before, ddof=1)))
        columns.append((values - values.mean()) / spread[-1])
    if not names:
        raise CalibrationError(
            "Nothing with one value was estimated, so there is nothing to have learned about. "
            "Give a prior to at least one parameter and fit again."
        )
    whitened = np.stack(columns, axis=1)
    covariance = np.atleast_2d(np.cov(whitened.T))
    hours = calibration.campaign.to_frame()["time_h"]
    times = np.linspace(min(0.0, float(hours.min())), float(hours.max()), TIMES)
    course = calibration.predict(times=times, noise=False)
    candidates = {}
    for quantity in course.data_vars:
        table = course[quantity].to_numpy()
        if table.ndim != 4:  # along a grid, or not a course
            continue
        flat = table.reshape(len(whitened), -1)
        error = relative_error * float(np.nanmax(np.abs(np.median(flat, axis=0)))) or 1.0
        effects = np.nan_to_num(flat - flat.mean(axis=0)) / error
        slope, *_ = np.linalg.lstsq(whitened, effects, rcond=None)
        candidates[str(quantity)] = slope.T
    return _information(names, np.array(spread), covariance, candidates)


def beliefs_of(
    design: Campaign, model: ProcessModel, priors: dict[str, Any]
) -> tuple[dict[str, float], dict[str, Any]]:
    """Split what the model needs into numbers and priors."""
    traced = kernels(model).trace
    wrong = [name for name in priors if name not in traced.names]
    if wrong:
        raise ModelError(
            f"prior for {wrong[0]!r}: {type(model).__name__} has no such parameter, setting or "
            f"initial state. It has {', '.join(traced.names)}."
        )
    given: dict[str, float] = {}
    beliefs: dict[str, Any] = {}
    for name in traced.names:
        prior = priors.get(name)
        if isinstance(prior, int | float):
            given[name] = float(prior)
        elif prior is not None:
            beliefs[name] = prior
        elif name in traced.parameters or any(setting_of(run, name) is None for run in design):
            if name in model.defaults:
                beliefs[name] = default_prior(model.defaults[name])
            elif name not in getattr(model, "setting_defaults", {}):
                raise ModelError(
                    f"The plan says nothing of {name} [{model.units.get(name, '1')}]: add it to "
                    f"the settings of the runs, or a prior for it, priors={{{name!r}: between(low, "
                    "high)}."
                )
    return given, beliefs


def plan_of(
    design: Campaign, observed: Iterable[str], times: Any
) -> dict[str, dict[str, np.ndarray]]:
    """When which quantity is read, by run."""
    observed = tuple(observed)
    plan: dict[str, dict[str, np.ndarray]] = {}
    for run in design:
        if times is None:
            rows = run.measurements
            reads = {
                str(name): np.sort(part["time_h"].to_numpy(float, copy=True))
                for name, part in rows.groupby("quantity")
                if name in observed
            }
        elif isinstance(times, Mapping):
            wrong = [name for name in times if name not in observed]
            if wrong:
                raise ModelError(
                    f"times for {wrong[0]!r}: it is no state or output of the model, which has "
                    f"{', '.join(observed)}."
                )
            reads = {name: np.sort(np.asarray(when, float)) for name, when in times.items()}
        else:
            reads = dict.fromkeys(observed, np.sort(np.asarray(times, float)))
        plan[run.name] = reads
    if not any(len(when) for reads in plan.values() for when in reads.values()):
        raise ModelError(
            "The plan reads nothing: give times={'biomass': [0.0, 12.0, 24.0]} in hours, or a "
            "campaign with readings."
        )
    return plan


def _prior_sd(prior: Any) -> float:
    """Give the standard deviation of a prior, of its logarithm where it is positive."""
    low, high = prior_quantiles(prior, [0.15865525393145707, 0.8413447460685429])
    return float(np.log(high / low) / 2 if is_positive(prior) else (high - low) / 2)


def _information(
    names: list[str],
    spread: np.ndarray,
    covariance: np.ndarray,
    candidates: Mapping[str, np.ndarray],
) -> Information:
    """Summarise a covariance in prior standard deviations, and value further readings by it."""
    sd = np.sqrt(np.diag(covariance))
    table = pd.DataFrame(
        {
            "prior_sd": spread,
            "posterior_sd": spread * sd,
            "narrowed": 1.0 / sd,
            "contraction": 1.0 - sd**2,
        },
        index=pd.Index(names, name="parameter"),
    ).sort_values("narrowed", kind="stable")
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(values)[::-1]
    directions = pd.DataFrame(vectors[:, order].T, columns=names)
    directions.insert(0, "kept", np.sqrt(np.maximum(values[order], 0.0)))
    rows = {}
    for quantity, slope in candidates.items():
        precision = np.linalg.inv(covariance) + slope.T @ slope
        after = np.sqrt(np.diag(np.linalg.inv(precision)))
        gain = 0.5 * (np.linalg.slogdet(precision)[1] + np.linalg.slogdet(covariance)[1])
        best = int(np.argmax(sd / after))
        rows[quantity] = {
            "gain": float(gain),
            "parameter": names[best],
            "narrowed": float(sd[best] / after[best]),
        }
    helpful = pd.DataFrame.from_dict(
        rows, orient="index", columns=["gain", "parameter", "narrowed"]
    )
    helpful = helpful.rename_axis("quantity").sort_values("gain", ascending=False, kind="stable")
    return Information(table, directions.rename_axis("direction"), helpful)


def _spoken(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else str(last)

"""The most probable parameters of a model without compiling it, and its error on runs left out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import norm, t

from bayesbio.data import Campaign, Run
from bayesbio.data.vocabulary import quantities as vocabulary
from bayesbio.errors import ModelError
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode.codegen.trace import trace
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.simulation import setting_of
from bayesbio.ode.vectorised import VectorisedRuns

FLOOR = 0.05  # of the largest reading: a reading below it is no more precise than it
LEAST_NOISE, MOST_NOISE = 0.5, 3.0  # times what an assay usually has; more would hide a misfit
USUAL_NOISE = 0.05  # where the vocabulary does not know
START_SPREAD = 0.3  # sd of the logarithm of a start about the first reading
UNKNOWN_START = 1.5  # the same where the first reading is zero
STIR = 1e-4  # of an unknown, for finite differences
DRAWS = 24  # of the prior, from which the search starts
DAMPING = (1e-3, 1e-1, 1.0, 10.0, 1e3)
FREE = 5.0  # a damping below which a step goes where it wants to
ENOUGH = 2e-4  # nat a reading by which two steps have to improve the fit
FREEDOM = 4.0  # of the t distribution that scores readings left out: one slip decides nothing


@dataclasses.dataclass(frozen=True, eq=False)
class Readings:
    """What is compared with a solution: place among the saves, value, weight, and of which run."""

    save: np.ndarray
    column: np.ndarray
    value: np.ndarray
    below: np.ndarray
    weight: np.ndarray
    quantity: np.ndarray
    run: np.ndarray
    time: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class QuickFit:
    """
    Most probable parameters, found in seconds without compiling the model.

    Attributes
    ----------
    values : dict of str to float
        Parameters that all runs share.
    unknowns : int
        How many numbers were estimated, starts of runs included.
    objective : float
        Negative log posterior density up to a constant, noise at its best [nat].
    noise : dict of quantity to relative scatter of its readings about the fit
    point : array
        Where the search ended.
    """

    values: dict[str, float]
    unknowns: int
    objective: float
    noise: dict[str, float]
    point: np.ndarray


class QuickProblem:
    """
    A campaign and a model as a problem of weighted least squares with priors.

    Parameters
    ----------
    campaign : Campaign
    model : ProcessModel

    Raises
    ------
    ModelError
        When something that the model needs is nowhere given.
    """

    def __init__(self, campaign: Campaign, model: ProcessModel) -> None:
        self.model = model
        self.traced = traced = trace(model)
        self.runs = list(campaign)
        plans = [Plan(run.name, _times(run), run.profiles, run.events) for run in self.runs]
        self.solver = VectorisedRuns(traced, plans)
        frame = campaign.to_frame()
        self.readings = _readings(frame, plans, self.traced)
        self.quantities = tuple(dict.fromkeys(self.readings.quantity.tolist()))
        self.fixed = np.zeros((len(self.runs), len(traced.names)))
        self.shared: list[tuple[int, float, float, bool]] = []  # place, centre, spread, logarithm
        self.starts: list[tuple[int, np.ndarray, np.ndarray]] = []  # place, centre, spread by run
        for place, name in enumerate(traced.names):
            self._place(place, name, frame)
        count = len(self.shared) + len(self.starts) * len(self.runs)
        self.origin = np.zeros(count)

    def _place(self, place: int, name: str, frame: pd.DataFrame) -> None:
        """Decide for one name: fixed by the runs, shared by all, or a start of each run."""
        model, traced = self.model, self.traced
        interval = model.defaults.get(name)
        if name not in traced.parameters:
            default = getattr(model, "setting_defaults", {}).get(name)
            given = [setting_of(run, name) for run in self.runs]
            given = [default if value is None else value for value in given]
            if all(value is not None for value in given):
                self.fixed[:, place] = np.array(given, float)
                return
            state = name.removeprefix("initial_")
            rows = frame[(frame["quantity"] == state) & (frame["flag"] != "excluded")]
            if name.startswith("initial_") and len(rows):
                self.starts.append((place, *_first_readings(rows, self.runs)))
                return
        if interval is None:
            raise ModelError(f"{type(model).__name__} needs {name}, which nothing gives.")
        low, high = interval.low, interval.high
        width = 2.0 * float(norm.ppf(0.5 + interval.probability / 2.0))
        known: tuple[float, float, bool]
        if low > 0:
            known = (math.log(low * high) / 2.0, math.log(high / low) / width, True)
        elif low == 0:
            known = (math.log(high / 3.0), 1.0, True)
        else:
            known = ((low + high) / 2.0, (high - low) / width, False)
        self.shared.append((place, *known))

    def theta(self, points: np.ndarray) -> np.ndarray:
        """Values of every name, in every run, of standardised points (points, unknowns)."""
        found = np.repeat(self.fixed[None], len(points), axis=0)
        for number, (place, centre, spread, logarithm) in enumerate(self.shared):
            value = centre + spread * points[:, number, None]
            found[:, :, place] = np.exp(value) if logarithm else value
        first, runs = len(self.shared), len(self.runs)
        for number, (place, centres, spreads) in enumerate(self.starts):
            mine = points[:, first + number * runs : first + (number + 1) * runs]
            found[:, :, place] = centres * np.exp(spreads * mine)
        return found

    def predicted(self, points: np.ndarray, *, near: bool = False) -> np.ndarray:
        """Predict every reading at each of several points (points, readings)."""
        stored = self.solver.solve(self.theta(points), near=near)
        return stored[:, self.readings.save, self.readings.column]

    def errors(self, points: np.ndarray, *, near: bool = False) -> np.ndarray:
        """Weighted errors of the readings (points, readings); none where a censored one is met."""
        rows = self.readings
        found = (rows.value - self.predicted(points, near=near)) / rows.weight
        return np.where(rows.below & (found > 0), 0.0, found)

    def noise(self, errors: np.ndarray, used: np.ndarray) -> dict[str, float]:
        """Scatter of each quantity about a fit, no less than its assay has."""
        found = {}
        for name in self.quantities:
            mine = used & (self.readings.quantity == name)
            word = vocabulary.find(name)
            usual = (word.usual_noise if word is not None else None) or USUAL_NOISE
            spread = np.sqrt(np.mean(errors[mine] ** 2)) if mine.any() else np.inf
            found[name] = float(np.clip(spread, LEAST_NOISE * usual, MOST_NOISE * usual))
        return found

    def objective(self, errors: np.ndarray, point: np.ndarray, used: np.ndarray) -> float:
        """Negative log posterior density, noise at its best."""
        if not np.isfinite(errors[used]).all():
            return np.inf
        noise = self.noise(errors, used)
        sd = np.array([noise[name] for name in self.readings.quantity[used]])
        misfit = np.sum(np.log(sd) + 0.5 * (errors[used] / sd) ** 2)
        return float(misfit + 0.5 * np.sum(point**2))

    def fit(
        self,
        *,
        start: np.ndarray | None = None,
        like: QuickFit | None = None,
        runs: Sequence[str] | None = None,
        steps: int = 40,
        random_seed: int = 0,
    ) -> QuickFit:
        """
        Search for the most probable parameters with Gauss-Newton steps.

        Parameters
        ----------
        start : array, optional
            A point to begin at; otherwise the best of some draws from the prior.
        like : QuickFit, optional
            Of a similar model, whose parameters are a further place to begin at.
        runs : sequence of str, optional
            Runs that are fitted; all by default.
        steps : int
            At most.
        random_seed : int
            Of the draws.
        """
        used = np.ones(len(self.readings.value), bool)
        if runs is not None:
            used = np.isin(self.readings.run, list(runs))
        point = self._begin(used, random_seed, like) if start is None else start.copy()
        errors = self.errors(point[None])[0]
        best = self.objective(errors, point, used)
        last = np.inf
        for _ in range(steps):
            noise = self.noise(errors, used)
            sd = np.array([noise[name] for name in self.readings.quantity])
            slopes = self._slopes(point) / sd[:, None]
            slopes = np.where(used[:, None] & np.isfinite(slopes), slopes, 0.0)
            residual = np.where(used & np.isfinite(errors), errors / sd, 0.0)
            square = slopes.T @ slopes + np.eye(len(point))
            downhill = slopes.T @ residual - point
            scale = np.diag(np.diag(square))
            trials = np.array(
                [point + np.linalg.solve(square + damp * scale, downhill) for damp in DAMPING]
            )
            found = self.errors(trials)
            values = [
                self.objective(each, trial, used) for each, trial in zip(found, trials, strict=True)
            ]
            chosen = int(np.argmin(values))
            gain = best - values[chosen]
            if not gain > 0:
                break
            point, errors, best = trials[chosen], found[chosen], values[chosen]
            if gain + last < ENOUGH * used.sum() and DAMPING[chosen] < FREE:
                break
            last = gain
        theta = self.theta(point[None])[0, 0]
        names = {self.traced.names[place]: float(theta[place]) for place, *_ in self.shared}
        return QuickFit(names, len(point), best, self.noise(errors, used), point)

    def _begin(self, used: np.ndarray, random_seed: int, like: QuickFit | None) -> np.ndarray:
        """Choose the best of some draws of the shared parameters, or what a similar model had."""
        if like is not None:
            point = np.zeros(len(self.origin))
            for number, (place, centre, spread, logarithm) in enumerate(self.shared):
                value = like.values.get(self.traced.names[place])
                if value is not None:
                    point[number] = ((np.log(value) if logarithm else value) - centre) / spread
            count = len(self.starts) * len(self.runs)
            if len(like.point) - len(like.values) == count:
                point[len(self.shared) :] = like.point[len(like.values) :]
            if np.isfinite(self.objective(self.errors(point[None])[0], point, used)):
                return point
        points = np.zeros((DRAWS + 1, len(self.origin)))
        drawn = np.random.default_rng(random_seed).standard_normal((DRAWS, len(self.shared)))
        points[1:, : len(self.shared)] = drawn
        values = [
            self.objective(each, point, used)
            for each, point in zip(self.errors(points), points, strict=True)
        ]
        return points[int(np.argmin(values))]

    def _slopes(self, point: np.ndarray) -> np.ndarray:
        """Differentiate the predictions by each unknown: one shared, or the start of one run."""
        shared, runs = len(self.shared), len(self.runs)
        stirred = np.repeat(point[None], 1 + shared + len(self.starts), axis=0)
        for number in range(shared):
            stirred[1 + number, number] += STIR
        for number in range(len(self.starts)):
            first = shared + number * runs
            stirred[1 + shared + number, first : first + runs] += STIR
        found = self.errors(stirred, near=True)
        change = -(found[1:] - found[0]) / STIR  # of predictions, in weights
        slopes = np.zeros((found.shape[1], len(point)))
        slopes[:, :shared] = change[:shared].T
        place = {run.name: number for number, run in enumerate(self.runs)}
        of_run = np.array([place[name] for name in self.readings.run])
        rows = np.arange(len(slopes))
        for number in range(len(self.starts)):
            slopes[rows, shared + number * runs + of_run] = change[shared + number]
        return slopes

    def courses(self, point: np.ndarray, count: int) -> xr.Dataset:
        """
        Solve every run at evenly spaced times.

        Parameters
        ----------
        point : array
            As a `QuickFit` has it.
        count : int
            How many times.

        Returns
        -------
        Dataset
            One chain and one draw: (chain, draw, run, time [h]); nothing after the end of a run.
        """
        last = max(float(plan.times.max()) for plan in self.solver.plans)
        first = min(plan.start for plan in self.solver.plans)
        times = np.linspace(first, last, count)
        plans = [
            dataclasses.replace(plan, times=np.unique(np.append(times[times <= end], end)))
            for plan in self.solver.plans
            for end in [float(plan.times.max())]
        ]
        stored = VectorisedRuns(self.traced, plans).solve(self.theta(point[None]))[0]
        union = np.unique(np.concatenate([plan.times for plan in plans]))
        full = np.full((len(plans), len(union), stored.shape[1]), np.nan)
        place = 0
        for run, plan in enumerate(plans):
            here = np.searchsorted(union, plan.times)
            full[run, here] = stored[place : place + len(plan.times)]
            place += len(plan.times)
        coords = {
            "chain": [0],
            "draw": [0],
            "run": [plan.name for plan in plans],
            "time": ("time", union, {"units": "h"}),
        }
        units = self.model.units
        variables = {
            name: (
                ("chain", "draw", "run", "time"),
                full[None, None, :, :, self.traced.place(name).start],
                {"units": units.get(name, "1")},
            )
            for name in self.traced.observed_names
        }
        return xr.Dataset(variables, coords)

    def left_out(self, fit: QuickFit, folds: Sequence[Sequence[str]]) -> pd.DataFrame:
        """
        Predict runs from the parameters of the others and their own first readings.

        Parameters
        ----------
        fit : QuickFit
            Of all runs, where the searches begin.
        folds : sequence of sequence of run names
            Left out together.

        Returns
        -------
        DataFrame
            One row a reading after the first of its run: run, quantity, time_h, error (relative)
            and score (log density, nat).
        """
        parts = []
        for fold in folds:
            others = [run.name for run in self.runs if run.name not in fold]
            found = self.fit(start=fit.point, runs=others, steps=6)
            point = found.point.copy()
            point[len(self.shared) :] = 0.0  # the first reading is all that is known of a start
            errors = self.errors(point[None])[0]
            rows = self.readings
            after = np.isin(rows.run, list(fold)) & (
                rows.time > _first_times(rows)[rows.run].values
            )
            sd = np.array([found.noise[name] for name in rows.quantity[after]])
            error = np.nan_to_num(errors[after], nan=10.0)
            scored = t.logpdf(error / sd, FREEDOM) - np.log(sd)
            parts.append(
                pd.DataFrame(
                    {
                        "run": rows.run[after],
                        "quantity": rows.quantity[after],
                        "time_h": rows.time[after],
                        "error": error,
                        "score": scored,
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)


def _first_times(rows: Readings) -> pd.Series:
    """Time of the first reading of each run."""
    return pd.Series(rows.time).groupby(rows.run).min()


def _times(run: Run) -> np.ndarray:
    times = run.times()
    return np.asarray(times, float) if len(times) else np.array([0.0])


def _readings(frame: pd.DataFrame, plans: Sequence[Plan], traced: Any) -> Readings:
    """Take the readings of what the model has, with their place in its solution."""
    known = frame["quantity"].isin(traced.observed_names) & frame["flag"].isin(["", "below"])
    frame = frame[known].reset_index(drop=True)
    first, place = {}, 0
    for plan in plans:
        first[plan.name] = (place, plan.times)
        place += len(plan.times)
    save = [
        first[run][0] + int(np.searchsorted(first[run][1], time))
        for run, time in zip(frame["run"], frame["time_h"], strict=True)
    ]
    largest = frame.groupby("quantity")["value"].transform(lambda part: part.abs().max())
    weight = frame["value"].abs() + FLOOR * largest
    return Readings(
        np.array(save, int),
        np.array([traced.place(name).start for name in frame["quantity"]], int),
        frame["value"].to_numpy(float),
        (frame["flag"] == "below").to_numpy(bool),
        np.maximum(weight.to_numpy(float), 1e-12),
        frame["quantity"].to_numpy(str),
        frame["run"].to_numpy(str),
        frame["time_h"].to_numpy(float),
    )


def _first_readings(rows: pd.DataFrame, runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray]:
    """Centre and spread (of the logarithm) of the start of each run."""
    first = rows.sort_values("time_h", kind="stable").groupby("run")["value"].first()
    largest = float(rows["value"].abs().max()) or 1.0
    usual = float(first[first > 0].median()) if (first > 0).any() else 0.01 * largest
    values = np.array([float(first.get(run.name, usual)) for run in runs])
    clear = values > 0.002 * largest
    centre = np.where(clear, values, 0.01 * largest)
    return centre, np.where(clear, START_SPREAD, UNKNOWN_START)

"""Posterior prediction: the runs of a campaign, changed runs, or runs yet to come."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate.predicting.extrapolation import outside_studied
from bayesbio.calibrate.predicting.noise_draws import add_noise, noise_parameters
from bayesbio.calibrate.predicting.run_parameters import is_known, run_parameters, unstated_starts
from bayesbio.calibrate.predicting.units import posterior_units, slope_unit
from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.calibrate.requests import PredictionRequest, Tolerances
from bayesbio.data import Campaign, Run
from bayesbio.errors import ModelError
from bayesbio.inference import Noise, draw_shared
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode import simulate
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.schedule.dynamic_events import names_in
from bayesbio.ode.simulation import setting_of, value_names

POINTS = 101  # times of a prediction until some hour


@dataclasses.dataclass(frozen=True, eq=False)
class Predictor:
    """Predictions from draws of the unknowns, whatever they were drawn from."""

    model: ProcessModel
    campaign: Campaign
    draws: xr.Dataset
    noise: Mapping[str, Noise]
    structure: ParameterStructure
    tolerances: Tolerances

    @classmethod
    def of(cls, formulation: Formulation, draws: xr.Dataset, tolerances: Tolerances) -> Predictor:
        """Predict from draws of the unknowns of a formulation."""
        return cls(
            formulation.model,
            formulation.campaign,
            draws,
            formulation.noise,
            formulation.structure,
            tolerances,
        )

    @functools.cached_property
    def units(self) -> dict[str, str]:
        """Unit of every variable of a posterior."""
        return posterior_units(self.model, self.campaign, self.noise, self.structure)

    def unit(self, name: str) -> str:
        """Look the unit of a variable up; ``x_by_run[R1]`` and ``x_slope[term]`` are understood."""
        variable, _, label = name.partition("[")
        for parameter in self.structure.covariates:
            if variable == f"{parameter}_slope":
                term = label.rstrip("]")
                return slope_unit(parameter, term, self.units, self.structure, self.campaign)
        return self.units.get(name, self.units.get(variable, "1"))

    @classmethod
    def from_options(
        cls,
        model: ProcessModel,
        campaign: Campaign,
        draws: xr.Dataset,
        noise: Mapping[str, Noise],
        options: Mapping[str, Any],
    ) -> Predictor:
        """Predict from draws as a calibration holds or stores them."""
        tolerances = Tolerances(options["rtol"], options["atol"], options.get("method", "auto"))
        structure = ParameterStructure.from_options(options)
        return cls(model, campaign, draws, noise, structure, tolerances)

    def parameters(self, runs: Sequence[Run], rng: np.random.Generator) -> dict[str, Any]:
        """Value of each unknown for each run, dims (chain, draw[, run])."""
        return run_parameters(
            value_names(kernels(self.model), runs),
            self.draws,
            runs,
            campaign=self.campaign,
            structure=self.structure,
            rng=rng,
            noise=self.noise,
        )

    def courses(
        self,
        runs: Sequence[Run],
        values: Mapping[str, Any],
        *,
        times: Any = None,
        until: float | None = None,
        points: int = POINTS,
    ) -> xr.Dataset:
        """Trajectories from each run's own start: at times, evenly until an hour, or as read."""
        starts = np.array([_start_of(run, times) for run in runs])
        if times is None and until is not None:
            if not np.isfinite(until) or until <= starts.min():
                raise ModelError(
                    f"until={until!r} came; give an hour after the start of the runs, which is "
                    f"{starts.min():g} h."
                )
            times = np.linspace(starts.min(), float(until), points)
        if times is None:
            if not any(len(run.times()) for run in runs):
                raise ModelError(
                    "A run without measurements has no times of its own: say until=336.0 or "
                    "times=[...], in hours."
                )
            return self._simulated(runs, values, None)
        times = np.unique(np.asarray(times, dtype=float))
        if np.all(starts == min(0.0, times.min())):
            return self._simulated(runs, values, times)
        parts = []
        for start in np.unique(starts):
            group = [run for run, own in zip(runs, starts, strict=True) if own == start]
            after = times[times >= start]
            if not len(after):
                raise ModelError(f"Run {group[0].name!r} starts at {start:g} h, after all times.")
            course = self._simulated(group, values, np.union1d(after, [start]))
            parts.append(course.sel(time=after).reindex(time=times))
        return _joined(parts, [run.name for run in runs])

    def _simulated(self, runs: Sequence[Run], values: Mapping[str, Any], times: Any) -> xr.Dataset:
        return simulate(
            self.model,
            parameters=values,
            campaign=Campaign(runs, units=self.campaign.units),
            times=times,
            **self.tolerances.arguments,
        )

    def missing(self, runs: Sequence[Run]) -> list[str]:
        """Names that a prediction needs and that neither the draws nor every run give."""
        known = {*map(str, self.draws.data_vars), *self.structure.given}
        known |= set(getattr(self.model, "setting_defaults", {}))
        always = kernels(self.model).trace.names
        return [
            name
            for name in value_names(kernels(self.model), runs)
            if name not in known
            and any(
                setting_of(run, name) is None
                for run in runs
                if name in always or name in names_in(run.events)
            )
        ]

    def predict(self, request: PredictionRequest) -> xr.Dataset:
        """Predict what is asked for; see `Calibration.predict`."""
        runs = request.chosen(self.campaign)
        rng = np.random.default_rng(request.random_seed)
        values = self.parameters(runs, rng)
        course = self.courses(runs, values, times=request.times, until=request.until)
        if request.noise:
            known = [is_known(run, self.campaign) for run in runs]
            course = add_noise(course, self.draws, self.noise, rng, known=known)
        course.attrs |= {"noise": "included" if request.noise else "left out"}
        course.attrs["unstated_starts"] = [
            f"{run.name}: {', '.join(states)}"
            for run in runs
            if (states := unstated_starts(run, self.draws, self.campaign, self.noise))
        ]
        reasons = outside_studied(runs, self.campaign, float(course["time"].max()), self.model)
        if request.outside == "refuse" and any(reasons):
            where = next(i for i, reason in enumerate(reasons) if reason)
            raise ModelError(
                f"Run {runs[where].name!r} leaves what was studied: {'; '.join(reasons[where])}. "
                "Ask within it, or predict with outside='flag'."
            )
        course["outside"] = ("run", [bool(reason) for reason in reasons], {"units": "1"})
        course["outside"].attrs["reasons"] = [
            f"{run.name}: {'; '.join(reason)}"
            for run, reason in zip(runs, reasons, strict=True)
            if reason
        ]
        return course

    def replicate(
        self, rows: Mapping[str, pd.DataFrame], *, random_seed: int
    ) -> dict[str, xr.Dataset]:
        """
        Posterior predictive readings, log likelihood and readings, by quantity and row.

        Computed from the draws with the same kernels and formulas as the posterior itself.
        """
        runs, draws, noise = list(self.campaign), self.draws, self.noise
        values = self.parameters(runs, np.random.default_rng(random_seed))
        course = self.courses(runs, values)
        rng = np.random.default_rng(random_seed)
        predictive, likelihood, observed = {}, {}, {}
        samples = draw_shared(noise, draws, pd.concat(list(rows.values()), ignore_index=True), rng)
        coords: dict[str, Any] = {"chain": draws["chain"], "draw": draws["draw"]}
        for quantity, part in rows.items():
            run = course["run"].to_index().get_indexer(part["run"].astype(str))
            time = course["time"].to_index().get_indexer(part["time_h"])
            scatter = noise[quantity]
            mean = course[scatter.source or quantity].to_numpy()[:, :, run, time]
            row = f"{quantity}_row"
            flat = noise_parameters(draws, quantity, scatter, wide=False)
            wide = noise_parameters(draws, quantity, scatter, wide=True, samples=samples)
            dims = ("chain", "draw", row)
            known = part.assign(known=True)
            predictive[quantity] = (dims, scatter.draw(mean, wide, rng, rows=known))
            likelihood[quantity] = (dims, scatter.log_likelihood(mean, part, flat))
            observed[quantity] = ((row,), part["value"].to_numpy(float, copy=True))
            coords[f"{quantity}_run"] = ((row,), part["run"].to_numpy().astype(str))
            coords[f"{quantity}_time"] = ((row,), part["time_h"].to_numpy(float, copy=True))
            coords[f"{quantity}_flag"] = ((row,), part["flag"].to_numpy().astype(str))
        plain = {name: value for name, value in coords.items() if name not in ("chain", "draw")}
        stiff = {"stiff_runs": course.attrs["stiff_runs"]}
        return {
            "posterior_predictive": xr.Dataset(predictive, coords, stiff),
            "log_likelihood": xr.Dataset(likelihood, coords),
            "observed_data": xr.Dataset(observed, plain),
        }


def _start_of(run: Run, times: Any) -> float:
    """When a run starts: at zero, or at its first reading where that is earlier [h]."""
    own = run.times()
    if len(own):
        return min(0.0, float(own.min()))
    return 0.0 if times is None else min(0.0, float(np.min(times)))


def _joined(parts: Sequence[xr.Dataset], names: list[str]) -> xr.Dataset:
    """Put courses of different starts side by side, in the order of the runs."""
    every = list(dict.fromkeys(name for part in parts for name in part.data_vars))
    filled = [
        part.assign(
            {
                name: xr.full_like(part[next(iter(part.data_vars))].isel(time=0, drop=True), np.nan)
                for name in every
                if name not in part
            }
        )
        for part in parts
    ]
    joined = xr.concat(filled, dim="run", join="exact", combine_attrs="override")
    joined = joined.sel(run=names)
    for name in ("failures", "stiff_runs"):
        found = [part.attrs[name] for part in parts if part.attrs.get(name, "none") != "none"]
        joined.attrs[name] = "; ".join(map(str, found)) or "none"
    if all("stiff" in part.attrs for part in parts):
        joined.attrs["stiff"] = sum(part.attrs["stiff"] for part in parts)
    return joined

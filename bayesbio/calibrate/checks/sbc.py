"""Simulation-based calibration of a process model on a design."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr
from pymc.pytensorf import find_rng_nodes, reseed_rngs
from pytensor.compile import SharedVariable
from pytensor.graph.traversal import ancestors

from bayesbio.calibrate.checks.information import beliefs_of, plan_of
from bayesbio.calibrate.completion import options_of
from bayesbio.calibrate.coordinates.sampling_coordinates import SamplingCoordinates
from bayesbio.calibrate.coordinates.starts import CompiledProblem, auxiliary_variables
from bayesbio.calibrate.model import statistical_model
from bayesbio.calibrate.predicting.predictor import Predictor
from bayesbio.calibrate.problem.formulation import Formulation, formulate
from bayesbio.calibrate.requests import REPEATED, FitRequest, Tolerances, split_options
from bayesbio.data import Campaign
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference import (
    LogDensity,
    Noise,
    NoUTurn,
    Ranks,
    describe,
    prior_quantiles,
    sample,
    verdict_of,
)
from bayesbio.inference.validation.sbc import run_replications
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode import simulate
from bayesbio.ode.codegen.cache import kernels

SAMPLING = {"tune": 300, "chains": 2, "target_accept": 0.9}
THIN = 4  # every how many draws one is ranked
ATTEMPTS = 200  # draws from the prior until one has a solution
LONGER = 4  # a chain that mixes badly is run this many times as long, once
LIKELIHOOD = "log_likelihood"


def simulation_based_calibration(
    design: Campaign,
    model: ProcessModel,
    *,
    times: Mapping[str, Any] | Any = None,
    replications: int = 200,
    draws: int = 99,
    random_seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    executor: Any = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Ranks:
    """
    Check by simulation that the posterior of a process model is honest on a design.

    Parameters come from their priors, readings are simulated from them at the times of the design,
    and the model is fitted again by the sampler that `fit` uses, from a mode that is searched anew.
    The density is compiled once; only the readings are exchanged.

    Parameters
    ----------
    design : Campaign
        The runs: settings, profiles, events. Readings tell when what is read, and how large the
        default noise is; their values do not matter otherwise. Flagged readings count as
        quantified ones.
    model : ProcessModel
    times : mapping of quantity to array [h], or array, optional
        When which quantity is read in every run, instead of the readings of the design.
    replications, draws : int
        How many times, and draws that are ranked in each: one of four that the chains hold. Where
        they have fewer effective draws than that, they are run four times as long.
    random_seed : int
    checkpoint : path, optional
        CSV in which ranks are written as they come, and from which a stopped study goes on; the
        card beside it holds model, priors, design, seed and versions; ranks of another study are
        set aside, not used.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where parts of 20 replications are done, as in `bayesbio.inference.map_jobs`; each part
        compiles anew. By default all are done in this process, with one density.
    progress : callable, optional
        Called with the replications done and their total, where they are done in this process.
    **options
        As for `fit`: priors, vary, noise, covariates, tune (300 by default), chains (2),
        target_accept (0.9), rtol, atol. What `fit` takes from the data (default noise, unknown
        starts) is taken from the design, once.

    Returns
    -------
    Ranks
        Of every unknown, and of the log likelihood at the truth, which sees what single unknowns
        do not. `remarks` holds effective draws, R-hat, divergences and draws from the prior that
        had no solution (those parameters are not part of the prior that is tested).

    Raises
    ------
    DataError, UnitError, ModelError
        As `fit`.
    CalibrationError
        A noise whose readings cannot be exchanged (counts, rows that bring their own sd), or
        something that is no option of `fit`.

    Notes
    -----
    Talts et al. (2018), arXiv:1804.06788; bands: `bayesbio.inference.rank_band`.

    Examples
    --------
    >>> from bayesbio.data import Run
    >>> from bayesbio.mechanistic import BatchReactor
    >>> plan = Campaign([Run("R1", settings={"temperature": 333.15})])
    >>> ranks = simulation_based_calibration(  # doctest: +SKIP
    ...     plan, BatchReactor(isothermal=True), times={"a": [1.0, 4.0]}, random_seed=1
    ... )
    >>> ranks.check().passed  # doctest: +SKIP
    True
    """
    if hasattr(model, "for_campaign"):
        model = model.for_campaign(design)
    planned = _readings(design, model, times, options.get("priors"))
    request, tolerances, sampler = split_options(planned, model, {**SAMPLING, **options})
    settings = {
        "draws": -(-draws // sampler.chains),
        "thin": THIN,
        "tune": sampler.tune,
        "chains": sampler.chains,
        "target_accept": sampler.target_accept,
        "kept": draws,
    }
    return run_replications(
        _Study(request, tolerances, settings),
        replications=replications,
        random_seed=random_seed,
        checkpoint=checkpoint,
        identity=_identity(request, tolerances, settings),
        executor=executor,
        progress=progress,
    )


@dataclasses.dataclass(frozen=True)
class _Study:
    """A study as a plain description, which is compiled where it runs."""

    request: FitRequest
    tolerances: Tolerances
    settings: Mapping[str, Any]

    def __call__(self) -> tuple[Any, Any]:
        """Compile the density once, for any number of replications."""
        replicator = _Replicator(formulate(self.request), self.tolerances, settings=self.settings)
        return replicator.simulate, replicator.refit


def _identity(
    request: FitRequest, tolerances: Tolerances, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Give what the ranks follow from, in plain values, for the card beside a checkpoint."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(name): plain(each) for name, each in value.items()}
        if isinstance(value, Noise):
            return [value.describe(), value.to_dict()]
        if isinstance(value, pt.TensorVariable):
            return [describe(value), [f"{each:.12g}" for each in prior_quantiles(value)]]
        return getattr(value, "hash", None) or str(value)

    asked = {name: getattr(request, name) for name in REPEATED}
    return {
        "model": kernels(request.model).trace.fingerprint,
        "design": request.campaign.hash,
        **{name: plain(value) for name, value in asked.items()},
        "settings": plain({**settings, "rtol": tolerances.rtol, "atol": tolerances.atol}),
    }


class _Replicator:
    """Draws from the prior, readings from them, and fits of these, with one compiled density."""

    def __init__(
        self, formulation: Formulation, tolerances: Tolerances, *, settings: Mapping[str, Any]
    ):
        self.formulation, self.tolerances = formulation, tolerances
        self.settings = dict(settings)
        self.options = options_of(formulation, tolerances, random_seed=0)
        coordinates = SamplingCoordinates(formulation)
        made = statistical_model(formulation, tolerances, coordinates=coordinates)
        self.at_medians = {
            name: made[name].get_value()
            for name in made.named_vars
            if isinstance(made[name], SharedVariable)
        }
        self.names = _exchangeable(made, list(formulation.rows))
        fixed = [each for each in formulation.rows if each not in self.names]
        known = [each for each, rows in formulation.rows.items() if rows["sd"].notna().any()]
        if fixed or known:
            raise CalibrationError(
                f"Readings of {', '.join(fixed or known)} cannot be exchanged: their noise is "
                f"{self.options['noise'][(fixed or known)[0]]}. Choose another noise for it, or "
                "leave its sd out."
            )
        self.problem = CompiledProblem(formulation, coordinates, LogDensity(made))
        self._prepare_prior()
        self.unsolved = 0

    def simulate(self, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Unknowns from the prior, with the log likelihood there, and readings."""
        self.unsolved = 0
        for attempt in np.random.SeedSequence(seed).generate_state(ATTEMPTS):
            truth = self._prior(int(attempt))
            groups = self._predicted(truth, self.formulation.rows, int(attempt))
            readings = {
                str(name): values.to_numpy()[0, 0]
                for name, values in groups["posterior_predictive"].data_vars.items()
            }
            if all(np.isfinite(values).all() for values in readings.values()):
                found = {str(name): values.to_numpy()[0, 0] for name, values in truth.items()}
                at_truth = self._predicted(truth, self._rows(readings), 0)
                return found | {LIKELIHOOD: _likelihood(at_truth)[0]}, readings
            self.unsolved += 1
        raise CalibrationError(
            f"None of {ATTEMPTS} draws from the priors has a solution on this design. Narrow the "
            "priors of rates."
        )

    def refit(self, readings: Mapping[str, np.ndarray], seed: int) -> xr.Dataset:
        """Thinned draws given readings."""
        read = {self.names[name]: values for name, values in readings.items()}
        self.problem.density.set_data(read | self.at_medians)  # not those of the last replication
        seed = int(np.random.SeedSequence(seed).generate_state(1)[0] // 2)
        mode = self.problem.start(random_seed=seed).mode
        for longer in (1, LONGER):
            every = longer * self.settings["thin"]
            tree = sample(
                self.problem.density,
                start=mode,
                draws=every * self.settings["draws"],
                tune=longer * self.settings["tune"],
                chains=self.settings["chains"],
                sampler=NoUTurn(self.settings["target_accept"]),
                random_seed=seed,
            )
            verdict = verdict_of(tree)
            effective = verdict["bulk ESS"].value
            if effective >= self.settings["kept"]:
                break
        posterior = tree["posterior"].to_dataset()
        wanted = self.problem.parameter_names(map(str, posterior.data_vars))
        kept = posterior[wanted].isel(draw=slice(every - 1, None, every))
        flat = _first(kept, self.settings["kept"])
        groups = self._predicted(flat, self._rows(readings), seed)
        found = flat.assign({LIKELIHOOD: (("chain", "draw"), _likelihood(groups)[None])})
        found.attrs["remarks"] = {
            "effective_draws": effective,
            "r_hat": verdict["R-hat"].value,
            "divergences": verdict["divergences"].value,
            "unsolved_priors": float(self.unsolved),
            "longer": float(longer),
        }
        return found

    def _prepare_prior(self) -> None:
        """Compile what draws every unknown from its prior, on its textbook scale."""
        made = statistical_model(self.formulation, self.tolerances)
        hidden = auxiliary_variables(self.formulation)
        wanted = [
            variable
            for variable in (*made.free_RVs, *made.deterministics)
            if variable.name not in hidden
        ]
        self._wanted = [variable.name for variable in wanted]
        self._dims = {name: made.named_vars_to_dims.get(name, ()) for name in self._wanted}
        self._coords = {dim: list(made.coords[dim]) for each in self._dims.values() for dim in each}
        self._generators = find_rng_nodes(wanted)
        self._draw = pytensor.function([], wanted, mode="FAST_COMPILE")

    def _prior(self, seed: int) -> xr.Dataset:
        """One draw, dims (chain, draw, ...)."""
        reseed_rngs(self._generators, seed)
        return xr.Dataset(
            {
                name: (("chain", "draw", *self._dims[name]), np.asarray(value)[None, None])
                for name, value in zip(self._wanted, self._draw(), strict=True)
            },
            self._coords | {"chain": [0], "draw": [0]},
        )

    def _predicted(
        self, draws: xr.Dataset, rows: Mapping[str, pd.DataFrame], seed: int
    ) -> dict[str, xr.Dataset]:
        """Draw new readings, and the log likelihood of these rows, for draws of the unknowns."""
        predictor = Predictor.of(self.formulation, draws, self.tolerances)
        return predictor.replicate(rows, random_seed=seed)

    def _rows(self, readings: Mapping[str, np.ndarray]) -> dict[str, pd.DataFrame]:
        """Rows of the design with other readings."""
        return {
            name: rows.assign(value=readings[name]) for name, rows in self.formulation.rows.items()
        }


def _likelihood(groups: Mapping[str, xr.Dataset]) -> np.ndarray:
    """Log likelihood of all readings together, one number a draw."""
    parts = groups[LIKELIHOOD].data_vars.values()
    return np.sum([part.to_numpy()[0].sum(axis=-1) for part in parts], axis=0)


def _first(draws: xr.Dataset, number: int) -> xr.Dataset:
    """Chains put end to end as one, cut to a number of draws spread over all of them."""
    flat = draws.stack(all_draws=("chain", "draw")).transpose("all_draws", ...)
    place = np.linspace(0, flat.sizes["all_draws"] - 1, number).round().astype(int)
    return xr.Dataset(
        {
            str(name): (("chain", "draw", *values.dims[1:]), values.to_numpy()[None, place])
            for name, values in flat.data_vars.items()
        },
        {name: values for name, values in draws.coords.items() if name not in ("chain", "draw")}
        | {"chain": [0], "draw": np.arange(number)},
    )


def _exchangeable(model: pm.Model, quantities: list[str]) -> dict[str, str]:
    """Let the readings of a model be data that can be exchanged; their names by quantity."""
    names = {}
    for variable in model.observed_RVs:
        if variable.name in quantities:
            old = model.rvs_to_values[variable]
            name = f"{variable.name}_readings"
            shared = pytensor.shared(np.array(old.eval(), dtype=float), name=name)
            model.rvs_to_values[variable] = shared
            model.values_to_rvs[shared] = variable
            if shared in ancestors([model.logp(variable)]):  # else it was computed beforehand
                names[str(variable.name)] = name
    return names


def _readings(design: Campaign, model: ProcessModel, times: Any, priors: Any) -> Campaign:
    """Put readings into a design: its own, all quantified, or those at the prior medians."""
    if times is None and any(len(run.measurements) for run in design):
        return Campaign(
            [
                run.replace(
                    measurements=run.measurements[run.measurements["flag"] != "excluded"].assign(
                        flag="", value_upper=np.nan
                    )
                )
                for run in design
            ],
            units=design.units,
        )
    if times is None:
        raise ModelError(
            "The design reads nothing: give times={'biomass': [0.0, 12.0, 24.0]} in hours, or a "
            "campaign with readings."
        )
    given, believed = beliefs_of(design, model, dict(priors or {}))
    centre = {name: float(prior_quantiles(each, [0.5])[0]) for name, each in believed.items()}
    plan = plan_of(design, kernels(model).trace.observed_names, times)
    hours = np.unique(np.concatenate([when for reads in plan.values() for when in reads.values()]))
    course = simulate(model, parameters={**given, **centre}, campaign=design, times=hours)
    runs = []
    for place, run in enumerate(design):
        parts = []
        for name, when in plan[run.name].items():
            values = course[name].isel(chain=0, draw=0, run=place).to_numpy()
            parts.append(
                pd.DataFrame(
                    {
                        "time_h": when,
                        "quantity": name,
                        "value": values[np.searchsorted(hours, when)],
                    }
                )
            )
        runs.append(run.replace(measurements=pd.concat(parts, ignore_index=True)))
    return Campaign(runs, units=design.units)

"""Simulation-based calibration of a process model on a design."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt

from bayesbio.calibrate.checks.information import beliefs_of, plan_of
from bayesbio.calibrate.checks.replicator import Replicator
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import REPEATED, FitRequest, Tolerances, split_options
from bayesbio.data import Campaign
from bayesbio.errors import ModelError
from bayesbio.inference import (
    Noise,
    Ranks,
    describe,
    prior_quantiles,
)
from bayesbio.inference.validation.sbc import run_replications
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode import simulate
from bayesbio.ode.codegen.cache import kernels

SAMPLING = {"tune": 300, "chains": 2, "target_accept": 0.9}
THIN = 4  # every how many draws one is ranked


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
        replicator = Replicator(formulate(self.request), self.tolerances, settings=self.settings)
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

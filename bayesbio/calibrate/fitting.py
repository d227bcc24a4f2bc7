"""From a campaign and a process model to a calibration."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import xarray as xr

from bayesbio.calibrate.calibration import Calibration, predictive_groups
from bayesbio.calibrate.chains import chains_on
from bayesbio.calibrate.coordinates.starts import density_and_mode
from bayesbio.calibrate.model import is_coordinate, spread_prior
from bayesbio.calibrate.prediction import run_parameters
from bayesbio.calibrate.problem.formulation import Formulation, Priors, Vary, formulate
from bayesbio.data import Campaign
from bayesbio.inference import (
    LogDensity,
    Noise,
    Progress,
    describe,
    sample,
    usable_cores,
)
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode.schedule.failures import in_words
from bayesbio.ode.simulation import value_names

PRIOR_DRAWS = 500
RUNS_A_CORE = 2  # so many make it worth sharing the runs of a single chain out over the cores


def fit(
    campaign: Campaign,
    model: ProcessModel,
    *,
    priors: Priors | None = None,
    vary: Vary | None = None,
    noise: Mapping[str, Noise | str] | Noise | str | None = None,
    covariates: Mapping[str, str] | None = None,
    draws: int = 1000,
    tune: int = 500,
    chains: int = 4,
    random_seed: int,
    target_accept: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    executor: Any = None,
    progress: Callable[[Progress], None] | bool | None = None,
) -> Calibration:
    """
    Calibrate a process model on a campaign by Markov chain Monte Carlo.

    Parameters
    ----------
    campaign : Campaign
        Runs with measurements, settings, profiles and events; ragged and incomplete as they are.
    model : ProcessModel
        The mechanism.
    priors : mapping of name to distribution or number, or a Calibration
        For parameters, settings and ``initial_<state>``; a number fixes the value. Also for
        spreads (``<parameter>_sd_<level>``) and slopes (``<parameter>_slope``). The calibration of
        an earlier campaign stands for its posterior, see `update`. Parameters that
        are left out take the model's default interval. An initial state that no run states is
        estimated run by run around its first readings.
    vary : mapping of parameter to level or levels
        Partial pooling over ``"run"`` or columns of the table of runs, in any number:
        ``("site", "scale", "campaign", "run")``. Levels are nested where every group has one
        parent, else crossed; ``"batch:cask"`` joins two columns where the names of the second
        count anew within the first. Effects of several parameters on one level are correlated
        where they stand together: ``{("maximum_growth_rate", "cell_yield"): "run"}``. How far
        effects are sampled centred follows, group by group, from how much the readings say.
    noise : mapping of quantity to Noise or its name
        By default chosen from the data (`default_noise`); censoring follows the flags.
    covariates : mapping of parameter to formula
        What a parameter depends on, as a formula in the settings of the runs (house units):
        ``{"specific_productivity": "log(temperature_shift) + clone"}``. It acts on the logarithm of
        a positive parameter; ``<parameter>`` is then its value at average covariates, and
        ``<parameter>_slope`` what one unit of each term changes. Their default prior: one standard
        deviation of a term over the runs changes the logarithm by Normal(0, 0.5).
    draws, tune, chains : int
        Draws kept and tuning draws a chain, and chains. Chains run beside each other, one a core; a
        single chain solves its runs on all cores.
    random_seed : int
        Same input and seed, same draws.
    target_accept : float, optional
        Mean acceptance the step size is adapted to. By default 0.95 where parameters vary between
        groups, whose funnels longer steps fall out of, else 0.9.
    rtol, atol : float
        Tolerances of the solver.
    checkpoint : path, optional
        Folder in which draws are written as they come.
    resume : bool
        Go on with what the checkpoint holds, after a crash: finished chains are kept, unfinished
        ones start again from where they were.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where the chains run, each in a worker that compiles and starts by itself: for machines with
        more cores than this one. By default all run here, on threads, which is soonest done.
    progress : callable or bool
        True shows a bar with the remaining time.

    Returns
    -------
    Calibration
        Ask it `.check()` before anything else; nothing that fails there is a result. Stopped by
        Ctrl-C it holds what was drawn until then, and its checks say so.

    Raises
    ------
    DataError, UnitError
        The campaign has errors.
    ModelError
        A name is unknown, or something the model needs is missing.
    CalibrationError
        No finite start exists, or the checkpoint is that of another model, data or settings.

    Examples
    --------
    >>> from bayesbio.data import read_campaign
    >>> from bayesbio.mechanistic import BatchCulture
    >>> campaign = read_campaign("runs.csv")  # doctest: +SKIP
    >>> calibration = fit(campaign, BatchCulture(), random_seed=1)  # doctest: +SKIP
    >>> calibration.check().passed  # doctest: +SKIP
    True
    """
    formulation = formulate(
        campaign, model, priors=priors, vary=vary, noise=noise, covariates=covariates
    )
    model = formulation.kernels.trace.model
    density, mode = density_and_mode(
        formulation,
        random_seed=random_seed,
        rtol=rtol,
        atol=atol,
        side_by_side=chains == 1 and len(campaign) >= RUNS_A_CORE * usable_cores() > RUNS_A_CORE,
    )
    settings: dict[str, Any] = {
        "draws": draws,
        "tune": tune,
        "target_accept": target_accept or usual_acceptance(formulation),
        "checkpoint": checkpoint,
        "resume": resume,
    }
    if executor is not None:
        tree = chains_on(
            executor,
            campaign,
            model,
            formulation={"priors": priors, "vary": vary, "noise": noise, "covariates": covariates},
            settings=settings,
            rtol=rtol,
            atol=atol,
            random_seed=random_seed,
            chains=chains,
            progress=progress,
        )
    else:
        for board in density.boards:
            board[:] = 0.0  # the search for the mode may go anywhere
        tree = sample(
            density,
            start=mode,
            chains=chains,
            random_seed=random_seed,
            progress=progress,
            **settings,
        )
    options = complete(tree, density, formulation, random_seed=random_seed, rtol=rtol, atol=atol)
    return Calibration(
        model=model,
        campaign=campaign,
        posterior=tree,
        noise=formulation.noise,
        options=options,
        asked={
            "priors": priors,
            "vary": vary,
            "noise": noise,
            "covariates": covariates,
            "draws": draws,
            "tune": tune,
            "chains": chains,
            "target_accept": target_accept,
            "rtol": rtol,
            "atol": atol,
        },
    )


def complete(
    tree: xr.DataTree,
    density: LogDensity,
    formulation: Formulation,
    *,
    random_seed: int,
    rtol: float,
    atol: float,
) -> dict[str, Any]:
    """
    Add to draws of a posterior what a calibration holds beside them; gives its options.

    Groups prior, log_prior, posterior_predictive, log_likelihood and observed_data are added to the
    tree in place, coordinates of the sampler leave it.
    """
    campaign, model = formulation.campaign, formulation.kernels.trace.model
    posterior = tree["posterior"].to_dataset()
    posterior = posterior[[name for name in posterior.data_vars if not is_coordinate(str(name))]]
    tree["posterior"] = xr.DataTree(posterior)
    for board in density.boards if "sample_stats" in tree.children else ():
        typical = {
            name: (float(np.log(posterior[name]).mean()), float(np.log(posterior[name]).std()))
            for name in model.Parameters._fields
            if name in posterior and bool((posterior[name] > 0.0).all())
        }
        told = in_words(board, formulation.kernels.trace, formulation.campaign.names, typical)
        tree["sample_stats"].attrs["failures"] = told
    options = options_of(formulation, random_seed=random_seed, rtol=rtol, atol=atol)
    values = run_parameters(
        value_names(formulation.kernels, campaign),
        posterior,
        list(campaign),
        campaign,
        formulation.given,
        {name: tuple(levels) for name, levels in options["vary"].items()},
        options["positive"],
        np.random.default_rng(random_seed),
        covariates=options["covariates"],
        together=options["together"],
    )
    groups = predictive_groups(
        model,
        campaign,
        posterior,
        formulation.noise,
        formulation.rows,
        values,
        random_seed=random_seed,
        rtol=rtol,
        atol=atol,
    )
    stiff = groups["posterior_predictive"].attrs["stiff_runs"]
    if stiff != "none" and "sample_stats" in tree.children:
        tree["sample_stats"].attrs["stiff"] = f"Stiff, hence solved implicitly in part: {stiff}"
    tree["prior"] = xr.DataTree(prior_of(density, posterior, random_seed))
    densities = log_prior_of(formulation, posterior)
    if densities:
        tree["log_prior"] = xr.DataTree(densities)
    for name, group in groups.items():
        tree[name] = xr.DataTree(group)
    return options


def usual_acceptance(formulation: Formulation) -> float:
    """Mean acceptance at which few posteriors of a kind diverge."""
    return 0.95 if any(unknown.levels for unknown in formulation.unknowns) else 0.9


def options_of(
    formulation: Formulation, *, random_seed: int, rtol: float, atol: float
) -> dict[str, Any]:
    """Describe what was asked for as plain text and numbers, for reports and archives."""
    unknowns, spread_priors = formulation.unknowns, _spread_priors(formulation)
    return {
        "random_seed": int(random_seed),
        "rtol": float(rtol),
        "atol": float(atol),
        "priors": {unknown.name: describe(unknown.prior) for unknown in unknowns}
        | {name: describe(prior) for name, prior in spread_priors.items()},
        "sources": {unknown.name: unknown.source for unknown in unknowns}
        | {
            name: "given by the user" if name in formulation.beside else "default of spreads"
            for name in spread_priors
        },
        "given": {name: float(value) for name, value in formulation.given.items()},
        "vary": {unknown.name: list(unknown.levels) for unknown in unknowns if unknown.levels},
        "covariates": {
            unknown.name: unknown.design.formula for unknown in unknowns if unknown.design
        },
        "together": {
            level: [list(block) for block in blocks]
            for level, blocks in formulation.together.items()
        },
        "positive": {unknown.name: unknown.positive for unknown in unknowns},
        "noise": {name: noise.describe() for name, noise in formulation.noise.items()},
        "findings": [str(finding) for finding in formulation.findings],
    }


def log_prior_of(formulation: Formulation, posterior: xr.Dataset) -> xr.Dataset:
    """
    Log density of the prior of every single unknown at the draws, dims (chain, draw).

    What power scaling asks for; effects of groups follow from their spread and have none.
    """
    priors: dict[str, Any] = {unknown.name: unknown.prior for unknown in formulation.unknowns}
    priors |= {**_spread_priors(formulation), **formulation.beside}
    for quantity, noise in formulation.noise.items():
        priors |= noise.priors(quantity)
    carried = () if formulation.carried is None else formulation.carried.names
    wanted = {
        name: prior
        for name, prior in priors.items()
        if name not in carried and name in posterior and posterior[name].dims == ("chain", "draw")
    }
    values = {name: posterior[name].to_numpy() for name in wanted}
    compute = pytensor.function(
        [],
        [pm.logp(prior, values[name].ravel()) for name, prior in wanted.items()],
        mode="FAST_COMPILE",
    )
    return xr.Dataset(
        {
            name: (("chain", "draw"), np.reshape(found, values[name].shape))
            for name, found in zip(wanted, compute(), strict=True)
        },
        {name: posterior[name] for name in ("chain", "draw")},
    )


def _spread_priors(formulation: Formulation) -> dict[str, Any]:
    """Priors of the spreads between groups, by name."""
    return {
        f"{unknown.name}_sd_{level}": spread_prior(unknown, level, formulation)
        for unknown in formulation.unknowns
        for level in unknown.levels
    }


def prior_of(density: LogDensity, posterior: xr.Dataset, random_seed: int) -> xr.Dataset:
    """Draws from the prior of every posterior variable, dims (chain, draw, ...)."""
    points = density.prior_points(PRIOR_DRAWS, random_seed=random_seed)
    rows = [density.values(point) for point in points]
    return xr.Dataset(
        {
            str(name): (
                values.dims,
                np.stack([row[str(name)] for row in rows])[None],
            )
            for name, values in posterior.data_vars.items()
        },
        {
            name: values
            for name, values in posterior.coords.items()
            if name not in ("chain", "draw")
        },
    )

"""Calibrate a process model on a campaign by Markov chain Monte Carlo."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

from bayesbio.calibrate.calibration import Calibration
from bayesbio.calibrate.chains import ChainJob, chains_on
from bayesbio.calibrate.completion import Completion
from bayesbio.calibrate.coordinates.starts import CompiledProblem
from bayesbio.calibrate.problem.formulation import Formulation, formulate
from bayesbio.calibrate.requests import (
    FitRequest,
    Noises,
    Priors,
    SamplerOptions,
    Tolerances,
    Vary,
    fit_arguments,
)
from bayesbio.data import Campaign
from bayesbio.inference import Checkpoint, NoUTurn, Progress, sample
from bayesbio.mechanistic import ProcessModel


def fit(
    campaign: Campaign,
    model: ProcessModel,
    *,
    priors: Priors | None = None,
    vary: Vary | None = None,
    noise: Noises = None,
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
        single chain over many runs solves them on all cores that are idle, to the same bits.
    random_seed : int
        Same input and seed, same draws.
    target_accept : float, optional
        Mean acceptance the step size is adapted to. By default 0.95 where parameters vary between
        groups (hierarchical models have funnels, which need smaller steps), else 0.9.
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

    Notes
    -----
    Each argument is one decision of the analyst, so that a call reads as a record of the analysis.

    Examples
    --------
    >>> from bayesbio.data import read_campaign
    >>> from bayesbio.mechanistic import BatchCulture
    >>> campaign = read_campaign("runs.csv")  # doctest: +SKIP
    >>> calibration = fit(campaign, BatchCulture(), random_seed=1)  # doctest: +SKIP
    >>> calibration.check().passed  # doctest: +SKIP
    True
    """
    request = FitRequest(campaign, model, priors, vary, noise, covariates)
    return fit_request(
        request,
        Tolerances(rtol, atol),
        SamplerOptions(draws, tune, chains, target_accept, checkpoint, resume),
        random_seed=random_seed,
        executor=executor,
        progress=progress,
    )


def fit_request(
    request: FitRequest,
    tolerances: Tolerances,
    sampler: SamplerOptions,
    *,
    random_seed: int,
    executor: Any = None,
    progress: Callable[[Progress], None] | bool | None = None,
) -> Calibration:
    """Sample the posterior of a request; see `fit`."""
    formulation = formulate(request)
    problem = CompiledProblem.of(formulation, tolerances)
    start = problem.start(random_seed=random_seed)
    completion = Completion(problem, tolerances, random_seed=random_seed, point=start.mode.values)
    settings: dict[str, Any] = {
        "draws": sampler.draws,
        "tune": sampler.tune,
        "sampler": NoUTurn(sampler.target_accept or usual_acceptance(formulation)),
        "checkpoint": None
        if sampler.checkpoint is None
        else Checkpoint(
            sampler.checkpoint,
            sampler.resume,
            {"campaign": formulation.campaign.hash, **dataclasses.asdict(tolerances)},
        ),
    }
    if executor is not None:
        job = ChainJob(request, tolerances, start, settings, random_seed, 0, sampler.chains)
        tree = chains_on(executor, job, progress=progress)
    else:
        tree = sample(
            problem.density,
            start=start.mode,
            chains=sampler.chains,
            random_seed=random_seed,
            progress=progress,
            **settings,
        )
    options = completion.complete(tree, warnings=start.warnings)
    return Calibration(
        model=formulation.model,
        campaign=formulation.campaign,
        posterior=tree,
        noise=formulation.noise,
        options=options,
        fit_arguments=fit_arguments(request, tolerances, sampler),
        start_priors=formulation.start_priors,
    )


def usual_acceptance(formulation: Formulation) -> float:
    """Target acceptance: smaller steps where a hierarchy has a funnel."""
    return 0.95 if any(unknown.levels for unknown in formulation.unknowns) else 0.9

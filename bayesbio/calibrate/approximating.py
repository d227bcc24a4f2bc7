"""Approximate posteriors: Laplace, Pathfinder and sequential Monte Carlo, labelled as such."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from bayesbio.calibrate.calibration import Calibration
from bayesbio.calibrate.completion import Completion
from bayesbio.calibrate.coordinates.starts import CompiledProblem
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Noises, Priors, Tolerances, Vary
from bayesbio.data import Campaign
from bayesbio.errors import CalibrationError, did_you_mean
from bayesbio.inference import (
    Approximation,
    laplace_approximation,
    pathfinder_approximation,
    sequential_monte_carlo,
)
from bayesbio.mechanistic import ProcessModel

METHODS = ("laplace", "pathfinder", "smc")


def approximate(
    campaign: Campaign,
    model: ProcessModel,
    *,
    method: str = "laplace",
    priors: Priors | None = None,
    vary: Vary | None = None,
    noise: Noises = None,
    covariates: Mapping[str, str] | None = None,
    draws: int = 1000,
    random_seed: int,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> Calibration:
    """
    Approximate the posterior of a process model: for a first look, or where it has several modes.

    Parameters
    ----------
    campaign, model, priors, vary, noise, covariates, random_seed, rtol, atol
        As for `fit`, by the same names, so that one call is exchanged for the other.
    method : {"laplace", "pathfinder", "smc"}
        - ``"laplace"``: the normal distribution that fits the highest of several modes; seconds.
        - ``"pathfinder"``: the best normal distributions along several climbs; seconds.
        - ``"smc"``: two populations tempered from the prior to the posterior; slower, but it finds
          several modes and their weights, where the chains of `fit` stay in the one they began in.
    draws : int
        Draws; members of each population for ``"smc"``.

    Returns
    -------
    Calibration
        It predicts, saves and reports as that of `fit`, but its verdict never passes: the check
        "approximation" says what it is and, by the Pareto k of its importance weights, how far it
        can be trusted.

    Raises
    ------
    DataError, UnitError, ModelError, CalibrationError
        As `fit`, and for a method that does not exist.

    See Also
    --------
    quick_look : The most probable parameters alone.

    Examples
    --------
    >>> from bayesbio.data import read_campaign
    >>> from bayesbio.mechanistic import BatchCulture
    >>> campaign = read_campaign("runs.csv")  # doctest: +SKIP
    >>> quick = approximate(campaign, BatchCulture(), random_seed=1)  # doctest: +SKIP
    >>> print(quick.check()["approximation"].sentence)  # doctest: +SKIP
    Laplace approximation, not a sampled posterior. ...
    """
    if method not in METHODS:
        raise CalibrationError(
            f"method={method!r} is unknown.{did_you_mean(method, METHODS)} Use one of "
            f"{', '.join(METHODS)}, or fit for a sampled "
            "posterior."
        )
    tolerances = Tolerances(rtol, atol)
    formulation = formulate(FitRequest(campaign, model, priors, vary, noise, covariates))
    problem = CompiledProblem.of(formulation, tolerances)
    start = problem.start(random_seed=random_seed)
    completion = Completion(problem, tolerances, random_seed=random_seed, point=start.mode.values)
    common: dict[str, Any] = {"draws": draws, "random_seed": random_seed}
    if method == "laplace":
        found = laplace_approximation(problem.density, start=start.mode, **common)
        if start.mode.held:
            remark = f"Its centre holds {', '.join(start.mode.held)} at the prior median."
            found = dataclasses.replace(found, remarks=(*found.remarks, remark))
    else:
        approximation: Callable[..., Approximation] = (
            pathfinder_approximation if method == "pathfinder" else sequential_monte_carlo
        )
        found = approximation(problem.density, **common)
    problem.reset_failures()
    tree = found.tree(problem.density)
    options = completion.complete(tree, warnings=start.warnings)
    return Calibration(
        model=formulation.model,
        campaign=formulation.campaign,
        posterior=tree,
        noise=formulation.noise,
        options={**options, "approximation": found.method},
    )

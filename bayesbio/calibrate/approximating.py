"""A quick posterior of a process model that says what it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from bayesbio.calibrate.calibration import Calibration
from bayesbio.calibrate.coordinates.starts import density_and_mode, spreads
from bayesbio.calibrate.fitting import complete
from bayesbio.calibrate.model import model_of
from bayesbio.calibrate.problem.formulation import Priors, Vary, formulate
from bayesbio.data import Campaign
from bayesbio.errors import CalibrationError
from bayesbio.inference import (
    Approximation,
    LogDensity,
    Noise,
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
    noise: Mapping[str, Noise | str] | Noise | str | None = None,
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
        As for `fit`.
    method : {"laplace", "pathfinder", "smc"}
        - ``"laplace"``: the normal distribution that fits the highest of several modes; seconds.
        - ``"pathfinder"``: the best normal distributions along several climbs; seconds.
        - ``"smc"``: two populations led from the prior to the posterior; slower, but it finds
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
            f"method={method!r} is unknown; use one of {', '.join(METHODS)}, or fit for a sampled "
            "posterior."
        )
    formulation = formulate(
        campaign, model, priors=priors, vary=vary, noise=noise, covariates=covariates
    )
    common: dict[str, Any] = {"draws": draws, "random_seed": random_seed}
    if method == "laplace":
        density, mode = density_and_mode(formulation, random_seed=random_seed, rtol=rtol, atol=atol)
        found = laplace_approximation(density, start=mode, **common)
        if mode.held:
            held = ", ".join(spreads(formulation))
            remark = f"Its centre holds {held} at the prior median."
            found = dataclasses.replace(found, remarks=(*found.remarks, remark))
    else:
        density = LogDensity(model_of(formulation, rtol=rtol, atol=atol))
        approximation: Callable[..., Approximation] = (
            pathfinder_approximation if method == "pathfinder" else sequential_monte_carlo
        )
        found = approximation(density, **common)
    for board in density.boards:
        board[:] = 0.0  # searches may go anywhere
    tree = found.tree(density)
    options = complete(tree, density, formulation, random_seed=random_seed, rtol=rtol, atol=atol)
    return Calibration(
        model=formulation.kernels.trace.model,
        campaign=campaign,
        posterior=tree,
        noise=formulation.noise,
        options={**options, "approximation": found.method},
    )

"""Sequential updating: the posterior of one campaign as the prior of the next."""

from __future__ import annotations

from typing import Any

from bayesbio.calibrate.calibration import Calibration
from bayesbio.calibrate.fitting import fit
from bayesbio.data import Campaign


def update(
    calibration: Calibration, campaign: Campaign, *, random_seed: int, **options: Any
) -> Calibration:
    """
    Sequential Bayesian updating: the posterior of one campaign is the prior of the next.

    Parameters
    ----------
    calibration : Calibration
        Of the earlier campaign. Its population parameters, spreads between groups and noise become
        the prior, with their correlations. What belongs to its own runs and groups stays behind:
        groups of the new campaign draw effects of their own.
    campaign : Campaign
        The new runs only; what is in both would count twice.
    random_seed : int
        As for `fit`.
    **options
        As for `fit`; vary and noise are those of the earlier calibration unless given.

    Returns
    -------
    Calibration

    Raises
    ------
    CalibrationError
        A run of the new campaign was calibrated on before.
    ModelError
        The earlier calibration has covariates, whose average run is another in each campaign.

    Notes
    -----
    The joint posterior enters as a normal copula with the margins of the draws
    (`bayesbio.calibrate.problem.posterior_prior`), so two steps agree with one fit of all runs up
    to that approximation.

    Examples
    --------
    >>> from bayesbio.calibrate import fit
    >>> first = fit(campaign_1, model, random_seed=1)  # doctest: +SKIP
    >>> second = update(first, campaign_2, random_seed=2)  # doctest: +SKIP
    """
    vary: dict[Any, Any] = dict(calibration.groups)
    for level, blocks in calibration.options.get("together", {}).items():
        for block in blocks:
            for name in block:
                vary[name] = tuple(each for each in vary[name] if each != level)
            key = tuple(block)
            vary[key] = (*vary.get(key, ()), level)
    asked = {"vary": {name: levels for name, levels in vary.items() if levels}, **options}
    return fit(campaign, calibration.model, priors=calibration, random_seed=random_seed, **asked)

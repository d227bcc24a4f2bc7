"""Sequential updating: the posterior of one campaign as the prior of the next."""

from __future__ import annotations

from typing import Any

from bayesbio.calibrate.calibration import Calibration
from bayesbio.calibrate.fitting import fit
from bayesbio.calibrate.problem.structure import ParameterStructure
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
    vary = ParameterStructure.from_options(calibration.options).arguments()["vary"]
    asked = {"vary": vary, **options}
    return fit(campaign, calibration.model, priors=calibration, random_seed=random_seed, **asked)

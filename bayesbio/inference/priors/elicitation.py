"""Priors from what is known already: quantiles of an expert, values of a publication."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pymc as pm
from pytensor.tensor.variable import TensorVariable
from scipy.special import logit
from scipy.stats import norm

from bayesbio.errors import CalibrationError
from bayesbio.inference.priors.distributions import between

DOI = re.compile(r"10\.\d{4,9}/\S+")
OFF = 0.05  # probability by which a fitted prior may miss a quantile that was given
LEAST_SPREAD = 0.05  # studies that agree better than this still differ this much in another lab


def from_quantiles(
    quantiles: Mapping[float, float], *, upper: float | None = None
) -> TensorVariable:
    """
    Prior whose quantiles are what an expert said.

    Parameters
    ----------
    quantiles : mapping of probability to value
        Two or more, such as ``{0.05: 0.02, 0.5: 0.03, 0.95: 0.06}``.
    upper : float, optional
        1 for a fraction between zero and one. Otherwise the prior is lognormal where all values
        are positive, and normal where one is not.

    Returns
    -------
    TensorVariable
        An unnamed PyMC distribution.

    Raises
    ------
    CalibrationError
        When the values do not rise with the probabilities, or no such distribution has them.

    Notes
    -----
    Least squares of the logarithm (logit, value) on the standard normal quantiles; O'Hagan et al.
    (2006), Uncertain Judgements, doi:10.1002/0470033312

    Examples
    --------
    >>> from bayesbio.inference import prior_quantiles
    >>> prior = from_quantiles({0.1: 0.6, 0.5: 0.8, 0.9: 0.92}, upper=1.0)
    >>> prior_quantiles(prior, [0.5]).round(2).tolist()
    [0.8]
    """
    given = sorted((float(p), float(value)) for p, value in quantiles.items())
    probabilities, values = np.array(given).T if given else (np.empty(0), np.empty(0))
    if len(given) < 2 or np.any((probabilities <= 0) | (probabilities >= 1)):
        raise CalibrationError(
            f"{dict(quantiles)} are no quantiles of a prior: give two or more, each a probability "
            "between 0 and 1 and its value, such as {0.05: 0.02, 0.95: 0.06}."
        )
    if not np.all(np.isfinite(values)) or np.any(np.diff(values) <= 0):
        raise CalibrationError(
            f"The values {values.tolist()} do not rise with their probabilities "
            f"{probabilities.tolist()}; a larger probability has a larger quantile."
        )
    if upper not in (None, 1.0) or (upper == 1.0 and not (values[0] > 0 and values[-1] < 1)):
        raise CalibrationError(
            f"upper={upper!r} with values from {values[0]:g} to {values[-1]:g}: the one upper end "
            "that can be given is 1, for a fraction whose quantiles lie between 0 and 1."
        )
    kind, forward = (
        (pm.LogitNormal, logit)
        if upper is not None
        else (pm.LogNormal, np.log)
        if values[0] > 0
        else (pm.Normal, np.asarray)
    )
    sd, mean = np.polyfit(norm.ppf(probabilities), forward(values), 1)
    missed = np.abs(norm.cdf((forward(values) - mean) / sd) - probabilities)
    if np.max(missed) > OFF:
        worst = int(np.argmax(missed))
        name = {pm.LogitNormal: "logit-normal", pm.LogNormal: "lognormal"}.get(kind, "normal")
        raise CalibrationError(
            f"No {name} distribution has these quantiles: the best one puts "
            f"{probabilities[worst] + missed[worst]:.0%} or "
            f"{probabilities[worst] - missed[worst]:.0%} below {values[worst]:g} instead of "
            f"{probabilities[worst]:.0%}. Give two quantiles, or a PyMC distribution."
        )
    return kind.dist(mu=float(mean), sigma=float(sd))


def literature(
    value: float | Sequence[float],
    *,
    doi: str | Sequence[str],
    standard_error: float | None = None,
    interval: tuple[float, float] | None = None,
    probability: float = 0.9,
) -> TensorVariable:
    """
    Prior from published values, which remembers where they were published.

    Parameters
    ----------
    value : float or sequence of float [unit of the parameter]
        One value with its ``standard_error`` or ``interval``, or the values of several studies.
    doi : str or sequence of str
        Where they stand, such as ``"10.1002/bit.260270403"``. Shown in the table of priors.
    standard_error : float, optional
        Of the one value.
    interval : (low, high), optional
        Around the one value, with ``probability`` between its ends.
    probability : float
        Of the interval.

    Returns
    -------
    TensorVariable
        Lognormal where the values are positive, else normal. From several studies: as another
        study would be expected, with the spread between them.

    Raises
    ------
    CalibrationError
        Without a DOI, or when a single value comes without its uncertainty.

    Notes
    -----
    From n studies: mean of the logarithms and their standard deviation times sqrt(1 + 1/n), not
    less than 5 %; the predictive distribution of Higgins, Thompson and Spiegelhalter (2009),
    doi:10.1111/j.1467-985X.2008.00552.x, with equal weights.

    Examples
    --------
    >>> prior = literature(0.31, standard_error=0.03, doi="10.1128/mmbr.62.3.646-666.1998")
    >>> source_of(prior)
    'doi:10.1128/mmbr.62.3.646-666.1998'
    """
    sources = [doi] if isinstance(doi, str) else list(doi)
    plain = [re.sub(r"^(doi:|https?://(dx\.)?doi\.org/)", "", each.strip()) for each in sources]
    for each in plain or [""]:
        if not DOI.fullmatch(each):
            raise CalibrationError(
                f"doi={each!r} is no DOI; expected one such as '10.1002/bit.260270403'. Values "
                "without a publication: between(low, high)."
            )
    values = np.atleast_1d(np.asarray(value, dtype=float))
    if len(values) > 1:
        prior = _between_studies(values)
    elif interval is not None:
        prior = between(*interval, probability=probability)
    elif standard_error is not None and standard_error > 0:
        prior = (
            pm.LogNormal.dist(
                np.log(values[0]), np.sqrt(np.log1p((standard_error / values[0]) ** 2))
            )
            if values[0] > 0
            else pm.Normal.dist(values[0], standard_error)
        )
    else:
        raise CalibrationError(
            f"literature({values[0]:g}) needs to know how sure the value is: give its "
            "standard_error, an interval=(low, high), or the values of several studies."
        )
    prior.tag.source = "doi:" + ", doi:".join(plain)
    return prior


def source_of(distribution: TensorVariable) -> str | None:
    """
    Where a prior was published, if it remembers.

    Parameters
    ----------
    distribution : TensorVariable
        An unnamed PyMC distribution.

    Returns
    -------
    str or None

    Examples
    --------
    >>> source_of(between(0.02, 0.06)) is None
    True
    """
    return getattr(distribution.tag, "source", None)


def _between_studies(values: np.ndarray) -> TensorVariable:
    """Prior of the value of one more study."""
    widening = np.sqrt(1.0 + 1.0 / len(values))
    if np.all(values > 0):
        logs = np.log(values)
        return pm.LogNormal.dist(logs.mean(), max(float(logs.std(ddof=1)), LEAST_SPREAD) * widening)
    floor = LEAST_SPREAD * float(np.max(np.abs(values)))
    return pm.Normal.dist(values.mean(), max(float(values.std(ddof=1)), floor) * widening)

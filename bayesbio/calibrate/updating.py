"""The posterior of one campaign as the prior of the next."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from scipy.optimize import lsq_linear
from scipy.stats import norm

if TYPE_CHECKING:
    from bayesbio.calibrate.calibration import Calibration

PROBABILITIES = np.concatenate([[0.002, 0.01], np.arange(0.02, 0.99, 0.02), [0.99, 0.998]])
KNOTS = np.linspace(-2.1, 2.1, 8)  # where the slope of a quantile function changes
CORNER = 0.25  # width over which it changes
FLATTEST = 1e-3  # smallest slope, as a share of the average
STRONGEST = 0.999  # correlation beyond which two coordinates are the same


@dataclasses.dataclass(frozen=True, eq=False)
class Carried:
    """
    A posterior of single numbers, smooth and with its correlations, to be used as a prior.

    Attributes
    ----------
    names : tuple of str
    positive : array of bool, (names,)
        Which enter through their logarithm.
    shape : array, (names, 1 + slopes)
        Value at z = 0, then the slopes of the quantile function of each.
    root : array, (names, names)
        Cholesky factor of the correlations.
    quantiles : array, (names, 2)
        5 and 95 % of each, for tables.
    source : str
        Where it comes from.

    Notes
    -----
    x = q(z), z standard normal, q a smooth rising function with eight corners that follows the
    quantiles of the draws; the z of all names are jointly normal (a normal copula, from the ranks).
    """

    names: tuple[str, ...]
    positive: np.ndarray
    shape: np.ndarray
    root: np.ndarray
    quantiles: np.ndarray
    source: str

    def register(self) -> dict[str, Any]:
        """
        Register all of them in the current ``pm.Model``.

        Returns
        -------
        dict of name to variable
        """
        independent = pm.Normal("carried_at_reference", 0.0, 1.0, shape=len(self.names))
        z = pt.constant(self.root) @ independent
        x = self.shape[:, 0] + sum(
            slope * part for slope, part in zip(self.shape[:, 1:].T, _ramps(z), strict=True)
        )
        return {
            name: pm.Deterministic(name, pt.exp(x[i]) if self.positive[i] else x[i])
            for i, name in enumerate(self.names)
        }


def carry(draws: xr.Dataset, names: Sequence[str], *, source: str) -> Carried:
    """
    Describe draws of single numbers as a smooth joint distribution.

    Parameters
    ----------
    draws : Dataset, dims (chain, draw)
    names : sequence of str
    source : str

    Returns
    -------
    Carried

    Examples
    --------
    >>> values = np.exp(np.random.default_rng(1).normal(-1.0, 0.1, (1, 4000)))
    >>> draws = xr.Dataset({"rate": (("chain", "draw"), values)})
    >>> carried = carry(draws, ["rate"], source="campaign 1")
    >>> carried.quantiles.round(2).tolist()
    [[0.31, 0.43]]
    """
    flat = np.stack([draws[name].to_numpy().ravel() for name in names])
    positive = np.all(flat > 0, axis=1)
    x = np.where(positive[:, None], np.log(np.where(positive[:, None], flat, 1.0)), flat)
    shape = np.array([_shape(values) for values in x])
    z = norm.ppf((np.argsort(np.argsort(x, axis=1), axis=1) + 0.5) / x.shape[1])
    correlation = np.clip(np.atleast_2d(np.corrcoef(z)), -STRONGEST, STRONGEST)
    np.fill_diagonal(correlation, 1.0)
    width, directions = np.linalg.eigh(correlation)
    near = (directions * np.maximum(width, 1.0 - STRONGEST)) @ directions.T
    near /= np.sqrt(np.outer(np.diag(near), np.diag(near)))
    return Carried(
        names=tuple(names),
        positive=positive,
        shape=shape,
        root=np.linalg.cholesky(near),
        quantiles=np.quantile(flat, [0.05, 0.95], axis=1).T,
        source=source,
    )


def carried_names(calibration: Calibration, wanted: Sequence[str]) -> list[str]:
    """Single numbers of a posterior that another calibration asks for."""
    draws = calibration.draws
    return [name for name in wanted if name in draws and draws[name].dims == ("chain", "draw")]


def update(calibration: Calibration, campaign: Any, *, random_seed: int, **options: Any) -> Any:
    """
    Go on with a campaign from the posterior of another, instead of from the first priors.

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
    The joint posterior is carried as a normal copula with the margins of the draws, so two steps
    agree with one fit of all runs up to that approximation.

    Examples
    --------
    >>> from bayesbio.calibrate import fit
    >>> first = fit(campaign_1, model, random_seed=1)  # doctest: +SKIP
    >>> second = update(first, campaign_2, random_seed=2)  # doctest: +SKIP
    """
    from bayesbio.calibrate.fitting import fit

    vary: dict[Any, Any] = dict(calibration.groups)
    for level, blocks in calibration.options.get("together", {}).items():
        for block in blocks:
            for name in block:
                vary[name] = tuple(each for each in vary[name] if each != level)
            key = tuple(block)
            vary[key] = (*vary.get(key, ()), level)
    asked = {"vary": {name: levels for name, levels in vary.items() if levels}, **options}
    return fit(campaign, calibration.model, priors=calibration, random_seed=random_seed, **asked)


def split(priors: Any) -> tuple[Mapping[str, Any], Calibration | None]:
    """
    Tell priors by name from a whole posterior.

    Parameters
    ----------
    priors : mapping, Calibration or None

    Returns
    -------
    mapping of name to prior, and the calibration or None

    Examples
    --------
    >>> split(None)
    ({}, None)
    """
    if priors is None:
        return {}, None
    if hasattr(priors, "draws") and hasattr(priors, "groups"):
        return {}, priors
    return priors, None


def marginal(carried: Carried, name: str) -> tuple[float, float]:
    """5 and 95 % quantiles of one name."""
    low, high = carried.quantiles[carried.names.index(name)]
    return float(low), float(high)


def _ramps(z: Any) -> list[Any]:
    """Parts of z, each rising between two neighbouring knots, that add up to z."""
    soft = [CORNER * _softplus((z - knot) / CORNER) for knot in KNOTS]
    edges = [z, *soft]
    return [edge - after for edge, after in zip(edges[:-1], edges[1:], strict=True)] + [soft[-1]]


def _softplus(x: Any) -> Any:
    return np.logaddexp(0.0, x) if isinstance(x, np.ndarray) else pt.softplus(x)


def _shape(values: np.ndarray) -> np.ndarray:
    """Value at zero and slopes of a rising function through the quantiles of the draws."""
    z, given = norm.ppf(PROBABILITIES), np.quantile(values, PROBABILITIES)
    least = FLATTEST * max((given[-1] - given[0]) / (z[-1] - z[0]), 1e-12)
    columns = np.stack([np.ones_like(z), *_ramps(z)], axis=1)
    lowest = np.full(columns.shape[1], least)
    lowest[0] = -np.inf
    return lsq_linear(columns, given, bounds=(lowest, np.inf)).x

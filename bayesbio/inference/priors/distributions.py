"""Prior distributions from what an expert knows, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.distributions.shape_utils import change_dist_size
from pymc.printing import str_for_dist
from pymc.pytensorf import find_rng_nodes
from pytensor.graph.replace import clone_replace
from pytensor.tensor.variable import TensorVariable
from scipy.stats import norm

from bayesbio.errors import CalibrationError


def between(low: float, high: float, probability: float = 0.9) -> TensorVariable:
    """
    Prior of a quantity that lies between two values with a given probability.

    Parameters
    ----------
    low, high : float
        Ends of the central interval, in the unit of the parameter. With `low` above zero the
        prior is lognormal (the parameter is positive), otherwise normal.
    probability : float
        Probability between `low` and `high`; the rest is split equally over the two tails.

    Returns
    -------
    TensorVariable
        An unnamed PyMC distribution, to be given to `fit(..., priors={...})`.

    Raises
    ------
    CalibrationError
        When the ends are not finite and increasing, or the probability is not within 0 and 1.

    Notes
    -----
    With z the standard normal quantile of (1 + probability) / 2, the mean (of the logarithm when
    lognormal) is the midpoint of the two ends and the standard deviation their distance / (2 z).
    Garthwaite, Kadane and O'Hagan (2005), doi:10.1198/016214505000000105

    Examples
    --------
    >>> describe(between(0.02, 0.06))
    'LogNormal(-3.36, 0.334)'
    >>> prior_quantiles(between(-5.0, 5.0, probability=0.5), [0.25, 0.75]).round(6).tolist()
    [-5.0, 5.0]
    """
    low, high, probability = float(low), float(high), float(probability)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise CalibrationError(
            f"A prior between {low:g} and {high:g} is not possible: give two finite numbers, the "
            "smaller one first."
        )
    if not 0.0 < probability < 1.0:
        raise CalibrationError(
            f"The probability between {low:g} and {high:g} is {probability:g}; it must lie between "
            "0 and 1, for example 0.9."
        )
    distance = 2.0 * float(norm.ppf(0.5 + probability / 2.0))
    if low > 0.0:
        first, last = np.log(low), np.log(high)
        return pm.LogNormal.dist(mu=(first + last) / 2.0, sigma=(last - first) / distance)
    return pm.Normal.dist(mu=(low + high) / 2.0, sigma=(high - low) / distance)


def register(
    name: str, distribution: TensorVariable, *, dims: str | Sequence[str] | None = None
) -> TensorVariable:
    """
    Make an unnamed distribution a random variable of the current model.

    The distribution itself stays untouched, so that one prior can serve several parameters and
    several fits.

    Parameters
    ----------
    name : str
        Name of the variable in the model.
    distribution : TensorVariable
        An unnamed PyMC distribution: `between(...)` or any `pm.<Name>.dist(...)`.
    dims : str or sequence of str, optional
        Dimensions of the model over which independent copies are made.

    Returns
    -------
    TensorVariable
        The random variable.

    Raises
    ------
    CalibrationError
        When `distribution` is not a PyMC distribution.

    Examples
    --------
    >>> prior = between(0.02, 0.06)
    >>> with pm.Model() as model:
    ...     rate = register("maximum_growth_rate", prior)
    >>> model.free_RVs, prior.name
    ([maximum_growth_rate], None)
    """
    require_distribution(distribution, name)
    model = pm.modelcontext(None)
    # Fresh generators: two variables made of one prior must not share their random numbers.
    fresh = {
        node: pytensor.shared(np.random.default_rng()) for node in find_rng_nodes([distribution])
    }
    copy = clone_replace(distribution, replace=fresh)
    names = (dims,) if isinstance(dims, str) else tuple(dims or ())
    if names:
        copy = change_dist_size(copy, tuple(model.dim_lengths[dim] for dim in names), expand=True)
    return model.register_rv(copy, name, dims=names or None)


def registered(name: str, distribution: TensorVariable) -> TensorVariable:
    """
    Variable of the current model with this name, registered from the distribution if there is none.

    A posterior that serves as a prior brings its variables along before the model is built.

    Parameters
    ----------
    name : str
        Name of the variable in the model.
    distribution : TensorVariable
        As for `register`.

    Returns
    -------
    TensorVariable

    Examples
    --------
    >>> with pm.Model() as model:
    ...     rate = registered("rate", between(0.02, 0.06))
    ...     same = registered("rate", between(0.02, 0.06))
    >>> rate is same
    True
    """
    known = pm.modelcontext(None).named_vars
    return known[name] if name in known else register(name, distribution)


def prior_draws(
    distribution: TensorVariable, number: int = 1000, *, random_seed: int
) -> np.ndarray:
    """
    Draw from an unnamed distribution.

    Parameters
    ----------
    distribution : TensorVariable
        An unnamed PyMC distribution.
    number : int
        How many draws.
    random_seed : int
        Same seed, same draws.

    Returns
    -------
    array, (number, ...) in the unit of the parameter

    Raises
    ------
    CalibrationError
        When the distribution cannot be drawn from (a flat prior).

    Examples
    --------
    >>> draws = prior_draws(between(0.02, 0.06), 4000, random_seed=1)
    >>> float(np.mean((draws > 0.02) & (draws < 0.06)).round(1))
    0.9
    """
    require_distribution(distribution)
    try:
        drawn = pm.draw(distribution, number, random_seed=random_seed, mode="FAST_COMPILE")
    except NotImplementedError as error:
        raise CalibrationError(
            f"{describe(distribution)} cannot be drawn from. Give a proper prior instead, for "
            "example priors.between(low, high)."
        ) from error
    return np.asarray(drawn, dtype=float)


def prior_quantiles(
    distribution: TensorVariable, probabilities: Sequence[float] = (0.05, 0.5, 0.95)
) -> np.ndarray:
    """
    Quantiles of an unnamed distribution.

    Exact where PyMC knows the inverse distribution function, otherwise from 20000 draws with a
    fixed seed (relative error of a few per cent in the tails).

    Parameters
    ----------
    distribution : TensorVariable
        An unnamed PyMC distribution of one number.
    probabilities : sequence of float
        Probabilities between 0 and 1.

    Returns
    -------
    array, (len(probabilities),) in the unit of the parameter

    Examples
    --------
    >>> prior_quantiles(between(0.02, 0.06), [0.05, 0.95]).round(6).tolist()
    [0.02, 0.06]
    """
    require_distribution(distribution)
    wanted = np.asarray(probabilities, dtype=float)
    try:
        exact = pm.icdf(distribution, wanted)
    except NotImplementedError:
        return np.quantile(prior_draws(distribution, 20_000, random_seed=0), wanted)
    return np.asarray(exact.eval(mode="FAST_COMPILE"), dtype=float)


def is_positive(distribution: TensorVariable) -> bool:
    """
    Whether a distribution puts no probability below zero.

    Asked of its distribution function. Run effects of a positive parameter are added to its
    logarithm (`varying`).

    Parameters
    ----------
    distribution : TensorVariable
        An unnamed PyMC distribution.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_positive(between(0.02, 0.06)), is_positive(between(-1.0, 1.0))
    (True, False)
    """
    require_distribution(distribution)
    ones = np.ones((1,) * distribution.type.ndim)
    nearest = -1.0 if distribution.type.dtype.startswith("int") else -np.finfo(float).tiny
    try:
        below = pm.logcdf(distribution, nearest * ones)
    except NotImplementedError:  # no distribution function: draws, and the density at their mirror
        drawn = prior_draws(distribution, 2000, random_seed=0)
        return bool(np.all(drawn > 0.0)) and _has_no_density(distribution, -drawn[:20])
    return bool(np.all(np.isneginf(below.eval(mode="FAST_COMPILE"))))


def _has_no_density(distribution: TensorVariable, values: np.ndarray) -> bool:
    densities = [pm.logp(distribution, value) for value in values]
    return bool(np.all(np.isneginf(pt.stack(densities).eval(mode="FAST_COMPILE"))))


def describe(distribution: TensorVariable) -> str:
    """
    Text of a distribution for tables and reports.

    Parameters
    ----------
    distribution : TensorVariable
        A PyMC distribution.

    Returns
    -------
    str

    Examples
    --------
    >>> describe(pm.Truncated.dist(pm.Normal.dist(mu=1.0, sigma=0.5), lower=0.0))
    'TruncatedNormal(1, 0.5, 0, inf)'
    """
    require_distribution(distribution)
    # Gamma.dist(2, 1) holds its scale as the expression 1 / 1: show the number.
    numbers = {
        node: pt.constant(node.eval(mode="FAST_COMPILE"))
        for node in distribution.owner.inputs
        if node.owner is not None and not find_rng_nodes([node])
    }
    shown = clone_replace(distribution, replace=numbers)
    return str_for_dist(shown, formatting="plain", include_params=True)


def require_distribution(distribution: TensorVariable, name: str | None = None) -> None:
    """
    Refuse what is no PyMC distribution, in words.

    Parameters
    ----------
    distribution : TensorVariable
        What came as a prior.
    name : str, optional
        Whose prior it is.

    Raises
    ------
    CalibrationError
        When it is not an unnamed PyMC distribution.

    Examples
    --------
    >>> require_distribution(between(0.02, 0.06))
    """
    owner = getattr(distribution, "owner", None)
    if owner is None or not find_rng_nodes([distribution]):
        whose = f" for {name}" if name else ""
        raise CalibrationError(
            f"The prior{whose} is {distribution!r}; a PyMC distribution was expected, for example "
            "priors.between(0.02, 0.06) or pm.Normal.dist(0.0, 1.0)."
        )

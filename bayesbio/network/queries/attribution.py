"""Variance attribution: Shapley effects, covariance shares, total effects, shares of risk."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from scipy.special import ndtr

from bayesbio.errors import ModelError
from bayesbio.network.draws import NetworkDraws

METHODS = ("shapley", "covariance", "total_effect", "tail")
# Up to this number of dependent inputs, all subsets are enumerated.
EXACT = 14
# Numbers held in memory at once.
_BLOCK = 4_000_000
# A conditional variance below this share of the marginal one is rounding.
_NOTHING = 1e-13


@overload
def shapley_effects(
    gradient: Any,
    covariance: Any,
    *,
    permutations: int = ...,
    random_seed: int = ...,
    return_error: Literal[False] = ...,
) -> np.ndarray: ...


@overload
def shapley_effects(
    gradient: Any,
    covariance: Any,
    *,
    permutations: int = ...,
    random_seed: int = ...,
    return_error: Literal[True],
) -> tuple[np.ndarray, np.ndarray]: ...


def shapley_effects(
    gradient: Any,
    covariance: Any,
    *,
    permutations: int = 1000,
    random_seed: int = 0,
    return_error: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """
    Shapley effects: shares of Var(gradient . X) among dependent normal inputs X.

    The share of an input is what knowing it takes off the variance, averaged over all orders in
    which inputs become known; never negative, and the shares add up to one.

    Parameters
    ----------
    gradient : array, shape (..., n)
    covariance : array, shape (..., n, n)
        Leading dimensions are draws.
    permutations : int
        Orders tried (each also backwards) where n > 14; up to 14 the answer is exact.
    random_seed : int
    return_error : bool
        Whether to give standard errors too (zero where exact).

    Returns
    -------
    array, shape (..., n)
        Shares of the variance, and their standard errors if asked for.

    Raises
    ------
    ModelError
        If shapes do not fit, or the covariance is not one.

    Notes
    -----
    v(u) = Var E[gradient . X | X_u]. Owen (2014), doi:10.1137/130936233; normal inputs: Owen and
    Prieur (2017), doi:10.1137/16M1097717.

    Examples
    --------
    >>> shapley_effects([1.52, 1.0], [[1.0, -0.8], [-0.8, 1.0]])
    array([0.769, 0.231])
    """
    slopes, spread = _checked(gradient, covariance)
    whole = np.einsum("...i,...ij,...j->...", slopes, spread, slopes)
    count = slopes.shape[-1]
    lead = slopes.shape[:-1]
    if count <= EXACT:
        shares = _shapley(explained_by_subsets(slopes, spread), count) / _divisor(whole)
        shares = np.moveaxis(shares, 0, -1)
        return (shares, np.zeros_like(shares)) if return_error else shares
    flat = [values.reshape(-1, *values.shape[len(lead) :]) for values in (slopes, spread)]
    rng = np.random.default_rng(random_seed)
    parts = [_by_permutations(g, s, permutations, rng) for g, s in zip(*flat, strict=True)]
    shares, errors = (np.array(part).reshape(*lead, count) for part in zip(*parts, strict=True))
    return (shares, errors) if return_error else shares


def covariance_share(gradient: Any, covariance: Any) -> np.ndarray:
    """
    Covariance shares of the variance of gradient . X: g_i Cov(X_i, g . X) / Var(g . X).

    Adds up to one, but is negative where an input works against what it goes along with: no
    Shapley value.

    Parameters
    ----------
    gradient : array, shape (..., n)
    covariance : array, shape (..., n, n)

    Returns
    -------
    array, shape (..., n)

    Raises
    ------
    ModelError
        If shapes do not fit, or the covariance is not one.

    Examples
    --------
    >>> covariance_share([1.52, 1.0], [[1.0, -0.8], [-0.8, 1.0]])
    array([ 1.246, -0.246])
    """
    slopes, spread = _checked(gradient, covariance)
    along = np.einsum("...ij,...j->...i", spread, slopes)
    whole = np.einsum("...i,...i->...", slopes, along)
    return slopes * along / _divisor(whole)[..., None]


@dataclasses.dataclass(frozen=True, eq=False)
class Criticality:
    """
    How much each input matters for a target.

    Attributes
    ----------
    target, method : str
    inputs : tuple of str
    shares : array, shape (draws, inputs)
        Of the target's variance; of the variance of being out of specification for "tail".
    """

    target: str
    method: str
    inputs: tuple[str, ...]
    shares: np.ndarray

    @property
    def explained(self) -> np.ndarray:
        """Share of all inputs together in every draw, shape (draws,)."""
        return self.shares.sum(axis=1)

    def summary(self) -> pd.DataFrame:
        """
        Shares, largest first.

        Returns
        -------
        DataFrame
            Index input; columns mean, eti_5, eti_50, eti_95, probability_first.
        """
        quantiles = np.quantile(self.shares, [0.05, 0.5, 0.95], axis=0)
        first = np.bincount(self.shares.argmax(axis=1), minlength=len(self.inputs))
        table = pd.DataFrame(
            {
                "mean": self.shares.mean(axis=0),
                **dict(zip(("eti_5", "eti_50", "eti_95"), quantiles, strict=True)),
                "probability_first": first / len(self.shares),
            },
            index=pd.Index(self.inputs, name="input"),
        )
        return table.sort_values("mean", ascending=False, kind="stable")


def criticality(
    posterior: NetworkDraws,
    target: str,
    *,
    inputs: Sequence[str] | None = None,
    method: str = "shapley",
    draws: int = 1000,
    random_seed: int = 0,
) -> Criticality:
    """
    Share the variance of a target, or its risk, among inputs.

    Parameters
    ----------
    posterior : NetworkDraws
    target : str
    inputs : sequence of str, optional
        By default the roots upstream of the target; for "total_effect" the target and
        everything upstream of it.
    method : {"shapley", "covariance", "total_effect", "tail"}
        Attribution method: Shapley effects; covariance shares; the residual variance of each node
        times its squared total effect; or Shapley effects of being out of specification.
    draws : int
        At most so many draws.
    random_seed : int
        Of the permutations where there are more than 14 dependent inputs.

    Returns
    -------
    Criticality

    Raises
    ------
    ModelError
        An unknown method or input; a target without specification, or too many inputs, for "tail".

    Notes
    -----
    Total effects are (I - B)^-1, times sqrt(variance): Bollen (1989), Structural Equations with
    Latent Variables, doi:10.1002/9781118619179. Method "tail" shares the variance of the
    probability to leave the limits, E over what is known, as `shapley_effects` of the indicator.

    Examples
    --------
    >>> from bayesbio.network import NetworkPosterior, ProcessNetwork
    >>> network = ProcessNetwork(["a", "b", "y"], [("a", "y"), ("b", "y")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept=dict(a=0, b=0, y=0), coefficients={("a", "y"): 2, ("b", "y"): 1},
    ...     variance=dict(a=1, b=4, y=2))
    >>> criticality(known, "y").summary()["mean"].to_dict()
    {'a': 0.4, 'b': 0.4}
    """
    if method not in METHODS:
        raise ModelError(f"There is no attribution method {method!r}; use {', '.join(METHODS)}.")
    thin = posterior.thinned(draws)
    at = thin.index(target)
    upstream = thin.network.ancestors(target)
    if inputs is None:
        roots = [name for name in upstream if not thin.network.parents(name)]
        chosen = [*upstream, target] if method == "total_effect" else roots
    else:
        chosen = list(inputs)
    if not chosen or (target in chosen and method != "total_effect"):
        raise ModelError(f"{target!r} needs inputs other than itself; upstream: {list(upstream)}.")
    indices = thin.indices(chosen)
    effect = thin.graph_index.gradient(thin.effects_by_edge, at).T
    contributions = effect**2 * thin.variance
    whole = contributions.sum(axis=1)
    if method == "total_effect":
        return Criticality(
            target, method, tuple(chosen), contributions[:, indices] / _divisor(whole)[:, None]
        )
    if method == "tail" and len(chosen) > EXACT:
        raise ModelError(f"The method 'tail' takes at most {EXACT} inputs; {len(chosen)} came.")
    if method != "tail" and not any(thin.network.parents(name) for name in chosen):
        shares = (
            contributions[:, indices] / _divisor(whole)[:, None]
        )  # independent inputs: all methods agree
        return Criticality(target, method, tuple(chosen), shares)
    _, joint = thin.moments([*chosen, target], standardised=True)
    spread, along = joint[:, :-1, :-1], joint[:, :-1, -1]
    slope = (np.linalg.pinv(spread, hermitian=True) @ along[:, :, None])[:, :, 0]
    known = np.einsum("si,si->s", slope, along) / _divisor(whole)
    if method == "covariance":
        shares = covariance_share(slope, spread) * known[:, None]
    elif method == "shapley":
        shares = shapley_effects(slope, spread, random_seed=random_seed) * known[:, None]
    else:
        limits = thin.standardised_limits(target)
        mean, _ = thin.moments(target, standardised=True)
        low, high = ((limit - mean[:, 0]) / np.sqrt(_divisor(whole)) for limit in limits)
        part = np.clip(explained_by_subsets(slope, spread) / _divisor(whole), 0.0, 1.0)
        chance = ndtr(high) - ndtr(low)
        shares = _shapley(_indicator_covariance(part, low, high), len(chosen)).T
        shares = shares / _divisor(chance * (1.0 - chance))[:, None]
    return Criticality(target, method, tuple(chosen), shares)


def explained_by_subsets(gradient: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """
    Var E[gradient . X | X_u] for every subset u of the inputs; n axes of 2 (out, in), then draws.

    Inputs are eliminated one after another, in or out of the subset, by Schur complements; subsets
    with the same beginning share the work.
    """
    count, lead = gradient.shape[-1], gradient.shape[:-1]
    slopes, spread = gradient.reshape(-1, count), covariance.reshape(-1, count, count)
    along = np.einsum("sij,sj->si", spread, slopes)
    whole = np.einsum("si,si->s", slopes, along)
    table = np.empty((len(slopes), count + 1, count + 1))
    table[:, :count, :count] = spread
    table[:, :count, count] = table[:, count, :count] = along
    table[:, count, count] = whole
    result = np.empty((2**count, len(slopes)))
    step = max(1, _BLOCK // (4 * 2**count))
    for start in range(0, len(slopes), step):
        part = table[start : start + step]
        left = part[None]
        size = np.diagonal(part, axis1=1, axis2=2)
        for k in range(count):
            pivot = left[:, :, 0, 0]
            known = pivot > _NOTHING * size[:, k]
            column = left[:, :, 1:, 0]
            scaled = np.where(known, 1.0 / np.where(known, pivot, 1.0), 0.0)[..., None] * column
            rest = left[:, :, 1:, 1:]
            taken = rest - scaled[..., :, None] * column[..., None, :]
            left = np.stack([rest, taken], axis=1).reshape(-1, *rest.shape[1:])
        result[:, start : start + step] = whole[start : start + step] - left[:, :, 0, 0]
    return result.reshape(*[2] * count, *lead)


def _shapley(values: np.ndarray, count: int) -> np.ndarray:
    """Shapley value of each input, shape (n, ...); values as above."""
    sizes = np.indices([2] * (count - 1)).reshape(count - 1, -1).sum(axis=0) if count > 1 else 0
    weights = np.array([1.0 / (count * math.comb(count - 1, k)) for k in range(count)])[sizes]
    rows = []
    for k in range(count):
        gained = np.take(values, 1, axis=k) - np.take(values, 0, axis=k)
        gained = gained.reshape(2 ** (count - 1), *values.shape[count:])
        rows.append(np.tensordot(np.atleast_1d(weights), gained, axes=1))
    return np.array(rows)


def _by_permutations(
    gradient: np.ndarray, covariance: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Average increments over random orders and their reverses: one Cholesky factor each."""
    size = len(gradient)
    along = covariance @ gradient
    whole = float(gradient @ along)
    if not whole > 0.0:
        return np.zeros(size), np.zeros(size)
    # The outcome is the last row of the factored matrix: its entries are what each input adds.
    table = np.empty((size + 1, size + 1))
    scale = np.diagonal(covariance)
    table[:size, :size] = covariance + np.diag(1e-12 * np.where(scale > 0.0, scale, 1.0))
    table[:size, size] = table[size, :size] = along
    table[size, size] = 2.0 * whole
    half = max(1, count // 2)
    total, squares = np.zeros(size), np.zeros(size)
    step = max(1, _BLOCK // (2 * size * size))
    for start in range(0, half, step):
        block = min(step, half - start)
        orders = rng.permuted(np.tile(np.arange(size), (block, 1)), axis=1)
        both = np.concatenate([orders, orders[:, ::-1]])
        index = np.concatenate([both, np.full((len(both), 1), size)], axis=1)
        factor = np.linalg.cholesky(table[index[:, :, None], index[:, None, :]])
        added = np.empty((len(both), size))
        np.put_along_axis(added, both, factor[:, size, :size] ** 2, axis=1)
        pairs = 0.5 * (added[:block] + added[block:]) / whole
        total += pairs.sum(axis=0)
        squares += (pairs**2).sum(axis=0)
    mean = total / half
    variance = np.maximum(squares / half - mean**2, 0.0)
    return mean, np.sqrt(variance / max(half - 1, 1))


def _indicator_covariance(part: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """
    Var P(low < Y < high | inputs that explain that part of the variance of Y).

    Two copies of Y that share the part are binormal with that correlation; the covariance of their
    indicators is an integral over the correlation (Plackett 1954, doi:10.1093/biomet/41.3-4.351).
    """
    nodes, weights = np.polynomial.legendre.leggauss(32)
    angle = np.arcsin(part)
    total = np.zeros_like(part)
    for node, weight in zip(nodes, weights, strict=True):
        turned = 0.5 * angle * (node + 1.0)
        sine, cosine = np.sin(turned), np.maximum(np.cos(turned), 1e-150)
        density = np.zeros_like(part)
        for first, second, sign in ((low, low, 1.0), (high, high, 1.0), (low, high, -2.0)):
            finite = np.isfinite(first) & np.isfinite(second)
            a, b = np.where(finite, first, 0.0), np.where(finite, second, 0.0)
            power = (a - b) ** 2 / (2.0 * cosine**2) + a * b / (1.0 + sine)
            density += np.where(finite, sign * np.exp(-power), 0.0)
        total += 0.5 * weight * density
    return total * angle / (2.0 * np.pi)


def _checked(gradient: Any, covariance: Any) -> tuple[np.ndarray, np.ndarray]:
    slopes, spread = np.asarray(gradient, float), np.asarray(covariance, float)
    count = slopes.shape[-1] if slopes.ndim else 0
    if not count or spread.shape[-2:] != (count, count):
        raise ModelError(
            f"A gradient of shape {slopes.shape} came with a covariance of shape {spread.shape}; "
            "expected (..., n) and (..., n, n)."
        )
    lead = np.broadcast_shapes(slopes.shape[:-1], spread.shape[:-2])
    slopes = np.broadcast_to(slopes, (*lead, count))
    spread = np.broadcast_to(spread, (*lead, count, count))
    turned = np.swapaxes(spread, -1, -2)
    scale = np.sqrt(np.abs(np.einsum("...ii->...i", spread)))
    size = scale[..., :, None] * scale[..., None, :]
    if not np.isfinite(spread).all() or (np.abs(spread - turned) > 1e-8 * size + 1e-300).any():
        raise ModelError("The covariance is not symmetric and finite.")
    if (np.abs(spread) > (1.0 + 1e-8) * size + 1e-300).any() or (
        np.einsum("...ii->...i", spread) < 0.0
    ).any():
        raise ModelError("The covariance holds a correlation beyond 1 or a negative variance.")
    return slopes, spread


def _divisor(whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0.0, whole, np.inf)

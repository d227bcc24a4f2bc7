"""Global sensitivity analysis: Sobol indices and Shapley effects of uncertain inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.errors import ModelError
from bayesbio.surrogate.points import check_choice
from bayesbio.surrogate.polynomial_chaos.expansion import PolynomialChaos
from bayesbio.surrogate.simulator_runs import (
    checked_inputs,
    quantiles,
    run_simulator,
    sobol_points,
)

DEFAULT_RUNS = {"polynomial_chaos": 1000, "sobol": 2**16}
FEWEST_ROWS = 64


def global_sensitivity(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    *,
    method: str = "polynomial_chaos",
    n: int | None = None,
    probability: float = 0.9,
    draws: int = 1000,
    random_seed: int = 0,
) -> xr.Dataset:
    """
    Sobol indices and Shapley effects: the variance of a simulator shared among its inputs.

    Parameters
    ----------
    function : callable
        Takes one array per input by name, all of one length (or the table of them as its one
        argument), and returns one number per row. ``numpy.vectorize`` makes one of a function
        that computes one point at a time.
    inputs : mapping of str to frozen continuous SciPy distribution
        How each input varies, independently of the others.
    method : "polynomial_chaos" or "sobol"
        A polynomial surrogate with a posterior, accurate from few runs of a smooth simulator; or
        plain averages over a Sobol sequence, which assume nothing but need many runs.
    n : int, optional
        Runs of the simulator in all: 1000 for polynomial chaos; 65536 for "sobol", which rounds
        down to a power of two times (2 inputs + 1).
    probability : float
        Of the central intervals.
    draws : int
        Posterior draws, or bootstrap resamples, behind the intervals.
    random_seed : int
        Seed of the points and the draws.

    Returns
    -------
    Dataset with dims (bound, input)
        Shares of the output variance [1]: `first_order` (the input alone), `total` (with all its
        interactions), `shapley` (interactions divided fairly; they add up to 1), and the interval
        of each, `<name>_interval`. Attributes: `method`, `runs`, `probability`, `mean`,
        `variance` of the answer, `leave_one_out_q2` for polynomial chaos, and `caution`, a
        sentence, empty where there is nothing to say.

    Raises
    ------
    ModelError
        If a distribution, the method or n cannot be used, or the answer is not finite or does not
        vary.

    Notes
    -----
    Polynomial chaos: see `PolynomialChaos`. "sobol": first-order by Saltelli et al. (2010),
    doi:10.1016/j.cpc.2009.09.018, total by Jansen (1999), doi:10.1016/S0010-4655(98)00154-4,
    Shapley effects along random permutations by Goda (2021), doi:10.1016/j.ress.2021.107702, the
    mean of his estimator walked in both directions: (f(x) - f(z)) (f(w_j) - f(w_(j-1))) / 2.
    Their intervals are percentiles of a bootstrap over rows; points of a Sobol sequence are more
    even than chance, so these err on the wide side.

    Examples
    --------
    >>> from scipy.stats import norm, uniform
    >>> shares = global_sensitivity(
    ...     lambda yield_, feed: yield_ * feed,
    ...     {"yield_": norm(1.0, 0.3), "feed": norm(1.0, 0.4)}, n=100)
    >>> shares["first_order"].values.round(3), shares["shapley"].values.round(3)
    (array([0.34 , 0.605]), array([0.368, 0.632]))
    """
    inputs = checked_inputs(inputs)
    check_choice("method", method, tuple(DEFAULT_RUNS))
    if not 0.0 < probability < 1.0:
        raise ModelError(f"probability is {probability}; it lies between 0 and 1, such as 0.9.")
    if draws < 2:
        raise ModelError(f"draws is {draws}; an interval needs at least 2, better 1000.")
    runs = DEFAULT_RUNS[method] if n is None else int(n)
    estimate = _by_polynomial_chaos if method == "polynomial_chaos" else _by_sobol_sequence
    points, resampled, facts = estimate(function, inputs, runs, draws, random_seed)
    tails = [(1.0 - probability) / 2.0, (1.0 + probability) / 2.0]
    shares: dict[str, Any] = {}
    for name in ("first_order", "total", "shapley"):
        shares[name] = ("input", points[name], {"units": "1"})
        bounds = np.quantile(resampled[name], tails, axis=0)
        shares[f"{name}_interval"] = (("bound", "input"), bounds, {"units": "1"})
    return xr.Dataset(
        shares,
        coords={"input": list(inputs), "bound": ["lower", "upper"]},
        attrs={"method": method, "probability": probability, **facts},
    )


def _by_polynomial_chaos(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    runs: int,
    draws: int,
    random_seed: int,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, Any]]:
    """Posterior means and draws of the indices, and facts about the expansion."""
    expansion = PolynomialChaos(inputs).run(function, n=runs, draws=draws, random_seed=random_seed)
    drawn = expansion.index_draws()
    facts = {
        "runs": len(expansion.data),
        "mean": expansion.mean,
        "variance": float(np.sum(expansion.coefficients**2) + expansion.leave_one_out_error**2),
        "leave_one_out_q2": expansion.leave_one_out_q2,
        "terms": len(expansion.terms),
        "caution": " ".join(expansion.warnings),
    }
    return {name: values.mean(axis=0) for name, values in drawn.items()}, drawn, facts


def _by_sobol_sequence(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    runs: int,
    draws: int,
    random_seed: int,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, Any]]:
    """Estimates, bootstrap resamples of them, and facts about the runs."""
    size = len(inputs)
    per_row = 2 * size + 1
    if runs < FEWEST_ROWS * per_row:
        raise ModelError(
            f"n is {runs}; a Sobol sequence over {size} inputs needs at least "
            f"{FEWEST_ROWS * per_row} runs ({per_row} at each of {FEWEST_ROWS} points). Give more "
            "runs, or use method='polynomial_chaos'."
        )
    rows = 2 ** int(np.log2(runs // per_row))
    rng = np.random.default_rng((random_seed, 1))
    points = sobol_points(rows, 2 * size, random_seed=random_seed)
    base, other = points[:, :size], points[:, size:]

    def answers(at: np.ndarray) -> np.ndarray:
        return run_simulator(function, quantiles(at, inputs))

    at_base, at_other = answers(base), answers(other)
    both = np.concatenate([at_base, at_other])
    middle = both.mean()
    if np.ptp(both) <= 1e-14 * np.abs(both).max():
        raise ModelError(
            f"The function is {both[0]:.6g} at all {len(both)} points: it does not vary, so there "
            "is no variance to share out. Check that it uses its inputs."
        )
    at_base, at_other = at_base - middle, at_other - middle
    first, total, shapley = (np.empty((rows, size)) for _ in range(3))
    for i in range(size):
        mixed = base.copy()
        mixed[:, i] = other[:, i]
        at_mixed = answers(mixed) - middle
        first[:, i] = at_other * (at_mixed - at_base)
        total[:, i] = (at_base - at_mixed) ** 2 / 2.0
    order = rng.permuted(np.tile(np.arange(size), (rows, 1)), axis=1)
    walk, before, every = other.copy(), at_other, np.arange(rows)
    for step in range(size):  # from the other point to the base point, one input at a time
        moved = order[:, step]
        walk[every, moved] = base[every, moved]
        after = answers(walk) - middle if step < size - 1 else at_base
        shapley[every, moved] = (at_base - at_other) * (after - before) / 2.0
        before = after
    moments = np.column_stack([at_base + at_other, at_base**2 + at_other**2, first, total, shapley])
    counts = rng.multinomial(rows, np.full(rows, 1.0 / rows), size=draws)
    resampled = _ratios(counts @ moments / rows, size)
    estimated = _ratios(moments.mean(axis=0, keepdims=True), size)
    half = np.ptp(np.quantile(resampled["total"], [0.05, 0.95], axis=0), axis=0).max() / 2.0
    facts = {
        "runs": rows * per_row,
        "mean": float(middle),
        "variance": float(both.var()),
        "caution": ""
        if half < 0.05
        else (
            f"The shares are known to about {half:.2g} only; give more runs (n= was {runs}), or "
            "use method='polynomial_chaos'."
        ),
    }
    return {name: values[0] for name, values in estimated.items()}, resampled, facts


def _ratios(moments: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """Divide mean contributions by the variance; rows of moments are resamples."""
    variance = moments[:, 1] / 2.0 - (moments[:, 0] / 2.0) ** 2
    shares = moments[:, 2 : 2 + 2 * size] / variance[:, None]
    walked = moments[:, 2 + 2 * size :]  # adds up to half the mean squared difference of two ends
    return {
        "first_order": shares[:, :size],
        "total": shares[:, size:],
        "shapley": walked / walked.sum(axis=1, keepdims=True),
    }

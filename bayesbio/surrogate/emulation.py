"""Emulation: a fast surrogate of a slow simulator, with its error and its domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scipy.stats import uniform

from bayesbio.errors import ModelError
from bayesbio.surrogate.gaussian_process.regression import (
    GaussianProcessPosterior,
    GaussianProcessRegression,
)
from bayesbio.surrogate.points import check_choice
from bayesbio.surrogate.polynomial_chaos.expansion import (
    PolynomialChaos,
    PolynomialChaosPosterior,
)
from bayesbio.surrogate.simulator_runs import quantiles, run_simulator, sobol_points

OPTIONS = {
    "gaussian_process": ("draws", "tune", "chains", "noise", "unit"),
    "polynomial_chaos": ("draws", "unit"),
}
RUNS_PER_INPUT = 10


def emulate(
    simulator: Callable[..., Any],
    *,
    ranges: Mapping[str, tuple[float, float]],
    n: int | None = None,
    method: str = "gaussian_process",
    random_seed: int = 0,
    **options: Any,
) -> GaussianProcessPosterior | PolynomialChaosPosterior:
    """
    Run a simulator over a box of inputs, and learn a surrogate of it.

    Parameters
    ----------
    simulator : callable
        Takes one array per input by name (or the table of them), returns one number per row.
    ranges : mapping of str to (low, high)
        The box: what each input may be.
    n : int, optional
        Number of runs, on a scrambled Sobol sequence; ten per input by default, at least 16.
    method : {"gaussian_process", "polynomial_chaos"}
        The first suits up to about 200 runs; the second thousands, and gives sensitivity indices.
    random_seed : int
        Same seed, same runs and draws.
    **options
        Of `GaussianProcessRegression.fit`: draws, tune, chains, unit, noise (0 by default: a
        simulator that is asked twice answers the same); of `PolynomialChaos.fit`: draws, unit.

    Returns
    -------
    GaussianProcessPosterior or PolynomialChaosPosterior
        Both have `predict(points, noise=, outside=, random_seed=)`, `summary`, `check`, `save`,
        `leave_one_out_q2` and `warnings`; ask with outside="refuse" to be stopped at the border.

    Raises
    ------
    ModelError
        If a range is empty, the method is unknown, or the simulator's answer is not finite.

    Examples
    --------
    >>> surrogate = emulate(lambda feed, pH: feed * (1.0 - (pH - 7.0) ** 2),
    ...                     ranges={"feed": (1.0, 2.0), "pH": (6.8, 7.2)},
    ...                     method="polynomial_chaos", n=32)
    >>> surrogate.leave_one_out_q2 > 0.99
    True
    """
    check_choice("method", method, tuple(OPTIONS))
    for option in options:
        check_choice(f"an option of {method}", option, OPTIONS[method])
    if not isinstance(ranges, Mapping) or not ranges:
        raise ModelError(
            f"ranges is {ranges!r}; give (low, high) for each input, such as "
            "{'temperature': (303.0, 313.0)}."
        )
    for name, (low, high) in ranges.items():
        if not low < high:
            raise ModelError(f"The range of {name!r} is {low:g} to {high:g}; expected low < high.")
    number = max(16, RUNS_PER_INPUT * len(ranges)) if n is None else n
    inputs = {name: uniform(low, high - low) for name, (low, high) in ranges.items()}
    if method == "polynomial_chaos":
        return PolynomialChaos(inputs).run(simulator, n=number, random_seed=random_seed, **options)
    table = quantiles(sobol_points(number, len(inputs), random_seed=random_seed), inputs)
    return GaussianProcessRegression().fit(
        table,
        run_simulator(simulator, table),
        domain=ranges,
        random_seed=random_seed,
        **{"noise": 0.0, **options},
    )

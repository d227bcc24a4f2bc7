"""Draws from a log density that is a plain function of numbers, with its gradient."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import nutpie
import xarray as xr

from bayesbio.errors import CalibrationError

LogDensityFunction = Callable[[np.ndarray], tuple[float, np.ndarray]]


class _NotFinite(ValueError):
    """The density could not be computed; the sampler takes it for a divergence and goes on."""

    is_recoverable = True


def sample_function(
    log_density: LogDensityFunction,
    *,
    start: np.ndarray,
    draws: int = 500,
    tune: int = 300,
    random_seed: int,
    target_accept: float = 0.9,
    on_divergence: float | None = 0.99,
) -> xr.DataTree:
    """
    Draw from a density that no compiled model describes, with the no-U-turn sampler.

    Parameters
    ----------
    log_density : callable
        Takes a point, array of shape (size,); gives the log density and its gradient. A value that
        is not finite means that the point cannot be.
    start : array of shape (chains, size)
        Where each chain starts; not exactly at a mode, where the gradient says nothing.
    draws, tune : int
        Draws kept and tuning draws thrown away, per chain.
    random_seed : int
        Same seed, same draws.
    target_accept : float
        Mean acceptance the step size is adapted to.
    on_divergence : float, optional
        When chains diverge, all are run once more with this target acceptance.

    Returns
    -------
    DataTree
        `posterior` with the variable point, dims (chain, draw, coordinate), and `sample_stats`
        with diverging, non_finite and energy.

    Raises
    ------
    CalibrationError
        If the density is not finite at a start.

    Examples
    --------
    >>> tree = sample_function(lambda x: (-0.5 * float(x @ x), -x), start=np.ones((2, 3)),
    ...                        draws=200, tune=200, random_seed=1)
    >>> dict(tree["posterior"].sizes)
    {'chain': 2, 'draw': 200, 'coordinate': 3}
    """
    start = np.atleast_2d(np.asarray(start, dtype=float))
    chains, size = start.shape
    for chain, point in enumerate(start):
        if not np.isfinite(log_density(point)[0]):
            raise CalibrationError(
                f"The log density is not finite where chain {chain} should start: {point}."
            )
    seeds = np.random.SeedSequence(random_seed).spawn(chains)

    def checked(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_density(point)
        if not np.isfinite(value):
            raise _NotFinite("the log density is not finite here")
        return value, gradient

    finer = [] if on_divergence is None else [on_divergence]
    for acceptance in [target_accept, *finer]:
        branches = [
            nutpie.sample(
                nutpie.compiled_pyfunc.from_pyfunc(
                    size,
                    lambda: checked,
                    lambda *_: lambda point: {"point": point},
                    [np.dtype(float)],
                    [(size,)],
                    ["point"],
                    coords={"coordinate": np.arange(size)},
                    dims={"point": ("coordinate",)},
                    make_initial_point_fn=lambda _, first=first: first,
                ),
                draws=draws,
                tune=tune,
                chains=1,
                cores=1,
                seed=int(seeds[chain].generate_state(1, np.uint64)[0]),
                adaptation="low_rank",
                target_accept=acceptance,
                save_warmup=False,
                progress_bar=False,
            )
            for chain, first in enumerate(start)
        ]
        diverging = np.array(
            [branch["sample_stats/diverging"].to_numpy()[0] for branch in branches]
        )
        if not diverging.any():
            break
    posterior = xr.Dataset(
        {
            "point": (
                ("chain", "draw", "coordinate"),
                np.array([branch["posterior/point"].to_numpy()[0] for branch in branches]),
            )
        },
        attrs={
            "random_seed": random_seed,
            "tuning_steps": tune,
            "target_accept": acceptance,
            "adaptation": "low_rank",
            "inference_library": "nutpie",
            "inference_library_version": version("nutpie"),
        },
    )
    energy = np.array([branch["sample_stats/energy"].to_numpy()[0] for branch in branches])
    stats = xr.Dataset(
        {"diverging": (("chain", "draw"), diverging), "energy": (("chain", "draw"), energy)}
    )
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})

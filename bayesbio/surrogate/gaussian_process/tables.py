"""Hyperparameters of Gaussian processes as an ArviZ tree, and their verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.inference.diagnostics.posterior_checks import verdict_of
from bayesbio.inference.diagnostics.verdict import Verdict, VerdictItem
from bayesbio.surrogate.gaussian_process.conditioning import GaussianProcessDraws
from bayesbio.surrogate.gaussian_process.inputs import OutcomeTransform
from bayesbio.surrogate.gaussian_process.kernels import Linear
from bayesbio.surrogate.points import Domain

LEFT_OUT_COVERAGE = (0.7, 1.0)


def hyperparameters(
    gaussian_process: GaussianProcessDraws,
    *,
    domain: Domain,
    transform: OutcomeTransform,
    unit: str,
    prefix: str = "",
) -> dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]:
    """
    Hyperparameters of one Gaussian process in the units of its data.

    Returns
    -------
    dict of str to (dims, array, attributes)
        `amplitude`, `slope`, `noise` in the unit of the outcome (relative after a log link),
        `length_scale` in the units of the inputs, `roughness` a ratio; names with the prefix.
    """
    draws = gaussian_process
    shape = (draws.chains, draws.draws // draws.chains)
    if transform.link == "log":
        unit = "1 (relative)"
    variables: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]] = {}

    def add(name: str, values: np.ndarray, unit: str, *dims: str) -> None:
        values = values.reshape(*shape, *values.shape[1:])
        variables[prefix + name] = (("chain", "draw", *dims), values, {"units": unit})

    for term, columns in zip(draws.covariance.terms, draws.covariance.blocks, strict=True):
        natural = np.exp(draws.parameters[:, columns])
        amplitude, extra, scales = np.split(natural, [1, 1 + len(term.extra)], axis=1)
        if isinstance(term, Linear):
            add("slope", transform.spread * amplitude[:, 0], f"{unit} over the domain")
            continue
        add("amplitude", transform.spread * amplitude[:, 0], unit)
        if term.extra:
            add("roughness", extra[:, 0], "1")
        inputs = len(domain.names)
        add("length_scale", scales[:, :inputs] * domain.widths, "unit of the input", "input")
        if scales.shape[1] > inputs:
            add("length_scale_below", scales[:, -1], "sd of the fidelity below")
    if draws.eta.shape[1]:
        add("noise", transform.spread * np.exp(draws.eta[:, 0]), unit)
        if draws.eta.shape[1] > 1:
            add("noise_slope", draws.eta[:, 1:], "log over half the domain", "input")
    return variables


def posterior_tree(
    variables: Mapping[str, Any],
    processes: Sequence[GaussianProcessDraws],
    *,
    inputs: Sequence[str],
) -> xr.DataTree:
    """Hyperparameters of independent processes, with their sampler statistics, as one tree."""
    shape = (processes[0].chains, processes[0].draws // processes[0].chains)
    coords = {
        "chain": np.arange(shape[0]),
        "draw": np.arange(shape[1]),
        "input": list(inputs),
    }
    diverging = np.any([process.diverging for process in processes], axis=0).reshape(shape)
    energy = np.sum([process.energy for process in processes], axis=0).reshape(shape)
    posterior = xr.Dataset(dict(variables), coords=coords)
    stats = xr.Dataset(
        {"diverging": (("chain", "draw"), diverging), "energy": (("chain", "draw"), energy)},
        coords={"chain": coords["chain"], "draw": coords["draw"]},
    )
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})


def left_out_draws(
    process: GaussianProcessDraws, *, random_seed: int, most: int = 400
) -> np.ndarray:
    """Leave-one-out predictive draws of the readings, standardised: shape (draws, readings)."""
    rng = np.random.default_rng((random_seed, 2))
    chosen = np.linspace(0, process.draws - 1, min(most, process.draws)).astype(int)
    drawn = np.empty((len(chosen), len(process.values)))
    for i, draw in enumerate(chosen):
        mean, deviation = process.left_out(int(draw))
        drawn[i] = mean + deviation * rng.standard_normal(len(mean))
    return drawn


def judge(tree: xr.DataTree, left_out: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Verdict:
    """
    Verdict: convergence of log hyperparameters, and coverage of left-out readings.

    Parameters
    ----------
    tree : DataTree
    left_out : mapping of str to (draws, readings)
        For each process: predictive draws of every reading from the others, and the readings.
    """
    logged = (
        tree["posterior"]
        .to_dataset()
        .map(lambda values: values if (values <= 0).any() else np.log(values), keep_attrs=True)
    )
    items = list(
        verdict_of(
            xr.DataTree.from_dict(
                {"posterior": logged, "sample_stats": tree["sample_stats"].to_dataset()}
            )
        ).items
    )
    for name, (drawn, values) in left_out.items():
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        share = float(np.mean((values >= low) & (values <= high)))
        passed = LEFT_OUT_COVERAGE[0] <= share
        of = f" of {name}" if name else ""
        items.append(
            VerdictItem(
                f"left-out coverage{of}",
                share,
                f">= {LEFT_OUT_COVERAGE[0]:g}",
                passed,
                f"{share:.0%} of the {len(values)} readings{of} lie in the 90 % interval that the "
                "others give them.",
                ""
                if passed
                else "Look at the readings outside; let noise be estimated, or take "
                "family='matern52'.",
                advisory=True,
                question="model",
            )
        )
    return Verdict(tuple(items))


def hash_of(*arrays: Any) -> str:
    """Sha256 of arrays and texts."""
    digest = hashlib.sha256()
    for array in arrays:
        if isinstance(array, str):
            digest.update(array.encode())
        else:
            values = np.ascontiguousarray(np.asarray(array, dtype=float))
            digest.update(str(values.shape).encode())
            digest.update(values.tobytes())
    return digest.hexdigest()

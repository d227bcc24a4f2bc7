"""Draws of Gaussian processes as tables for a reader, and as a verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.inference.diagnostics.draws import summary_table
from bayesbio.inference.diagnostics.judgement import verdict_of
from bayesbio.inference.diagnostics.verdict import Verdict, VerdictItem
from bayesbio.surrogate.gaussian_process.covariance import Linear
from bayesbio.surrogate.gaussian_process.hyperparameter_draws import ProcessDraws
from bayesbio.surrogate.gaussian_process.inputs import Domain, OutcomeScale

LEFT_OUT_COVERAGE = (0.7, 1.0)


def hyperparameters(
    process: ProcessDraws, *, prefix: str, domain: Domain, scale: OutcomeScale
) -> dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]:
    """
    Hyperparameters of one process on readable scales.

    Returns
    -------
    dict of str to (dims, array, attributes)
        `amplitude`, `slope`, `noise` in the unit of the outcome (relative on a log scale),
        `length_scale` in the units of the inputs, `roughness` a ratio; names with the prefix.
    """
    shape = (process.chains, process.draws // process.chains)
    unit = "1 (relative)" if scale.kind == "log" else "unit of the outcome"
    found: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]] = {}

    def put(name: str, values: np.ndarray, unit: str, dim: str | None = None) -> None:
        dims = ("chain", "draw") if dim is None else ("chain", "draw", dim)
        found[f"{prefix}{name}"] = (dims, values.reshape(*shape, *values.shape[1:]), {"unit": unit})

    for term, place in zip(process.covariance.terms, process.covariance.places, strict=True):
        own = process.parameters[:, place]
        if isinstance(term, Linear):
            put("slope", scale.spread * np.exp(own[:, 0]), f"{unit} over the domain")
            continue
        extra = len(term.extra)
        put("amplitude", scale.spread * np.exp(own[:, 0]), unit)
        if extra:
            put("roughness", np.exp(own[:, 1]), "1")
        scales = np.exp(own[:, 1 + extra :])
        inputs = len(domain.names)
        put("length_scale", scales[:, :inputs] * domain.widths, "unit of the input", "input")
        if scales.shape[1] > inputs:
            put("length_scale_below", scales[:, -1], "sd of the fidelity below")
    if process.eta.shape[1]:
        put("noise", scale.spread * np.exp(process.eta[:, 0]), unit)
        if process.eta.shape[1] > 1:
            put("noise_slope", process.eta[:, 1:], "log over half the domain", "input")
    return found


def posterior_tree(
    variables: Mapping[str, Any], processes: Sequence[ProcessDraws], *, inputs: Sequence[str]
) -> xr.DataTree:
    """Put hyperparameters of independent processes, and how they were sampled, into one tree."""
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


def summary_of(tree: xr.DataTree) -> pd.DataFrame:
    """One row a number: unit, mean, sd, eti_5, eti_50, eti_95, r_hat, ess_bulk, ess_tail."""
    posterior = tree["posterior"].to_dataset()
    return summary_table(posterior, lambda name, _: posterior[name].attrs.get("unit", ""))


def left_out_draws(process: ProcessDraws, *, random_seed: int, most: int = 400) -> np.ndarray:
    """Draw every reading, standardised, from the others: shape (draws, readings)."""
    rng = np.random.default_rng((random_seed, 2))
    chosen = np.linspace(0, process.draws - 1, min(most, process.draws)).astype(int)
    found = np.empty((len(chosen), len(process.values)))
    for place, draw in enumerate(chosen):
        mean, deviation = process.left_out(int(draw))
        found[place] = mean + deviation * rng.standard_normal(len(mean))
    return found


def judge(tree: xr.DataTree, left_out: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Verdict:
    """
    Judge chains, and say how readings were predicted from the others.

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

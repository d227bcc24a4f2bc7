"""From the sampler's standardised draws to a posterior on the scale of the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy import special

from bayesbio.titer.regression.group_effects import MAKES
from bayesbio.titer.regression.likelihood import log_likelihood
from bayesbio.titer.regression.linear_predictor import added_up, grouped
from bayesbio.titer.regression.posterior import TiterPosterior

if TYPE_CHECKING:
    from bayesbio.titer.regression.model import Problem

PREDICTIVE_DRAWS = 1000  # of all chains together, for the verdict


def assembled(problem: Problem, tree: xr.DataTree, *, random_seed: int) -> TiterPosterior:
    """Bring draws to the scale of the model, and add what the verdict looks at."""
    sampled = tree["posterior"].to_dataset()
    spread, centre = problem.spread, problem.centre

    def scaled(name: str, *dims: str, factor: float = spread) -> tuple[tuple[str, ...], Any]:
        return (("chain", "draw", *dims), factor * sampled[name].to_numpy())

    found: dict[str, Any] = {
        "intercept": (("chain", "draw"), centre + spread * sampled["intercept_score"].to_numpy()),
        "effect": scaled("effect_score", "column"),
        "effect_scale": scaled("effect_scale_score", "term"),
        "noise": scaled("noise_score"),
    }
    coords: dict[str, Any] = {
        "chain": sampled["chain"].to_numpy(),
        "draw": sampled["draw"].to_numpy(),
        "column": list(problem.design.labels),
        "term": [term.label for term in problem.design.terms],
    }
    if problem.makes is not None:
        found["makes_intercept"] = scaled("makes_intercept", factor=1.0)
        found["makes_effect"] = scaled("makes_effect_score", "makes_column", factor=1.0)
        found["makes_effect_scale"] = scaled("makes_effect_scale_score", "makes_term", factor=1.0)
        coords["makes_column"] = list(problem.makes.labels)
        coords["makes_term"] = [term.label for term in problem.makes.terms]
    for one, (names, _) in problem.levels.items():
        coords[one.group] = list(names)
        for prefix, factor in (("", spread), (MAKES, 1.0)):
            by, between = f"{prefix}by_{one.name}", f"{prefix}sd_{one.name}"
            if f"{by}_score" in sampled:
                found[between] = scaled(f"{between}_score", factor=factor)
                found[by] = scaled(f"{by}_score", one.group, factor=factor)
    for name in (*problem.design.shape_names, *problem.model.family.unknown_names[1:]):
        dims = [f"{name}_part"] * (sampled[name].ndim - 2)
        found[name] = scaled(name, *dims, factor=1.0)
    if "cell" in sampled:
        found["cell"] = scaled("cell", "cell_number", factor=1.0)
    posterior = xr.Dataset(found, coords=coords, attrs=sampled.attrs)
    fitted = TiterPosterior(
        table=problem.table,
        response=problem.model.response,
        scale=problem.scale,
        design=problem.design,
        makes=problem.makes,
        population=problem.population,
        family=problem.model.family,
        levels={one: names for one, (names, _) in problem.levels.items()},
        mixtures=tuple(problem.model.mixtures),
        posterior=xr.DataTree.from_dict(
            {"posterior": posterior, "sample_stats": tree["sample_stats"].to_dataset()}
        ),
        random_seed=random_seed,
        noticed=problem.noticed,
    )
    whole = xr.DataTree.from_dict(
        {
            **{name: fitted.posterior[name].to_dataset() for name in fitted.posterior.children},
            **_predictive_groups(problem, fitted),
        }
    )
    return dataclasses.replace(fitted, posterior=whole)


def _predictive_groups(problem: Problem, fitted: TiterPosterior) -> dict[str, xr.Dataset]:
    """Draw readings in the rows that were fitted, and give the log density of those measured."""
    sizes = fitted.posterior["posterior"].sizes
    step = max(1, sizes["chain"] * sizes["draw"] // PREDICTIVE_DRAWS)
    thin = slice(None, None, step)
    draws = {
        name: values.reshape(sizes["chain"], sizes["draw"], *values.shape[1:])[:, thin].reshape(
            -1, *values.shape[1:]
        )
        for name, values in fitted.all_draws.items()
    }
    count = len(draws["intercept"])
    rng = np.random.default_rng([problem.readings.value.size, 11])
    cells: Mapping[str, Any] = problem.cells
    if "cell" in draws:
        _, uncertain = problem.population.rows(problem.cells)
        at = [
            (problem.population.names[factor], int(row))
            for row, factor in zip(*np.nonzero(uncertain), strict=True)
        ]
        cells = problem.population.filled(problem.cells, at, draws["cell"])
    frame = problem.table.to_frame()
    location = draws["intercept"][:, None] + added_up(
        problem.design, cells, draws, "effect", frame, rng
    )
    location = location + grouped(fitted.levels, frame, cells, draws, "", rng, [])
    makes = None
    if problem.makes is not None:
        makes = draws["makes_intercept"][:, None] + added_up(
            problem.makes, cells, draws, "makes_effect", frame, rng
        )
        makes = makes + grouped(fitted.levels, frame, cells, draws, MAKES, rng, [])
    readings, family = problem.readings, problem.model.family
    values = {name: draws[name][:, None] for name in family.unknown_names}
    parts = log_likelihood(
        family,
        readings,
        (location - problem.centre) / problem.spread,
        values["noise"] / problem.spread,
        values,
        makes=makes,
    )
    density = np.empty_like(location)
    for flag, part in parts.items():
        density[:, readings.flag == flag] = part
    # Densities are of the reading itself, so that scales can be compared.
    quantified = readings.flag == ""
    observed = problem.table[problem.model.response]
    density[:, quantified] -= np.log(problem.spread)
    if problem.scale == "log":
        density[:, quantified] -= np.log(observed[quantified])
    spread = np.sqrt(values["noise"] ** 2 + (readings.assay * problem.spread) ** 2)
    drawn = location + spread * family.draw(location.shape, values, rng)
    drawn = np.exp(drawn) if problem.scale == "log" else np.maximum(drawn, fitted.floor)
    if makes is not None:
        drawn = np.where(rng.uniform(size=drawn.shape) < special.expit(makes), drawn, 0.0)
    name = problem.model.response
    row = f"{name}_row"
    shape = (sizes["chain"], count // sizes["chain"], len(frame))
    flags = np.where(readings.flag == "zero", "", readings.flag).astype(object)
    coords = {row: np.arange(len(frame)), f"{name}_flag": (row, flags)}
    dims = ("chain", "draw", row)
    return {
        "posterior_predictive": xr.Dataset({name: (dims, drawn.reshape(shape))}, coords=coords),
        "log_likelihood": xr.Dataset({name: (dims, density.reshape(shape))}, coords=coords),
        "observed_data": xr.Dataset({name: (row, observed)}, coords=coords),
    }

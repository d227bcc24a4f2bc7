"""Rescaling of the sampler's standardised draws, and the groups that the verdict looks at."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesbio.titer.regression.draws import TiterDraws
from bayesbio.titer.regression.group_effects import PRODUCTION
from bayesbio.titer.regression.problem import Problem

PREDICTIVE_DRAWS = 1000  # of all chains together, for the verdict


def rescaled(problem: Problem, tree: xr.DataTree) -> xr.DataTree:
    """Bring draws to the scale of the transformed titer."""
    sampled = tree["posterior"].to_dataset()
    spread, centre = problem.response.spread, problem.response.centre
    found: dict[str, Any] = {}

    def put(
        name: str, *dims: str, source: str = "", factor: float = 1.0, shift: float = 0.0
    ) -> None:
        values = shift + factor * sampled[source or name].to_numpy()
        found[name] = (("chain", "draw", *dims), values)

    put("intercept", source="intercept_score", factor=spread, shift=centre)
    put("effect", "column", source="effect_score", factor=spread)
    put("effect_prior_sd", "term", source="effect_prior_sd_score", factor=spread)
    put("noise", source="noise_score", factor=spread)
    coords: dict[str, Any] = {
        "chain": sampled["chain"].to_numpy(),
        "draw": sampled["draw"].to_numpy(),
        "column": list(problem.design.labels),
        "term": [term.label for term in problem.design.terms],
    }
    if problem.production_design is not None:
        effect = f"{PRODUCTION}effect"
        put(f"{PRODUCTION}intercept")
        put(effect, f"{PRODUCTION}column", source=f"{effect}_score")
        put(f"{effect}_prior_sd", f"{PRODUCTION}term", source=f"{effect}_prior_sd_score")
        coords[f"{PRODUCTION}column"] = list(problem.production_design.labels)
        coords[f"{PRODUCTION}term"] = [t.label for t in problem.production_design.terms]
    for one, levels in problem.levels.items():
        coords[one.group] = list(levels.names)
        for prefix, factor in (("", spread), (PRODUCTION, 1.0)):
            by, between = f"{prefix}by_{one.name}", f"{prefix}sd_{one.name}"
            if not (prefix and (problem.production_design is None or one.slope is not None)):
                put(between, source=f"{between}_score", factor=factor)
                put(by, one.group, source=f"{by}_score", factor=factor)
    for name in (*problem.design.shape_units, *problem.model.family.unknown_names[1:]):
        put(name, *[f"{name}_part"] * (sampled[name].ndim - 2))
    if problem.factor_distribution.rows(problem.cells)[1].any():
        put("missing_cell", "cell_number")
    posterior = xr.Dataset(found, coords=coords, attrs=sampled.attrs)
    groups = {"posterior": posterior, "sample_stats": tree["sample_stats"].to_dataset()}
    return xr.DataTree.from_dict(groups)


def predictive_groups(problem: Problem, fitted: TiterDraws) -> dict[str, xr.Dataset]:
    """Replicated readings in the rows that were fitted, and log densities of the measured ones."""
    sizes = fitted.posterior["posterior"].sizes
    step = max(1, sizes["chain"] * sizes["draw"] // PREDICTIVE_DRAWS)
    chosen = np.arange(fitted.number).reshape(sizes["chain"], sizes["draw"])[:, ::step]
    thin = chosen.ravel()
    response, readings = problem.response, problem.response.readings
    rng = np.random.default_rng([readings.value.size, 11])
    rows = problem.rows()
    if "missing_cell" in fitted.flat:
        filled = problem.factor_distribution.filled(rows.cells, fitted.flat["missing_cell"][thin])
        rows = rows.replace(cells=filled)
    at = fitted.linear_predictor(rows, rng, thin)
    law = response.distribution.standardised(response.centre, response.spread)
    values = {name: fitted.flat[name][thin][:, None] for name in problem.model.family.unknown_names}
    parts = law.log_likelihood(
        readings,
        (at.location - response.centre) / response.spread,
        values["noise"] / response.spread,
        values,
        at.production_logit,
    )
    density = np.empty_like(at.location)
    for flag, part in parts.items():
        density[:, readings.flag == flag] = part
    # Densities are of the reading itself, so that transforms can be compared.
    quantified = readings.flag == ""
    observed = problem.table[problem.model.response]
    density[:, quantified] -= np.log(response.spread)
    if problem.transform == "log":
        density[:, quantified] -= np.log(observed[quantified])
    drawn = fitted.drawn(at, rng, thin, readings.assay * response.spread)
    name = problem.model.response
    row = f"{name}_row"
    shape = (*chosen.shape, len(rows))
    flags = np.where(readings.flag == "zero", "", readings.flag).astype(object)
    coords = {row: np.arange(len(rows)), f"{name}_flag": (row, flags)}
    dims = ("chain", "draw", row)
    return {
        "posterior_predictive": xr.Dataset({name: (dims, drawn.reshape(shape))}, coords=coords),
        "log_likelihood": xr.Dataset({name: (dims, density.reshape(shape))}, coords=coords),
        "observed_data": xr.Dataset({name: (row, observed)}, coords=coords),
    }

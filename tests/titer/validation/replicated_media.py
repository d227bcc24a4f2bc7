"""Replicated cultures of media, and a posterior of stated draws."""

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.data import Table, TableColumn
from bayesbio.titer import Linear, TiterModel, TiterPosterior

LINE = [Linear("x")]
MODEL = TiterModel("titer", transform="identity", terms=LINE, varying=["medium"])
WITHIN, BETWEEN = 0.3, 1.0


def replicates(media=12, *, slope=2.0, level=20.0, seed=1):
    """Three cultures of each medium, which share what the medium does beside x."""
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.uniform(-1.7, 1.7, media), 3)
    shared = np.repeat(BETWEEN * rng.normal(size=media), 3)
    frame = pd.DataFrame(
        {
            "medium": np.repeat([f"M{place}" for place in range(media)], 3),
            "x": x,
            "titer": level + slope * x + shared + WITHIN * rng.normal(size=3 * media),
        }
    )
    levels = tuple(dict.fromkeys(frame["medium"]))
    columns = [
        TableColumn("medium", "group", levels=levels),
        TableColumn("x", "factor"),
        TableColumn("titer", "response", "g/L"),
    ]
    return Table(frame, columns)


def posterior_of(problem, draws, *, seed=1, **given):
    """Make a posterior of draws that were not sampled: those given, on the model's scale."""
    rng = np.random.default_rng(seed)
    made = {
        "intercept_score": 0.3 * rng.normal(size=draws),
        "effect_score": 0.5 + 0.3 * rng.normal(size=(draws, len(problem.design.labels))),
        "effect_prior_sd_score": np.ones((draws, len(problem.design.terms))),
        "noise_score": rng.uniform(0.3, 0.6, draws),
    }
    if problem.production_design is not None:
        made["production_intercept"] = rng.normal(size=draws)
        labels, terms = problem.production_design.labels, problem.production_design.terms
        made["production_effect_score"] = rng.normal(size=(draws, len(labels)))
        made["production_effect_prior_sd_score"] = np.ones((draws, len(terms)))
    for one, levels in problem.levels.items():
        for prefix in ("", "production_"):
            if not prefix or (problem.production_design is not None and one.slope is None):
                made[f"{prefix}sd_{one.name}_score"] = rng.uniform(0.8, 1.5, draws)
                made[f"{prefix}by_{one.name}_score"] = rng.normal(size=(draws, len(levels.names)))
    for name in problem.model.family.unknown_names[1:]:
        made[name] = rng.uniform(3.0, 9.0, draws)
    made |= given
    sampled = xr.Dataset(
        {
            name: (("chain", "draw", *[f"{name}_part"] * (values.ndim - 1)), values[None])
            for name, values in made.items()
        },
        coords={"chain": [0], "draw": np.arange(draws)},
    )
    stats_of = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((1, draws), bool))})
    tree = xr.DataTree.from_dict({"posterior": sampled, "sample_stats": stats_of})
    return TiterPosterior.of_sampled(problem, tree, {"random_seed": seed})

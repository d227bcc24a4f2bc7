"""
Which components of the medium drive malate in Lipomyces starkeyi, and which media come next?

339 cultures: 113 media in triplicate over three rounds of design (data/lstarkeyi_malate_media.md).
The three cultures of a medium agree far better than media do, so the medium is what is explained,
by the median of its cultures. Half of them are zero: either such a medium gives none (a hurdle), or
less than the assay sees (a censored reading). Both are fitted, and judged on media left out.
"""

from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.data import Table, read_table
from bayesbio.inference import pool_scores, table_folds
from bayesbio.report import (
    Section,
    draw_held_out,
    draw_key_factors,
    draw_partial_effects,
    draw_surface,
    write_report,
)
from bayesbio.surrogate import table_scores, tabular_forecast
from bayesbio.titer import Hurdle, StudentT, TiterModel, titer_forecast

arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--quick", action="store_true", help="fewer draws and folds")
arguments.add_argument("--out", type=Path, default=Path("reports"), help="folder of the reports")
options, _ = arguments.parse_known_args()  # a notebook brings arguments of its own
draws = dict(draws=700, tune=600) if options.quick else dict(draws=800, tune=800)
few_draws = (
    dict(draws=50, tune=150, chains=1) if options.quick else dict(draws=250, tune=400, chains=2)
)
MATTERS = 0.5  # g/L

# %% Read: one row a medium, the median of its cultures (odd single readings are in the card)
cultures = read_table(Path(__file__).parents[1] / "data" / "lstarkeyi_malate_media.csv")
by_medium = cultures.to_frame().groupby("run", sort=False)
frame = by_medium.first().assign(malate=by_medium["malate"].median()).reset_index()
names = ["round", *cultures.factors, "malate"]
table = Table(frame[names], [cultures.column(name) for name in names])
malate = table["malate"]
smallest = malate[malate > 0.0].min()
print(table)

# %% Fit: media of a round have something in common, odd readings weigh less
hurdle = TiterModel("malate", scale="natural", likelihood=Hurdle(StudentT()), varying=["round"])
censored = TiterModel(
    "malate",
    scale="natural",
    likelihood=StudentT(),
    detection_limit=smallest,
    varying=["round"],
)
fitted = hurdle.fit(table, random_seed=20260601, **draws)
print(fitted.check())

# %% Check: what is held out decides how good a method looks
ways = {
    "media": table_folds(table, number=5),
    "rounds": table_folds(table, by="round"),
}
if options.quick:
    ways = {"media": table_folds(table, number=2)[:1]}
forecasters = {
    "hurdle": titer_forecast(hurdle, random_seed=1, **few_draws),
    "censored": titer_forecast(censored, random_seed=1, **few_draws),
    **{
        name: tabular_forecast(name, response="malate")
        for name in ("lasso", "lasso with interactions", "random forest")
    },
}
scores = {
    way: pool_scores(table_scores(table, "malate", forecasters, folds=parts)).droplevel("quantity")
    for way, parts in ways.items()
}
held_out = pd.DataFrame({way: scored["crps"] for way, scored in scores.items()})
cover = pd.DataFrame({way: scored["coverage_90"] for way, scored in scores.items()})
held_out = held_out.sort_values("media")
print(held_out.round(3), cover.round(2), sep="\n")

# %% Predict: key components, their curves, and media to try next
keys = fitted.key_factors(MATTERS)
pairs = fitted.interactions(MATTERS)
leading = list(keys.index[:6])
curves = [fitted.partial_effect(name) for name in leading]
surface = fitted.interaction_surface(*pairs.index[0], points=11)
media = fitted.suggest(4, random_seed=3)
best = malate.max()
zeros = pd.DataFrame(
    {
        "probability of product": fitted.draws("makes_effect").mean(axis=0),
        "eti_5": np.quantile(fitted.draws("makes_effect"), 0.05, axis=0),
        "eti_95": np.quantile(fitted.draws("makes_effect"), 0.95, axis=0),
    },
    index=pd.Index(fitted.makes.labels, name="component"),
).sort_values("probability of product", key=np.abs, ascending=False)

# %% Report
named = keys.index[keys["key"]]
first = ", ".join(named[:4]) if len(named) else "no single component"
order = " and ".join(f"{held_out.loc[name, 'media']:.2f} g/L" for name in ("hurdle", "censored"))
answer = (
    f"Malate is moved most by {first}: with more than even odds {len(named)} of the "
    f"{len(fitted.factors)} components change it by over {MATTERS:g} g/L. On media left out the "
    f"CRPS of hurdle and censored model is {order}"
    + (
        f"; on a round left out {held_out.loc['hurdle', 'rounds']:.2f} g/L against "
        f"{held_out.loc['hurdle', 'media']:.2f} on media: a new round is harder to predict."
        if "rounds" in held_out
        else "."
    )
)
if not fitted.check().passed:
    answer = f"Not a result yet, some checks failed. {answer}"
settings = media.rename_axis("suggestion")
write_report(
    options.out / "titer_key_factors",
    fitted,
    title="Which components of the medium drive malate, and which media come next?",
    answer=answer,
    show=draw_key_factors(keys, response="malate"),
    sections=[
        Section(
            "Along each component",
            "Expected malate of a new medium in a new round, averaged over the media tried: median "
            "and 90 % band.",
            figure=draw_partial_effects(curves, response="malate"),
        ),
        Section(
            "The pair that acts together most",
            f"The change of malate over the range of {pairs.index[0][0]} differs by more than "
            f"{MATTERS:g} g/L between the ends of {pairs.index[0][1]} with probability "
            f"{pairs['probability_matters'].iloc[0]:.2f}.",
            figure=draw_surface(surface, response="malate"),
            table=pairs.head(6),
        ),
        Section(
            "Whether there is malate at all",
            f"{int((malate == 0.0).sum())} of {len(table)} media give none. Change of the log odds "
            "of making malate per standard deviation of a component.",
            table=zeros.head(8),
        ),
        Section(
            "Held out by medium and by round",
            "Media left out at random come from rounds that were seen; a new round is what a "
            "prediction is for.",
            figure=draw_held_out(held_out, unit="g/L"),
            table=cover.rename_axis("coverage of 90 % intervals").round(2),
        ),
        Section(
            "Media to try next",
            "Chosen together by expected improvement over the best medium so far (median of its "
            f"three cultures {best:.1f} g/L), within the ranges that were tried; components as in "
            "the table, eti_5 to eti_95 the malate expected of one culture [g/L].",
            table=settings.T.rename_axis("component"),
        ),
        Section(
            "What cannot be told apart",
            "\n\n".join(keys.attrs["warnings"])
            or "No two components go together so closely that one could stand for the other.",
        ),
    ],
    scores=scores["media"].reset_index(names="method").set_index("method"),
    metrics={
        f"crps_{name}_{way}": float(v) for way in held_out for name, v in held_out[way].items()
    }
    | {"key_components": len(named), "largest_median": float(best)},
)
print(answer)

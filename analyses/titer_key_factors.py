"""
Which components of the medium drive malate in Lipomyces starkeyi, and which media come next?

339 cultures: 113 media in triplicate over three rounds of design (data/lstarkeyi_malate_media.md).
Half of the readings are zero: either such a medium gives none (a hurdle), or less than the assay
sees (a censored reading). Both are fitted to every culture, with what the cultures of a medium and
of a round have in common, and judged on each medium and each round left out, and on cultures.
"""

from argparse import ArgumentParser
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from bayesbio.baselines import table_scores, tabular_forecast
from bayesbio.data import read_table
from bayesbio.inference import pool_scores, table_folds
from bayesbio.report import (
    Section,
    draw_held_out,
    draw_key_factors,
    draw_partial_effects,
    draw_surface,
    write_report,
)
from bayesbio.titer import Hurdle, TiterModel, leave_out, titer_forecast

arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--quick", action="store_true", help="fewer draws and folds")
arguments.add_argument("--out", type=Path, default=Path("reports"), help="folder of the reports")
options, _ = arguments.parse_known_args()  # a notebook brings arguments of its own
draws = dict(draws=100, tune=200, chains=2) if options.quick else {}
few_draws = (
    dict(draws=50, tune=150, chains=1) if options.quick else dict(draws=200, tune=300, chains=2)
)
MATTERS = 0.5  # g/L

# %% Read: every culture (odd single readings are in the card)
table = read_table(Path(__file__).parents[1] / "data" / "lstarkeyi_malate_media.csv")
malate = table["malate"]
smallest = malate[malate > 0.0].min()
zeros_of = table.to_frame().assign(zero=malate == 0.0).groupby("run")["zero"].mean()
undecided = int(((zeros_of > 0.0) & (zeros_of < 1.0)).sum())
print(table)

# %% Fit: cultures of a medium and of a round have something in common beside what is in them
shared = ["round", "run"]
models = {
    "hurdle": TiterModel("malate", transform="identity", likelihood=Hurdle(), varying=shared),
    "censored": TiterModel(
        "malate", transform="identity", detection_limit=smallest, varying=shared
    ),
}
fits, seconds = {}, {}
for name, model in models.items():
    began = perf_counter()
    fits[name] = model.fit(table, random_seed=20260601, **draws)
    seconds[name] = perf_counter() - began
    print(name, f"{seconds[name]:.0f} s", fits[name].check(), sep="\n", flush=True)

# %% Check: what is held out decides how good a method looks
each_medium = table_folds(table, by="run", number=0)[:: 40 if options.quick else 1]
ways = {"media": each_medium}
if not options.quick:
    ways |= {"rounds": table_folds(table, by="round"), "cultures": table_folds(table, number=3)[:1]}
refits = {name: titer_forecast(model, random_seed=1, **few_draws) for name, model in models.items()}
baselines = {
    name: tabular_forecast(name, response="malate", group="run")
    for name in ("lasso", "lasso with interactions", "random forest")
}
without = {
    name: leave_out(
        model,
        table,
        fits[name],
        by="run",
        largest_pareto_k=np.inf if options.quick else 0.7,
        random_seed=1,
        **few_draws,
    )
    for name, model in models.items()
}
media_scores = [
    one.scores[one.scores["run"].isin([fold.name for fold in each_medium])].assign(model=name)
    for name, one in without.items()
]
scores = {}
for way, parts in ways.items():
    forecasters = baselines if way == "media" else refits | baselines
    told = table_scores(table, "malate", forecasters, folds=parts)
    if way == "media":
        by_medium = told.pivot(index="run", columns="model", values="crps")
        told = pd.concat([*media_scores, told])
    scores[way] = pool_scores(told).droplevel("quantity")
    print(way, scores[way][["crps", "coverage_90"]].round(3), sep="\n", flush=True)
held_out = pd.DataFrame({way: scored["crps"] for way, scored in scores.items()})
cover = pd.DataFrame({way: scored["coverage_90"] for way, scored in scores.items()})
held_out = held_out.sort_values("media")
better = min(models, key=lambda name: held_out.loc[name, "media"])
fitted, hurdle = fits[better], fits["hurdle"]
# Weights keep the pairs that screening chose with every medium in sight; a refit chooses again.
method = without[better].groups["method"]
fitted_again = int((method == "exact refit").sum())
some = [fold for fold in each_medium if method[fold.name] != "exact refit"][::9]
again = table_scores(table, "malate", {"refit": refits[better]}, folds=some).set_index("run")
beside = without[better].scores.set_index("run")["crps"].loc[again.index]
gains = again["crps"] - beside
from_data = by_medium.loc[again.index].mean().min()

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
        "log odds of product": hurdle.flat["production_effect"].mean(axis=0),
        "eti_5": np.quantile(hurdle.flat["production_effect"], 0.05, axis=0),
        "eti_95": np.quantile(hurdle.flat["production_effect"], 0.95, axis=0),
    },
    index=pd.Index(hurdle.regression.production_design.labels, name="component"),
).sort_values("log odds of product", key=np.abs, ascending=False)
between, within = (float(np.median(fitted.flat[name])) for name in ("sd_run", "noise"))
verdicts = pd.DataFrame(
    {
        name: {
            "passed": one.check().passed,
            "R-hat, largest": one.check()["R-hat"].value,
            "effective draws, fewest": one.check()["bulk ESS"].value,
            "divergences": one.check()["divergences"].value,
            "seconds of fitting": seconds[name],
            "media fitted again": (without[name].groups["method"] == "exact refit").sum(),
        }
        for name, one in fits.items()
    }
).T.rename_axis("model")

# %% Report
named = keys.index[keys["key"]]
first = ", ".join(named[:4]) if len(named) else "no single component"
order = " and ".join(f"{held_out.loc[name, 'media']:.2f} ({name})" for name in models)
answer = (
    f"Malate is moved most by {first}: with more than even odds {len(named)} of the "
    f"{len(fitted.factors)} components change it by over {MATTERS:g} g/L. For media left out the "
    f"CRPS is {order} g/L; the {better} model is shown. That flatters, as pairs were screened with "
    f"every medium in sight: fitted again without them, {len(some)} media have "
    f"{again['crps'].mean():.2f} instead of {beside.mean():.2f}, and {from_data:.2f} by the best "
    "method from data."
)
if "rounds" in held_out:
    answer += (
        f" The CRPS is {held_out.loc[better, 'cultures']:.2f} g/L where other cultures of the same "
        f"medium were seen, and {held_out.loc[better, 'rounds']:.2f} g/L for a round left out: "
        "what is held out decides how good a model looks."
    )
if not fitted.check().passed:
    answer = f"Not a result yet, some checks failed. {answer}"
settings = media.rename_axis("suggestion")
unknown = [
    f"Beside all that is known of their components, media differ by {between:.1f} g/L (standard "
    f"deviation), the cultures of one medium by {within:.1f} g/L: that part is in no component of "
    "the table, alone or in the pairs that were kept.",
    f"Only {undecided} of {len(zeros_of)} media have both a zero and a culture with malate. How "
    "strongly a medium decides beyond its components (production_sd_run, of the log odds) "
    "therefore rests on its prior.",
    "No medium was made in two rounds, so what a round does and what its media share cannot be "
    "told apart.",
    *keys.attrs["warnings"],
]
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
            f"{int((malate == 0.0).sum())} of {len(table)} cultures give none. Change of the log "
            "odds of making malate per standard deviation of a component (hurdle).",
            table=zeros.head(8),
        ),
        Section(
            "Held out: cultures, media, rounds",
            "Cultures left out at random leave others of their medium behind, which tell nearly "
            "everything; a new medium, or a new round, is what a prediction is for. A third of the "
            f"cultures, each of the {len(each_medium)} media and each round in turn. A medium is "
            "left out with its three cultures and what they share, by weighing the draws of the "
            f"whole fit; the model is fitted again for the {fitted_again} media where weights do "
            "not do (Pareto k above 0.7). The weighted draws keep the pairs that screening chose "
            "with the medium in sight. How much that "
            f"flatters: for {len(some)} media fitted again from the beginning, screening "
            f"included, the CRPS is {again['crps'].mean():.2f} g/L, by weights "
            f"{beside.mean():.2f} (difference {gains.mean():+.2f}, standard error "
            f"{gains.sem():.2f}). The baselines never saw the medium; the best of them has "
            f"{from_data:.2f} there.",
            figure=draw_held_out(held_out, unit="g/L"),
            table=cover.rename_axis("coverage of 90 % intervals").round(2),
        ),
        Section(
            "Hurdle or censored reading?",
            "Both models have the same terms: 18 lines, 18 squares and the 30 interactions that "
            "screening kept (one of a pair must act by itself). The censored model takes a zero as "
            "less than the smallest reading, so one regression explains whether there is malate "
            "and how much; the hurdle has one for each.",
            table=verdicts.join(held_out.add_prefix("CRPS, "), how="left"),
        ),
        Section(
            "Media to try next",
            "Chosen together by expected improvement over the best culture so far "
            f"({best:.1f} g/L), within the ranges that were tried; components as in "
            "the table, eti_5 to eti_95 the malate expected of one culture [g/L].",
            table=settings.T.rename_axis("component"),
        ),
        Section(
            "What cannot be told",
            "\n\n".join(unknown),
        ),
    ],
    scores=scores["media"].reset_index(names="method").set_index("method"),
    metrics={
        f"crps_{name}_{way}": float(v) for way in held_out for name, v in held_out[way].items()
    }
    | {f"seconds_of_fitting_{name}": took for name, took in seconds.items()}
    | {
        "media_fitted_again": fitted_again,
        "crps_of_some_media_by_weights": float(beside.mean()),
        "crps_of_some_media_fitted_again": float(again["crps"].mean()),
        "crps_of_some_media_from_data": float(from_data),
        "key_components": len(named),
        "largest_reading": float(best),
    },
)
print(answer)

"""
Will the largest vessel behave as the smaller ones say, and how sure can that be?

A response was followed at 10 L, 100 L, 4 m3 and 100 m3 (data/bioreactor_scales.md). Learned from
the three smaller scales, the curve at 100 m3 is predicted and compared with what was read there;
then each scale in turn is predicted from the others, beside methods without a model of curves.
Laws, priors and weights were fixed on virtual scale-ups before any of these readings was scored.
"""

import json
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.errors import DataError
from bayesbio.report import (
    Section,
    draw_scale_errors,
    draw_scale_parity,
    draw_scale_residuals,
    draw_scale_trends,
    draw_scale_weights,
    draw_scales,
    draw_variance_parts,
    write_report,
)
from bayesbio.scaleup import LAWS, ScaleModel, leave_one_scale_out, read_scales

HERE = Path(__file__).resolve().parents[1]
arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=Path, default=HERE / "data" / "bioreactor_scales.csv")
arguments.add_argument("--target", default=None, help="column of the response")
arguments.add_argument("--unit", default="1", help="its unit")
arguments.add_argument("--train", default="10,100,4000", help="volumes to learn from [L]")
arguments.add_argument("--predict", type=float, default=100_000.0, help="volume to predict [L]")
arguments.add_argument("--quick", action="store_true", help="fewer draws")
arguments.add_argument(
    "--out", type=Path, help="folder of the reports; metrics.json lies there too"
)
options, _ = arguments.parse_known_args()  # a notebook brings arguments of its own
folder = options.out or Path("reports")
effort = dict(draws=500, tune=400) if options.quick else dict(draws=600, tune=400)
rough = dict(draws=150, tune=200, chains=2)
SCORES = ("rmse", "mae", "crps", "log_score", "coverage_90", "width_90")
SOURCE_RMSE, SOURCE_CRPS = 1.796, 2.88  # of the method published with these data

# %% Read
campaign = read_scales(options.data, target=options.target, unit=options.unit)
(quantity,) = campaign.quantities
unit = campaign.units[quantity]
volumes = {run.name: float(run.settings["volume"]) for run in campaign}
known = sorted(set(volumes.values()))
train = [float(volume) for volume in options.train.split(",")]
learned_from = [name for name, volume in volumes.items() if np.isclose(volume, train).any()]
print(campaign)
if len({volumes[name] for name in learned_from}) < 2:
    raise DataError(f"--train {options.train} names fewer than two of the scales {known} L.")

# %% Fit: every scale left out in turn; the fit that learns from the training scales is one of them
model = ScaleModel()
validation = leave_one_scale_out(campaign, model, random_seed=20260601, **effort)
held = validation
others = [volume for volume in known if not np.isclose(volume, options.predict)]
is_known = len(others) < len(known)
if is_known and sorted(train) == others:
    fit = validation.fits[next(v for v in known if v not in others)]
elif is_known:
    held = leave_one_scale_out(
        campaign, model, volumes=[options.predict], train=train, random_seed=20260601, **effort
    )
    (fit,) = held.fits.values()
else:
    fit = model.fit(campaign.select(learned_from), random_seed=20260601, **effort)

print(validation.scores[validation.scores["model"] == "scale model"].to_string(index=False))
# All laws together, to compare them: each is judged alone on the same folds.
menu = ScaleModel(law=list(LAWS))
compared = leave_one_scale_out(campaign, menu, baselines=[], random_seed=20260602, **rough)
largest = compared.fits[max(compared.fits)]

# %% Check
print(fit.check())
print(validation.means())
scale_scores = validation.scores.pivot(index="model", columns="volume", values="crps")
by_law = compared.by_law.pivot(index="law", columns="volume", values="crps")
mixed = compared.scores.set_index("volume")["crps"].rename("equal mix of all")
by_law = pd.concat([by_law, mixed.to_frame().T]).rename_axis("law").reset_index()
own = validation.scores[validation.scores["model"] == "scale model"].set_index("volume")

# %% Predict: the target volume, from the training scales
prediction = fit.predict(options.predict, random_seed=1)
sensitivity = fit.prior_sensitivity(options.predict, random_seed=1)
print(prediction.attrs["extrapolation"])
last = prediction[quantity].isel(run=0, time=-1).to_numpy().ravel()
low, middle, high = np.quantile(last, [0.05, 0.5, 0.95])

# %% Report
said = unit if unit != "1" else "(unit of the table)"
answer = (
    f"At {options.predict:g} L the {quantity.replace('_', ' ')} is expected to reach {middle:.1f} "
    f"{said} at {float(prediction['time'][-1]):.0f} h, with 90 % probability {low:.1f} to "
    f"{high:.1f}. {prediction.attrs['extrapolation']}"
)
metrics: dict[str, object] = {"verdict.passed": bool(fit.check().passed)}
at_target = held.scores[np.isclose(held.scores["volume"], options.predict)].set_index("model")
slugs = {
    method: "" if method == "scale model" else f"baseline.{method.replace(' ', '_')}."
    for method in validation.scores["model"].unique()
}
for method, slug in slugs.items():
    for score in SCORES if is_known else ():
        metrics[f"{slug}predict.{score}"] = float(at_target.at[method, score])
for _, line in validation.scores.iterrows():
    for score in SCORES:
        key = f"{slugs[line['model']]}leave_one_scale_out.{line['volume']:.12g}.{score}"
        metrics[key] = float(line[score])
if options.out:
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
if is_known:
    target = at_target.loc["scale model"]
    answer += (
        f" Compared with what was read there: root mean square error {target['rmse']:.2f}, CRPS "
        f"{target['crps']:.2f}, {target['coverage_90']:.0%} of the readings inside their 90 % "
        "interval."
    )
means = validation.means()
rivals = means.drop("scale model")
default_data = options.data.resolve() == HERE / "data" / "bioreactor_scales.csv"
published = (
    f" The method published with these data reports a root mean square error of {SOURCE_RMSE} at "
    f"100 m3 without an interval, and a mean CRPS of {SOURCE_CRPS} over the four folds."
    if default_data
    else ""
)
kept = HERE / "reports" / "scale_up"  # studies that take longer, and what was scored before
sections = [
    Section(
        "Every scale predicted from the others",
        f"Over {len(own)} folds the mean CRPS is {own['crps'].mean():.2f}, that of the best method "
        f"from data alone ({rivals['crps'].idxmin()}) {rivals['crps'].min():.2f}; 90 % intervals "
        f"hold {own['coverage_90'].min():.0%} to {own['coverage_90'].max():.0%} of the readings of "
        f"a scale. With one run a scale, one curve is one observation of calibration.{published}",
        figure=draw_scales(validation.predictions, validation.readings, quantity, unit=unit),
        table=means.reset_index(),
    ),
    Section(
        "Error against scale",
        "Interpolating is easier than extrapolating: the ends are where methods differ.",
        figure=draw_scale_errors(validation.scores, unit=unit),
        table=scale_scores.rename(columns="{:g} L".format).reset_index(),
    ),
    Section(
        "Predicted and read",
        figure=draw_scale_parity(validation.readings, quantity=quantity, unit=unit),
    ),
    Section(
        "Residuals over time",
        "Bands are 90 % intervals. Errors of one scale go together: a curve is missed as a whole.",
        figure=draw_scale_residuals(validation.readings, quantity=quantity, unit=unit),
    ),
    Section(
        "Where the parameters of the curve go",
        "Medians and 90 % bands for a new run at each volume, laws mixed by their weights; points "
        "are the runs that were learned from.",
        figure=draw_scale_trends(
            fit.trends(), fit.summary(), [volumes[name] for name in fit.data.names]
        ),
    ),
    Section(
        "Which law",
        "CRPS of each law alone by the volume left out, shown for comparison: nothing was chosen "
        "by it. The figure weighs the laws after learning from all but the largest scale: by the "
        "evidence, which a few scales hardly provide, and as simplex weights under a flat "
        "Dirichlet prior, whose posterior stays wide.",
        figure=draw_scale_weights(largest.law_weights(), largest.weight_draws()),
        table=by_law.rename(
            columns={each: f"{each:g} L" for each in by_law if isinstance(each, float)}
        ),
    ),
    Section(
        f"What the uncertainty at {options.predict:g} L is made of",
        "Curves of the runs: what the readings leave open. Law: slope and bend, given the runs. "
        "Which law: how far the laws' expectations lie apart.",
        figure=draw_variance_parts(prediction, quantity, unit=unit),
    ),
    Section(
        "How much the priors matter",
        "With a few scales the width of an extrapolation is set by the priors of slope, bend and "
        "deviation. Each was halved and doubled; width ratio is the width of the 90 % interval at "
        "the last time, relative to the priors used.",
        table=sensitivity.drop(columns=["quantity", "time"]),
    ),
]
if default_data:
    sections += [
        Section(
            "Virtual scale-ups, where the truth is known",
            "Each time 100 m3 is predicted from 10 L, 100 L and 4 m3 by the default: a hundred "
            "campaigns of each of five truths. Coverage of the 90 % interval, CRPS and width are "
            "of the logarithm of the response.",
            table=pd.read_csv(kept / "virtual_truths.csv"),
        ),
        Section(
            "How the default was chosen",
            "On virtual scale-ups alone. The readings above were scored twice: a former default, "
            "an equal mix of a power law and a wandering slope in which every parameter of the "
            "curve had sizes of its own, was scored on these folds first. It held 98 % of virtual "
            "truths at a nominal 90 %, and was replaced on virtual truths alone by one law whose "
            "sizes all parameters share; that one was then scored once more.",
        ),
    ]
page = write_report(
    folder / "scale_up",
    fit,
    title=f"Will {options.predict:g} L behave as the smaller vessels say?",
    answer=answer,
    show=draw_scales(
        {options.predict: held.predictions[options.predict] if is_known else prediction},
        held.readings,
        quantity,
        unit=unit,
        headings={options.predict: f"{options.predict:g} L from {options.train} L"},
    ),
    sections=sections,
    metrics=metrics,
)
fit.save(page.parent / "model.nc")
print(f"Wrote {page}")

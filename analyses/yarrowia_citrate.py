"""
What limits citrate in eight real fed-batches of Yarrowia lipolytica, and can a run be predicted?

The published kinetics leave 13.6 g/L of citrate unexplained (data/yarrowia_citrate_fedbatch.md),
and neither feed column closes the oil balance. Residual oil was measured, so here it drives the
model: what the runs support is growth to a capacity, and citrate as far as oil is there.
"""

from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.calibrate import fit, held_out_scores
from bayesbio.data import read_campaign
from bayesbio.inference import between, folds, pool_scores
from bayesbio.mechanistic import CitrateOnMeasuredOil
from bayesbio.report import Section, draw_courses, write_report
from bayesbio.surrogate import baseline_scores

arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--quick", action="store_true", help="fewer draws and folds")
arguments.add_argument("--out", type=Path, default=Path("reports"), help="folder of the reports")
options, _ = arguments.parse_known_args()  # a notebook brings arguments of its own
draws = dict(draws=1200, tune=700) if options.quick else dict(draws=1500, tune=1000)
few_draws = dict(draws=250, tune=300, chains=2)  # enough to predict a run that was left out
PUBLISHED_RMSE = 13.6  # g/L, citrate, mean over the runs, with the published constants


# %% Read: dry mass is optical density / 4; the volume without samples says how feeds diluted
model = CitrateOnMeasuredOil()
raw = pd.read_csv(Path(__file__).parents[1] / "data" / "yarrowia_citrate_fedbatch.csv")
broken = (raw["run"] == "170803F3") & (raw["time_h"] == 72.0)  # the card: one row breaks the series
volume = raw["adjusted_volume_mL"].mask(broken).interpolate()
added = volume.groupby(raw["run"]).diff(-1).mul(-1.0).clip(lower=0.0)
hours = raw.groupby("run")["time_h"].diff(-1).mul(-1.0)
table = pd.DataFrame(
    {
        "run": raw["run"],
        "time (h)": raw["time_h"],
        "biomass (g/L)": (raw["od600"] / 4.0).mask(raw["time_h"] == 0.0),
        "citrate (g/L)": raw["citrate_g_L"].mask(raw["time_h"] < 10.0),
        "residual_oil (g/L)": raw["residual_oil_g_L"],
        "dilution_rate (1/h)": (added / hours / raw["work_volume_mL"]).fillna(0.0),
        "initial_citrate (g/L)": 0.0,
    }
)
campaign = read_campaign(table, model=model, roles={"dilution_rate": "profile"})
print(campaign.columns)

# %% Fit: runs differ in how fast they form citrate and in how dense they grow
belief = dict(
    priors={"initial_biomass": between(0.02, 1.0)},
    vary={"maximum_formation_rate": "run", "biomass_capacity": "run", "initial_biomass": "run"},
    noise="normal",
)
calibration = fit(campaign, model, **belief, **draws, random_seed=20260501)

# %% Check: beside methods that know nothing but the data
print(calibration.check())
left_out = folds(campaign)[: 3 if options.quick else None]
quantities = ("citrate", "biomass")
scores = pool_scores(
    pd.concat(
        [
            held_out_scores(
                campaign, model, left_out, quantities=quantities, name="mechanism",
                **belief, **few_draws, random_seed=1,
            ),
            baseline_scores(campaign, quantities, left_out),
        ]
    )
)  # fmt: skip
beside = scores["crps"].unstack("quantity").sort_values("citrate")  # one method a row
beside.columns = [f"{quantity} [g/L]" for quantity in beside.columns]
beside["coverage_90"] = scores["coverage_90"].groupby("model").mean()
print(beside)

# %% Predict: how far the fitted courses are from the readings, run by run
course = calibration.predict(noise=False).median(("chain", "draw"))
readings = campaign.to_frame()
errors = {}
for (quantity, run), rows in readings.groupby(["quantity", "run"]):
    if quantity in course:
        mean = course[quantity].sel(run=run, time=rows["time_h"].to_numpy()).to_numpy()
        errors[quantity, run] = float(np.sqrt(np.mean((mean - rows["value"].to_numpy()) ** 2)))
rmse = pd.Series(errors).unstack(0)
mean_rmse = rmse.mean()
print(rmse)

# %% Report
crps = scores.loc["citrate", "crps"]
best = crps.drop("mechanism").idxmin()
compared = (
    f"The best method from data alone ({best}) predicts left-out citrate with {crps[best]:.1f} "
    f"g/L, the mechanism with {crps['mechanism']:.1f} g/L: "
    + (
        "on these runs the mechanism predicts better."
        if crps["mechanism"] < crps[best]
        else "between runs as alike as these, the mechanism does not pay."
    )
)
effects = calibration.summary()
spread = effects.loc["maximum_formation_rate_sd_run"]
oil = effects.loc["formation_oil_constant"]
answer = (
    f"Citrate follows the oil that is there: its formation is half-saturated at "
    f"{oil['eti_50']:.1f} g/L of residual oil (90 % interval {oil['eti_5']:.1f} to "
    f"{oil['eti_95']:.1f}), and runs differ in their rate by a standard deviation of "
    f"{100 * spread['eti_50']:.0f} %. The fit leaves {mean_rmse['citrate']:.1f} g/L of citrate "
    f"unexplained (published constants: {PUBLISHED_RMSE} g/L); a run that was left out is "
    f"predicted with a CRPS of {crps['mechanism']:.1f} g/L, by the best method from data alone "
    f"with {crps[best]:.1f} g/L."
)
page = write_report(
    options.out / "yarrowia_citrate",
    calibration,
    title="What limits citrate in eight real fed-batches of Yarrowia lipolytica?",
    answer=answer,
    show=draw_courses(
        calibration.predict(["170506F3", "170601F3"], until=140.0, noise=False),
        quantities=("citrate", "biomass"),
    ),
    sections=[
        Section(
            "What the runs can support",
            "The published model has nineteen constants and balances oil, nitrogen and lipid. The "
            "lipid profile of the table is assumed rather than measured, nitrogen has the same "
            "smooth course in every run, and neither feed column closes the oil balance. So the "
            "residual oil that was measured drives the rates here, dilution comes from the volume "
            "corrected for samples, and six parameters remain. The run with almost no oil "
            "(170601F3) then needs no explanation of its own.",
        ),
        Section(
            "What it does not explain",
            "The readings stand on a common grid and look interpolated: their errors are smooth "
            "and correlated in time, so the intervals of single parameters are too narrow, and the "
            "noise estimated here is mostly misfit. Predictions of a left-out run use its measured "
            f"oil, which would have to be planned for a run to come. {compared}",
            table=rmse.rename(columns="RMSE {} [g/L]".format)
            .round(1)
            .rename_axis("run")
            .reset_index(),
        ),
        Section(
            "Why the Gaussian process looks so good",
            "The volume corrected for samples holds the base that was fed, and in every run that "
            "base follows the citrate concentration (correlation of 0.9995 or more). So the "
            "dilution that all methods here are given tells some of the answer, and the Gaussian "
            "process reads it: over all eight runs, each left out in turn, its CRPS of citrate was "
            "6.3 g/L with this dilution and 15.0 g/L with dilution from the oil fed alone, while "
            "ridge regression (12.1) and the mean trajectory (12.8) did not change. "
            "Its score here is no promise for a run to come.",
        ),
    ],
    scores=beside,
    metrics={
        "rmse_citrate": mean_rmse["citrate"],
        "rmse_biomass": mean_rmse["biomass"],
        "published_rmse_citrate": PUBLISHED_RMSE,
        **{
            f"{quantity}_{score}_{name.replace(' ', '_')}": value
            for score in ("rmse", "crps", "coverage_90")
            for (quantity, name), value in scores[score].items()
        },
    },
)
print(f"Wrote {page}")

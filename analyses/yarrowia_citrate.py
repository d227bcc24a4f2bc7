"""
What limits citrate in eight real fed-batches of Yarrowia lipolytica, and can a run be predicted?

The published kinetics leave 13.6 g/L of citrate unexplained (data/yarrowia_citrate_fedbatch.md),
and neither feed column closes the oil balance. Residual oil was measured, so here it drives the
model: what the runs support is growth until a nutrient is used up, and citrate from the oil that
growth and maintenance leave. The record of base and volume is left out: it tells the citrate.
"""

from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.baselines import BASELINES
from bayesbio.calibrate import fit, leave_out
from bayesbio.data import read_campaign
from bayesbio.inference import between, pool_scores
from bayesbio.mechanistic import CitrateOnOilSupply
from bayesbio.report import Section, draw_courses, write_report

arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--quick", action="store_true", help="fewer draws")
arguments.add_argument("--out", type=Path, default=Path("reports"), help="folder of the reports")
options, _ = arguments.parse_known_args()  # a notebook brings arguments of its own
draws = dict(draws=1500) if options.quick else dict(draws=2500, tune=1000)
few_draws = dict(draws=250, tune=300, chains=2)  # enough to predict a run that was left out
PUBLISHED_RMSE = 13.6  # g/L, citrate, mean over the runs, with the published constants


# %% Read: dry mass is optical density / 4; the oil fed says how much it diluted
model = CitrateOnOilSupply()
raw = pd.read_csv(Path(__file__).parents[1] / "data" / "yarrowia_citrate_fedbatch.csv")
added = raw.groupby("run")["oil_fed_mL"].diff(-1).mul(-1.0).clip(lower=0.0)
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
later = raw[raw["time_h"] > 0.0].groupby("run")
told = later.apply(lambda rows: rows["koh_mL"].corr(rows["citrate_g_L"])).min()
slopes = later.apply(lambda rows: np.polyfit(rows["citrate_g_L"], rows["koh_mL"], 1)[0])
print(
    f"Base fed against citrate, run by run: correlation {told:.4f} at least; mL per g/L:\n{slopes}"
)
campaign = read_campaign(table, model=model, roles={"dilution_rate": "profile"})
print(campaign.columns)

# %% Fit: runs differ in how fast they form citrate and in their inoculum
calibration = fit(
    campaign,
    model,
    priors={"initial_biomass": between(0.02, 2.0)},
    vary={"maximum_formation_rate": "run", "initial_biomass": "run"},
    noise="normal",
    **draws,
    random_seed=20260501,
)

# %% Check: each run left out, beside methods that know nothing but the data
print(calibration.check())
left_out = leave_out(calibration, baselines=BASELINES, **few_draws)
print(left_out)
by_part = left_out.scores.replace({"model": {left_out.name: "mechanism"}})
scores = pool_scores(by_part.drop(columns="horizon"))
beside = scores["crps"].unstack("quantity").sort_values("citrate")  # one method a row
beside.columns = [f"{quantity} [g/L]" for quantity in beside.columns]
beside["coverage_90"] = scores["coverage_90"].groupby("model").mean()
print(beside)
parts = pool_scores(by_part)["crps"].unstack("horizon")
parts = parts[list(dict.fromkeys(left_out.readings["horizon"]))].reset_index()

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
by_biomass = scores.loc["biomass", "crps"]
nearest = by_biomass.drop("mechanism").idxmin()
compared += (
    f" Biomass, whose course hardly differs between runs, is predicted with "
    f"{by_biomass['mechanism']:.1f} g/L by the mechanism and {by_biomass[nearest]:.1f} g/L by the "
    f"best method from data ({nearest})."
)
effects = calibration.summary()
spread = effects.loc["maximum_formation_rate_sd_run"]
kept = effects.loc["maintenance"]
answer = (
    f"Citrate forms from the oil that growth and maintenance leave: cells burn "
    f"{1000 * kept['eti_50']:.0f} mg of oil per g and hour (90 % interval "
    f"{1000 * kept['eti_5']:.0f} to {1000 * kept['eti_95']:.0f}) before any turns into citrate, "
    f"and where oil is plenty, runs differ in their rate by a standard deviation of "
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
            "residual oil that was measured drives the rates here, and twelve parameters remain. "
            "Growth ends when a nutrient is used up, of which cells that store oil make more dry "
            "mass: in amount, not in concentration, the runs with most oil grew most. A residual "
            "of 1 g/L of oil went with the fastest citrate of all (170803F3) and with none "
            "(170601F3): one was fed 3.5 mL/h, the other less than 1 mL/h, which its cells burned. "
            "So what counts where oil is short is the supply, less what growth and maintenance "
            "take. Ten forms or so were tried by least squares on these eight runs, each left out "
            "in turn, and this one was kept: its lead "
            "over the other methods here is a little too good to be repeated.",
        ),
        Section(
            "Why the record of base is left out",
            f"In every run the base fed follows the citrate concentration (correlation {told:.4f} "
            f"at least) at {slopes.min():.2f} to {slopes.max():.2f} mL per g/L, although the "
            "vessels held 330 to 870 mL: one column was computed from the other. The volume "
            "corrected for samples is the sum of oil and base fed, less evaporation, and so tells "
            "the citrate as well. An earlier version of this report took dilution from that "
            "volume; a Gaussian process then read the answer off it and predicted left-out "
            "citrate with 5.8 g/L. Here dilution comes from the oil fed, for all methods alike, "
            "and the mechanism adds the base that neutralises the citrate it forms.",
        ),
        Section(
            "Where in a run the predictions are good",
            "CRPS [g/L] of left-out runs by the part of the run in which a reading lies.",
            table=parts.round(2),
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

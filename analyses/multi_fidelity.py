"""
How far do a few high-fidelity runs carry with many low-fidelity ones, or a mechanism, below them?

Three answers. Five published pairs of functions show what the method is worth (few high-fidelity
readings, many low-fidelity ones, all exact). A virtual CHO process shows its use: twelve noisy
fed-batch runs, and below them a mechanistic model that nobody has calibrated. Twelve real E. coli
vessels show what a scale-down model can be trusted with.
"""

import json
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import qmc

from bayesbio.inference import coverage, crps
from bayesbio.mechanistic import MammalianFedBatch
from bayesbio.report import (
    Section,
    draw_equivalence,
    draw_fidelities,
    draw_fidelity_scores,
    write_report,
)
from bayesbio.scaleup import (
    Fidelity,
    MechanisticSimulator,
    MultiFidelity,
    equivalence,
)
from bayesbio.surrogate import GaussianProcessRegression

arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--quick", action="store_true", help="fewer draws")
arguments.add_argument("--out", type=Path, default=Path("reports"), help="folder of the reports")
options, _ = arguments.parse_known_args()  # a notebook brings arguments of its own
draws = dict(draws=1800) if options.quick else dict(draws=3000)
data = Path(__file__).parents[1] / "data"
folder = options.out / "multi_fidelity"
folder.mkdir(parents=True, exist_ok=True)

# %% Read: scores on published test functions (analyses/benchmarks/fidelity_scores.py), the truth
# of the virtual process, the end points of the real vessels
scores = pd.read_csv(Path(__file__).parents[1] / "reports" / "multi_fidelity" / "scores.csv")
pairs = list(dict.fromkeys(scores["pair"]))
peers = scores.groupby("pair")["best_peer"].first()
scores["pair"] = pd.Categorical(scores["pair"], pairs)
scores = scores.sort_values(["pair", "method", "seed"]).astype({"pair": str})

truth = json.loads((data / "cho_fed_batch_truth.json").read_text(encoding="utf-8"))
vessels = pd.read_csv(data / "ecoli_trp_scaledown.csv")
ends = vessels[vessels["sample"] == "S05"]
control, stressed = (ends[ends["condition"] == name] for name in ("control", "scale-down"))

# %% Fit: twelve virtual runs of the CHO process of data/cho_fed_batch.md, feed and seeding varied
culture = dict(
    model=MammalianFedBatch(),
    quantity="titer",
    at=336.0,
    settings={
        **truth["medium"],
        "feed_glucose": 80.0,
        "feed_glutamine": 10.0,
        "initial_dead_cell_density": 0.012,
        "initial_titer": 0.0,
        "initial_volume": 2.0,
    },
    profiles={"feed_rate": [(0.0, 0.0), (71.9, 0.0), (72.0, 1.0), (336.0, 1.0)]},
)
plant = MechanisticSimulator(**culture, parameters=truth["parameters"])
mechanism = MechanisticSimulator(**culture)  # the middle of the literature's ranges
ranges = {"feed_rate": (0.0015, 0.0060), "initial_viable_cell_density": (0.2, 0.8)}
low, high = np.array(list(ranges.values())).T
rng = np.random.default_rng(7)
spread = 0.10  # run effects and assay together, of the logarithm
runs = pd.DataFrame(
    low + (high - low) * qmc.LatinHypercube(2, rng=rng).random(12), columns=list(ranges)
)
titer = plant(runs) * np.exp(rng.normal(0.0, spread, len(runs)))
learned = MultiFidelity(link="log").fit(
    [mechanism, Fidelity(runs, titer, name="plant")],
    domain=ranges,
    random_seed=11,
    unit="g/L",
    **draws,
)
alone = GaussianProcessRegression(link="log").fit(
    runs, titer, domain=ranges, random_seed=11, unit="g/L", **draws
)

# %% Check
print(learned.check())
print(*learned.warnings, sep="\n")
points = pd.DataFrame(low + (high - low) * qmc.Sobol(2, rng=3).random(64), columns=list(ranges))
exact, below = plant(points), mechanism(points)
beside = pd.DataFrame(
    {
        name: {
            "RMSE [g/L]": float(np.sqrt(np.mean((drawn.mean(axis=0) - exact) ** 2))),
            "CRPS [g/L]": float(np.mean(crps(drawn, exact))),
            "truth inside 90 %": coverage(drawn, exact, 0.9) if len(drawn) > 1 else np.nan,
        }
        for name, drawn in {
            "runs and mechanism": learned.predict(points, noise=False)["outcome"]
            .to_numpy()
            .reshape(-1, 64),
            "runs alone": alone.predict(points, noise=False)["outcome"].to_numpy().reshape(-1, 64),
            "mechanism alone": below[None],
        }.items()
    }
).T.rename_axis("prediction of the mean titer at 64 settings")
print(beside)

# %% Predict: the feed rate for the next run at the usual seeding; the four cases of the scale-down
grid = pd.DataFrame({"feed_rate": np.linspace(low[0], high[0], 31)}).assign(
    initial_viable_cell_density=0.45
)
near = (runs["initial_viable_cell_density"] - 0.45).abs() < 0.12
common = dict(truth=plant(grid), low=mechanism(grid))
readings = (1000.0 * runs.loc[near, "feed_rate"], titer[near.to_numpy()])
along = learned.predict(grid, noise=False)
producer = [part[part["strain"] == "HMP3071"] for part in (control, stressed)]
judged = {
    "Dry weight": equivalence(
        control, stressed, response="cdw_g_L", factors=["strain"], margin=0.1, relative=True
    ),
    "Optical density": equivalence(
        control, stressed, response="od600", factors=["strain"], margin=0.1, relative=True
    ),
    "Ammonium": equivalence(
        control, stressed, response="ammonium_g_L", factors=["strain"], margin=0.1, relative=True
    ),
    "Tryptophan": equivalence(*producer, response="tryptophan_g_L", margin=0.1, relative=True),
}
cases = pd.DataFrame({name: found.probabilities for name, found in judged.items()}).T
cases.insert(0, "large / small", [f.summary().loc["offset", "eti_50"] for f in judged.values()])
cases = cases.rename_axis("at 77 h")
print(cases)

# %% Report
means = scores.groupby(["pair", "method"], sort=False).agg(
    seeds=("seed", "count"), crps=("crps", "mean"), coverage_90=("coverage_90", "mean")
)
study = means.reset_index()
study["1.1 x best peer"] = 1.1 * study["pair"].map(peers)
study["within"] = study["crps"] <= study["1.1 x best peer"]
study = study.set_index("pair")
gain = beside.loc["runs alone", "CRPS [g/L]"] / beside.loc["runs and mechanism", "CRPS [g/L]"]
answer = (
    f"Twelve noisy runs predict the titer of the virtual CHO process {gain:.1f} times better (by "
    "CRPS) when a mechanistic model stands below them, even one that nobody calibrated: its shape "
    "helps, its level is corrected. In the real vessels, tryptophan at scale-down is "
    f"{judged['Tryptophan'].summary().loc['offset', 'eti_50']:.2f} times that of the control (90 % "
    f"interval {judged['Tryptophan'].summary().loc['offset', 'eti_5']:.2f} to "
    f"{judged['Tryptophan'].summary().loc['offset', 'eti_95']:.2f}), far beyond a margin of 10 %; "
    f"dry weight stays within it with probability {cases.loc['Dry weight', 'predictive']:.2f}."
)
page = write_report(
    folder,
    learned,
    title=__doc__.strip().splitlines()[0],
    answer=answer,
    show=draw_fidelities(
        1000.0 * grid["feed_rate"],
        [
            dict(title="Runs and mechanism", prediction=along, readings=readings, **common),
            dict(
                title="Runs alone",
                prediction=alone.predict(grid, noise=False),
                readings=readings,
                **common,
            ),
        ],
        xlabel="Feed rate [mL/h]",
        ylabel="Titer at 336 h [g/L]",
    ),
    sections=[
        Section(
            "A mechanism below twelve runs",
            "Virtual plant (synthetic): the CHO process of data/cho_fed_batch.md, feed rate from "
            f"day 3 and seeding density varied, {spread:.0%} scatter between runs. The mechanism "
            "is the same model at the middle of the ranges of the literature, solved wherever the "
            "method asks for it. The figure above cuts at a seeding density of 0.45 million "
            "cells/mL and shows the runs within 0.12 million cells/mL of it.",
            table=beside,
        ),
        Section(
            "Five published pairs",
            "Few high- and many low-fidelity readings (5/20, 10/50, 10/50, 10/50, 14/50), exact, "
            "nested Latin hypercubes (each high-fidelity run replaces the nearest low-fidelity "
            "one), judged at 512 Sobol points; dots are five designs, diamonds their means, the "
            "black line the best of the published packages on such designs. Currin is the hard "
            "one: its steep corner at small "
            "x1 is rarely among ten high-fidelity readings, and intervals are too narrow when it "
            "is not. "
            "The priors were chosen on other designs of these pairs; none of the designs shown was "
            "looked at before.",
            draw_fidelity_scores(scores, peers=peers.to_dict()),
            study,
        ),
        Section(
            "What the scale-down vessels say",
            "Probabilities of the four cases against the margin that would not matter; the dashed "
            "line is 10 %. Control vessels stand for the small scale, vessels under the scale-down "
            "treatment for the large one; there is no large-scale run, and three vessels of one "
            "experiment say nothing of other experiments. Tryptophan is made by one strain, so for "
            "it effects of the strain cannot be compared.",
            draw_equivalence(judged, margins=np.linspace(0.01, 0.6, 60)),
            cases,
        ),
    ],
    metrics={
        "gain_crps": gain,
        **{
            f"{score}_{name.replace(' ', '_')}": beside.loc[name, column]
            for name in beside.index
            for score, column in (
                ("rmse", "RMSE [g/L]"),
                ("crps", "CRPS [g/L]"),
                ("coverage_90", "truth inside 90 %"),
            )
        },
        **{
            f"study_{pair}_{method}_{score}".replace(" ", "_"): float(value[score])
            for (pair, method), value in means.iterrows()
            for score in ("seeds", "crps", "coverage_90")
        },
        **{f"case_{name}".replace(" ", "_"): found.case for name, found in judged.items()},
    },
)
print(f"Wrote {page}")

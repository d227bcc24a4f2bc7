"""
Which of these fed-batch runs went wrong, in what, and from which hour?

Forty good runs of a virtual mammalian culture teach what is usual; thirty more good ones and
thirty-five with one of seven faults are judged as their readings arrive (data/fed_batch_faults.md).
The same is asked of 32 ragged, half-missing runs of a recombinant protein, and of an assay's
control sample.
"""

import json
from argparse import ArgumentParser
from pathlib import Path

import pandas as pd

from bayesbio.data import read_campaign, read_table
from bayesbio.monitoring import FAULT_BASELINES, Monitor, control_chart, monitoring_scores
from bayesbio.report import (
    Section,
    draw_control_results,
    draw_roc,
    draw_run_score,
    draw_scores,
    write_report,
)

arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--quick", action="store_true", help="fewer runs and draws")
arguments.add_argument("--out", type=Path, default=Path("reports"), help="folder of the reports")
options, _ = arguments.parse_known_args()  # a notebook brings arguments of its own

# %% Read
data = Path(__file__).parents[1] / "data"
campaign = read_campaign(data / "fed_batch_faults.csv")
truth = json.loads((data / "fed_batch_faults_truth.json").read_text(encoding="utf-8"))
faults = {name: told["fault"] for name, told in truth["faults"].items()}
onsets = {name: told["onset_h"] for name, told in truth["faults"].items()}
protein = read_campaign(data / "recombinant_protein.csv")
protein_truth = json.loads((data / "recombinant_protein_truth.json").read_text(encoding="utf-8"))
assay = read_table(data / "igf_qc_assay.csv")
kept = slice(0, 12 if options.quick else None)
new, faulty = (
    campaign.select(truth["new"][kept]),
    campaign.select(list(faults)[:: 5 if options.quick else 1]),
)
few = (
    ["acetate", "feed_output", "feed_rate", "glucose", "ph", "wet_cell_weight"]
    if options.quick
    else None
)
kept_results = Path(__file__).parents[1] / "reports" / "titer_monitoring"
study = pd.read_csv(kept_results / "study.csv")
false_alarms = pd.read_csv(kept_results / "false_alarms.csv", index_col="good_runs")
with_model = pd.read_csv(kept_results / "mechanistic.csv").query("fault == 'all'")

# %% Fit: limits at 5 % false alarms a run
good = campaign.select(truth["good"][kept])
monitor = Monitor().fit(good)
protein_monitor = Monitor(quantities=few).fit(protein.without(list(protein_truth["faults"])))
chart = control_chart(
    assay, "igf1", lot="lot", draws=300 if options.quick else 1000, random_seed=20260703
)

# %% Check
print(monitor.check())
methods = {"Monitor": monitor, **{name: kind.fit(good) for name, kind in FAULT_BASELINES.items()}}
scores = monitoring_scores(methods, new, faulty, faults=faults, onsets=onsets)
named_columns = {
    "auroc": "AUROC",
    "detection": "found after onset",
    "delay_h": "delay [h]",
    "false_alarms": "good runs that alarm",
    "false_alarms_5": "5 %",
    "false_alarms_95": "95 %",
    "detection_at_rate": "found at 5 % false alarms",
}
beside = scores.xs("all", level="fault").rename(columns=named_columns)
print(beside.T)

# %% Predict: every run that comes, reading by reading
judged = {run.name: monitor.score(run) for run in [*new, *faulty]}
table = monitor.screen(faulty).join(pd.Series(faults, name="fault"))
table["onset_h"] = pd.Series(onsets)
many = study[study["fault"] == "all"].rename(columns={"training_runs": "good runs"})
many = many.groupby(["family", "good runs", "method"])[
    ["auroc", "detection", "detection_at_rate", "false_alarms"]
].mean()
by_set = study[study["fault"] == "all"].pivot_table(
    index=["family", "training_runs", "seed"], columns="method", values="auroc"
)
ahead = -by_set.sub(by_set["Monitor"], axis=0)
ahead = ahead.groupby(level=["family", "training_runs"])
many = many.rename(columns=named_columns)
many["Monitor ahead, AUROC"] = ahead.mean().stack()
many["standard error of that"] = ahead.sem().stack()
many = many.round(3)
with_model = with_model.set_index("method")[list(named_columns)].rename(columns=named_columns)
example = max(
    (score for name, score in judged.items() if name in faults and score.alarm),
    key=lambda score: score.alarm_time - onsets[score.run] >= 0 and score.score,
)
first_of_each = {faults[name]: name for name in reversed(faulty.names) if judged[name].alarm}
batch = {
    label: {name: [method.score(run).score for run in runs] for name, method in methods.items()}
    for label, runs in (("good", new), ("faulty", faulty))
}
protein_scores = [protein_monitor.score(run) for run in protein]
named = {score.run: score for score in protein_scores}

# %% Report
own, peers = scores.xs("Monitor"), beside.drop(index="Monitor")
found = int(table["alarm"].sum())
false = sum(judged[run.name].alarm for run in new)
kept_rates = false_alarms["alarms"] / false_alarms["further_runs"]
shipped, other_sets = kept_rates["shipped"], kept_rates.drop("shipped")
answer = (
    f"{found} of {len(table)} faulty runs raise an alarm, half of them within "
    f"{own.loc['all', 'delay_h']:.0f} h of the onset of the fault, and so do {false} of {len(new)} "
    f"good runs; on {false_alarms.loc['shipped', 'further_runs']} further good runs the rate of "
    f"false alarms is {shipped:.1%} (5 % was asked), and {other_sets.min():.0%} to "
    f"{other_sets.max():.0%} where other forty runs set the limits. "
    f"Run {example.run} is the plainest case: {example.sentence.split(': ', 1)[1]} "
    f"It was a fault of the kind '{faults[example.run]}', from {onsets[example.run]:g} h on."
)
unusual = chart.results[chart.results["outlier_probability"] > 0.5]
page = write_report(
    options.out / "titer_monitoring",
    monitor,
    title=__doc__.strip().splitlines()[0],
    answer=answer,
    show=draw_scores(
        [judged[name] for name in [*new.names, *first_of_each.values()]],
        highlight={name: fault for fault, name in first_of_each.items()},
        title="One run of each fault that was found, and the good runs that came (grey)",
    ),
    sections=[
        Section(
            "One run, reading by reading",
            "The score accumulates innovations: the part of each reading that earlier ones do not "
            "predict. Bands hold nine of ten readings of a good run, given everything read until "
            "then; the line marks "
            "the alarm.",
            draw_run_score(example),
        ),
        Section(
            "Which faults are found",
            "By kind of fault. Delay is the median from onset to alarm of those that were found; "
            "small faults (half of the largest) hide in what differs between good runs anyway.",
            table=own.drop(index="all")[["auroc", "detection", "delay_h"]]
            .rename(columns={"auroc": "AUROC", "detection": "found", "delay_h": "delay [h]"})
            .rename_axis("fault"),
        ),
        Section(
            "Beside the usual methods",
            "Every method learned from the same runs and judged the same ones; the shaded strip is "
            "where alarms are rare enough to be believed. The table below gives the alarms of each "
            "method at its own limits: principal components of few runs promise 5 % of false "
            "alarms and are far from keeping it. Thirty good runs tell a rate only roughly, see "
            "its interval, and the order of methods changes from one set of runs to the next: a "
            "difference of a few points means little.",
            draw_roc(batch["good"], batch["faulty"]),
        ),
        Section(
            "Many sets of runs",
            f"Studies like this one from 40 or 15 good runs: {study['seed'].nunique()} sets of "
            "this culture, and as many of a microbial one (other kinetics, other faults, ragged "
            "times, a quarter of the readings missing) that were made after the monitor and did "
            "not shape it. How far the monitor is ahead is compared set by set, on the same runs: "
            "a difference within its standard error is none. Methods whose good runs alarm far "
            "more often than 5 % find faults because they nearly always alarm.",
            table=many,
        ),
        Section(
            "Four runs and a process model",
            "A fed-batch model was fitted to four good runs (two kinetic parameters differ from "
            "run to run), then asked about 100 new good runs and 24 with one of four faults: a "
            "yield that falls, growth that slows, a feed line that leaks, a biassed assay. Four "
            "runs alone say nearly nothing. Good runs alarm less often than stated, as four runs "
            "say little of how much runs differ, and the limit allows for that.",
            table=with_model.round(3),
        ),
        Section(
            "Every faulty run",
            "The most unusual first; onset_estimate_h is when the quantity named began to drift.",
            table=table[
                [
                    "fault",
                    "onset_h",
                    "alarm_time_h",
                    "onset_estimate_h",
                    "quantity",
                    "score",
                    "p_value",
                ]
            ],
        ),
        Section(
            "Ragged and half-missing runs",
            "A recombinant protein in the sheet of a pilot laboratory: 32 runs with times of their "
            "own, half of the cells empty, read as it stands. Four runs have a fault; grey are the "
            "good ones it learned from, which cannot differ from themselves.\n\n"
            + " ".join(named[name].sentence for name in protein_truth["faults"]),
            draw_scores(
                protein_scores,
                highlight={name: told["fault"] for name, told in protein_truth["faults"].items()},
            ),
        ),
        Section(
            "The assay's control sample",
            f"{len(chart.results)} results over {chart.results['lot'].nunique()} lots. A result of "
            f"a new lot is usual between {chart.limits[0]:.2f} and {chart.limits[1]:.2f} "
            f"{chart.unit} (1 % outside, heavy tails included). {len(unusual)} results lie likely "
            "more than four robust standard deviations from their lot: "
            f"{', '.join(f'{value:.2f}' for value in sorted(unusual['value']))}.",
            draw_control_results(chart),
        ),
    ],
    scores=beside,
    metrics={
        "runs_learned_from": len(good),
        "new_good_runs": len(new),
        "faulty_runs": len(faulty),
        **{
            f"{name}_{column}".replace(" ", "_").lower(): value
            for column in ("auroc", "detection", "detection_at_rate", "false_alarms", "delay_h")
            for name, value in scores.xs("all", level="fault")[column].items()
        },
        "protein_faults_found": sum(named[name].alarm for name in protein_truth["faults"]),
        "assay_outliers": len(unusual),
        "assay_verdict_passed": chart.check().passed,
    },
)
print(f"Wrote {page}")

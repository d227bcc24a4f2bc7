"""
Are the posteriors of our process models honest?

Simulation-based calibration: parameters drawn from their priors, readings simulated from them on a
small design, the model fitted again as `fit` does, and the truth ranked among the draws. Honest
posteriors give uniform ranks.
"""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom

from bayesbio.calibrate import simulation_based_calibration
from bayesbio.data import Campaign, Profile, Run
from bayesbio.inference import Ranks, RankStudy, between, combined, lognormal, normal
from bayesbio.mechanistic import (
    BatchCulture,
    BatchReactor,
    CitrateOnMeasuredOil,
    FedBatchCulture,
    GrowthCurve,
    MammalianFedBatch,
)
from bayesbio.report import Section, draw_rank_differences, write_report

sys.path.insert(0, str(Path(__file__).parent))
from problems import LotkaVolterra

arguments = ArgumentParser(description=__doc__)
arguments.add_argument("--quick", action="store_true", help="three replications of one model")
arguments.add_argument("--out", type=Path, default=Path("reports"), help="folder of the reports")
arguments.add_argument("--report", action="store_true", help="only report the ranks in the folder")
arguments.add_argument("--only", nargs="*", default=(), help="names of the studies to run")
options, _ = arguments.parse_known_args()  # a notebook brings arguments of its own
folder = options.out / "simulated_calibration"
folder.mkdir(parents=True, exist_ok=True)
REPLICATIONS = 3 if options.quick else 200
SEED = 20260601
QUICK = ("growth curve",)


# %% Designs: few runs, few readings, priors of the models themselves where they have any
reactor = Campaign(
    [
        Run(f"R{i}", settings={"initial_concentration_a": 0.8, "temperature": 313.15 + 15.0 * i})
        for i in (0, 1, 2)
    ]
)
vials = Campaign(
    [Run(f"R{i}", settings={"initial_concentration_a": 0.4 + 0.1 * i}) for i in range(1, 7)]
)
batch = Campaign(
    [Run(f"R{i}", settings={"initial_biomass": 0.2, "initial_substrate": 8.0 * i}) for i in (1, 2)]
)
fed = Campaign(
    [
        Run(
            f"R{i}",
            settings={
                "initial_biomass": 0.2,
                "initial_substrate": 5.0 * i,
                "initial_volume": 1.0,
                "feed_substrate": 200.0,
            },
            profiles={"feed_rate": Profile([(0.0, 0.0), (12.0, 0.004 * i)], "step")},
        )
        for i in (1, 2)
    ]
)
growth = Campaign([Run(f"R{i}", settings={"initial_biomass": 0.1 * i}) for i in (1, 2, 3)])
nested = Campaign(
    [
        Run(
            f"M{m}-C{c}-{r}",
            settings={"initial_biomass": 0.3, "molecule": f"M{m}", "campaign": f"M{m}-C{c}"},
        )
        for m in (1, 2, 3, 4)
        for c in (1, 2)
        for r in (1, 2)
    ]
)
days = 24.0 * np.arange(0, 13, 2)
mammalian = Campaign(
    [
        Run(
            name,
            settings={
                "initial_viable_cell_density": 0.4,
                "initial_dead_cell_density": 0.012,
                "initial_volume": 2.0,
                "initial_glucose": 6.3,
                "initial_glutamine": 0.6,
                "initial_lactate": 0.1,
                "initial_ammonium": 0.012,
                "feed_glucose": 80.0,
                "feed_glutamine": 10.0,
            },
            profiles={"feed_rate": Profile([(0.0, 0.0), (72.0, rate)], "step")},
        )
        for name, rate in (("R1", 0.003),)
    ]
)
known_clone = {
    name: between(
        np.sqrt(interval.low * interval.high) / 1.4, np.sqrt(interval.low * interval.high) * 1.4
    )
    for name, interval in MammalianFedBatch().defaults.items()
    if name in MammalianFedBatch().Parameters._fields
}
oil = [(0.0, 30.0), (24.0, 12.0), (48.0, 3.0), (72.0, 8.0), (120.0, 1.0)]
yeast = Campaign(
    [
        Run(
            name,
            settings={"initial_biomass": 0.1, "initial_citrate": 0.0},
            profiles={
                "residual_oil": Profile([(hour, share * value) for hour, value in oil]),
                "dilution_rate": Profile([(0.0, 0.0), (24.0, rate)], "step"),
            },
        )
        for name, share, rate in (("R1", 1.0, 0.003), ("R2", 0.3, 0.001))
    ]
)
relative = lognormal(between(0.03, 0.15))
hours = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 16.0])
STUDIES = {
    "batch reactor": dict(
        design=reactor,
        model=BatchReactor(isothermal=True, temperature_by_run=True),
        times={"concentration_a": hours, "concentration_b": hours},
        noise=normal(between(0.005, 0.03)),
    ),
    "batch reactor, runs that differ": dict(
        design=vials,
        model=BatchReactor(isothermal=True),
        times={"concentration_a": hours[:5], "concentration_b": hours[1:]},
        vary={"rate_constant_1": "run"},
        noise=normal(between(0.005, 0.03)),
    ),
    "growth curves, three nested levels": dict(
        design=nested,
        model=GrowthCurve(form="logistic"),
        times={"biomass": np.array([0.0, 4.0, 8.0, 12.0, 16.0, 24.0])},
        vary={"maximum_growth_rate": ("molecule", "campaign", "run")},
        noise=relative,
    ),
    "batch culture": dict(
        design=batch,
        model=BatchCulture(),
        times={name: np.arange(3.0, 25.0, 3.0) for name in ("biomass", "substrate")},
        noise={
            "biomass": relative,
            "substrate": combined(between(0.05, 0.2), fraction=between(0.02, 0.1)),
        },
    ),
    "fed-batch culture": dict(
        design=fed,
        model=FedBatchCulture(),
        times={name: np.arange(3.0, 31.0, 3.0) for name in ("biomass", "substrate")},
        noise={
            "biomass": relative,
            "substrate": combined(between(0.05, 0.2), fraction=between(0.02, 0.1)),
        },
    ),
    "growth curve": dict(
        design=growth,
        model=GrowthCurve(form="logistic"),
        times={"biomass": np.arange(0.0, 49.0, 6.0)},
        noise=relative,
    ),
    "mammalian fed-batch": dict(
        design=mammalian,
        model=MammalianFedBatch(),
        priors=known_clone,
        times={
            "viable_cell_density": days,
            "viability": days,
            "glucose": days,
            "glutamine": days[:4],
            "lactate": days,
            "ammonium": days,
            "titer": days[2:],
        },
        noise={
            "viable_cell_density": relative,
            "viability": normal(between(0.005, 0.03)),
            "glucose": combined(between(0.05, 0.2), fraction=between(0.02, 0.1)),
            "glutamine": combined(between(0.01, 0.05), fraction=between(0.02, 0.1)),
            "lactate": relative,
            "ammonium": relative,
            "titer": relative,
        },
    ),
    "citrate on measured oil": dict(
        design=yeast,
        model=CitrateOnMeasuredOil(),
        times={"biomass": np.arange(12.0, 121.0, 12.0), "citrate": np.arange(24.0, 121.0, 12.0)},
        noise={"biomass": relative, "citrate": normal(between(1.0, 5.0))},
    ),
    "lynx and hare": dict(
        design=Campaign([Run("R1")]),
        model=LotkaVolterra(),
        times={name: np.arange(0.0, 21.0) for name in ("hare", "lynx")},
        priors={
            "hare_growth": between(0.4, 0.75),
            "predation": between(0.018, 0.04),
            "lynx_decline": between(0.55, 1.1),
            "lynx_growth": between(0.016, 0.035),
            "initial_hare": between(20.0, 50.0),
            "initial_lynx": between(3.0, 10.0),
        },
        noise=lognormal(between(0.1, 0.4)),
    ),
}
NOTES = {
    "batch reactor": "A -> B -> C at three temperatures, two rate constants and two activation "
    "energies; default priors.",
    "batch reactor, runs that differ": "A -> B -> C held at one temperature, six runs whose first "
    "rate constant differs (partial pooling).",
    "growth curves, three nested levels": "Logistic growth of four molecules, two campaigns of "
    "each, two runs of each; spreads between molecules, campaigns and runs drawn from their priors "
    "(the effects of every group are ranked too, the figure shows the rest).",
    "batch culture": "Monod growth, two runs; default priors.",
    "fed-batch culture": "Monod growth, two runs fed at different rates after twelve hours; "
    "default priors.",
    "growth curve": "Logistic growth in closed form, three runs; default priors.",
    "mammalian fed-batch": "One fed-batch of twelve days, all seven assays; each parameter known "
    "to a factor of 1.4 either way, as after a first campaign of the clone. With the default "
    "intervals, which span up to two decades, one short run leaves a posterior that takes many "
    "times longer to sample; that was not done.",
    "citrate on measured oil": "Two runs driven by measured oil; default priors.",
    "lynx and hare": "Lotka-Volterra as a user writes it, 21 yearly counts of both; priors within "
    "a factor of about two.",
}

# %% Run: one compiled density a model; ranks are written as they come, so that a stop costs little
found = {}
chosen = options.only or (QUICK if options.quick else STUDIES)
for name in () if options.report else chosen:
    began, spent = time.perf_counter(), time.process_time()
    found[name] = simulation_based_calibration(
        **STUDIES[name],
        replications=REPLICATIONS,
        random_seed=SEED,
        target_accept=0.8,
        checkpoint=folder / f"{name.replace(', ', ' ').replace(' ', '_')}.csv",
    )
    print(
        f"{name}: {time.process_time() - spent:.0f} s of CPU, {time.perf_counter() - began:.0f} s"
    )
    print(found[name].check())

# %% Report: the shipped ranks of every model, whether or not they were computed just now
for name in STUDIES:
    path = folder / f"{name.replace(', ', ' ').replace(' ', '_')}.csv"
    if path.exists():
        found[name] = Ranks.read(path)
study = RankStudy({name: found[name] for name in STUDIES if name in found}, random_seed=SEED)
table = study.summary()
overview = pd.DataFrame(
    {
        name: {
            "replications": len(ranks.table),
            "numbers": len(ranks.names),
            "smallest p, family-wise": ranks.summary()["p_family"].min(),
            "coverage of 50 %": ranks.summary()["coverage_50"].mean(),
            "coverage of 90 %": ranks.summary()["coverage_90"].mean(),
            "median effective draws": ranks.remarks["effective_draws"].median(),
            "largest R-hat": ranks.remarks["r_hat"].max(),
            "with divergences": int((ranks.remarks["divergences"] > 0).sum()),
        }
        for name, ranks in study.studies.items()
    }
).T.rename_axis("model")
absent = [name for name in STUDIES if name not in study.studies]
missing = (
    f"Designs in the script without ranks yet: {'; '.join(absent)}. Running it does them, and goes "
    "on where a study was stopped.\n\n"
    if absent
    else ""
)
said = {name: ranks.check()["ranks"].passed for name, ranks in study.studies.items()}
counted = ", ".join(f"{name} {len(ranks.table)}" for name, ranks in study.studies.items())
answer = (
    f"{sum(said.values())} of {len(said)} process models show honest posteriors on small designs: "
    f"no rank curve of their {int(overview['numbers'].sum())} unknowns and likelihoods leaves a "
    "family-wise 99 % band"
    + "".join(f", but one of {name} does" for name, passed in said.items() if not passed)
    + f" (replications: {counted}). Nominal 90 % intervals held the truth "
    f"{table['coverage_90'].mean():.1%} of the time. Few replications can only show gross errors."
)
# %% Three nested levels: intervals against the truth, from the slow tests of these spreads
levels = []
small = options.out / "levels" / "coverage.csv"
if small.exists():
    seeds = pd.read_csv(small)
    low, high = binom.ppf([0.005, 0.995], seeds["seed"].nunique(), 0.9)
    covered = pd.DataFrame(
        {
            "inside 90 %": seeds["truth"].between(seeds["q5"], seeds["q95"]),
            "inside 99 %": seeds["truth"].between(seeds["q0.5"], seeds["q99.5"]),
        }
    )
    levels.append(
        Section(
            "Three nested levels: spreads against their truth",
            f"{seeds['seed'].nunique()} campaigns of sixteen growth curves (four molecules, two "
            "campaigns of each, two runs of each), spreads between molecules, campaigns and runs "
            "drawn from their priors. How often the intervals held the truth; an honest 90 % "
            f"interval holds it {low:.0f} to {high:.0f} times (99 % of such studies). Largest "
            f"R-hat {seeds['r_hat'].max():.3f}, {seeds['divergences'].sum():.0f} divergences.",
            table=covered.groupby(seeds["name"], sort=False).sum().rename_axis("unknown"),
        )
    )
SIXTY = {
    "fed_batches": (
        "Sixty fed-batches, two of ten parameters varying at three levels",
        "Mammalian fed-batches of five molecules, four campaigns of each, three runs of each, with "
        "maximum growth rate and specific productivity varying at every level: ten kinetic "
        "parameters, six spreads, and the sizes of noise of six assays.",
    ),
    "batch_cultures": (
        "Sixty batch cultures whose Monod constant is hardly known",
        "The same molecules, campaigns and runs, with maximum growth rate and product yield "
        "varying at every level: seven kinetic parameters, six spreads, six sizes of noise. "
        "Readings hardly tell a small Monod constant from a smaller one, so this posterior is bent "
        "and one-sided.",
    ),
}
for key, (title, design) in SIXTY.items():
    path = options.out / "levels" / f"sixty_{key}.csv"
    if path.exists():
        fitted = pd.read_csv(path).set_index("name").rename_axis("unknown")
        one = fitted.iloc[0]
        levels.append(
            Section(
                title,
                f"{design} Truth beside the posterior. One fit of 4 x {one['draws']:.0f} draws "
                f"took {one['cpu_seconds'] / 60.0:.0f} min of processor time; R-hat at most "
                f"{one['r_hat']:.3f} (1.01 passes), at least {one['bulk_ess']:.0f} effective draws "
                f"(400 pass), {one['divergences']:.0f} divergences.",
                table=fitted[["truth", "q0.5", "q5", "q50", "q95", "q99.5"]],
            )
        )

page = write_report(
    folder,
    study,
    title=__doc__.strip().splitlines()[0],
    answer=answer,
    show=draw_rank_differences(study.studies[next(iter(study.studies))]),
    sections=[
        Section(
            "How to read it",
            "For every replication parameters are drawn from their priors, readings are simulated "
            "from them, and the model is fitted to these. If posteriors are honest, the share of "
            "draws below the truth is uniform: its cumulative distribution minus the uniform one "
            "stays in the grey band everywhere, for all panels of a model at once, with "
            "probability 99 %. A curve that rises then falls says that posteriors are too narrow, "
            "one that falls then rises too wide, a hill or a valley that they are biased.\n\n"
            f"{missing}Synthetic data throughout. The log likelihood at the truth is "
            "ranked as well: it sees "
            "what single unknowns do not.",
            table=overview,
        ),
        *(
            Section(
                f"{name[:1].upper()}{name[1:]}",
                f"{NOTES[name]} {ranks.check()['ranks'].sentence}",
                draw_rank_differences(ranks, names=[n for n in ranks.names if "[" not in n]),
                ranks.summary().drop(columns="replications").filter(regex=r"^[^\[]*$", axis=0),
            )
            for name, ranks in study.studies.items()
        ),
        *levels,
    ],
    metrics={
        f"{name}_{score}".replace(", ", "_").replace(" ", "_"): float(value)
        for name, row in overview.iterrows()
        for score, value in row.items()
        if score in ("replications", "numbers", "smallest p, family-wise", "coverage of 90 %")
    },
)
print(f"Wrote {page}")

"""
Detection and false-alarm rates of the monitor and its peers, on two families of virtual runs.

The mammalian family (data/fed_batch_faults_generator.py) was at hand when the monitor was made; the
microbial one below was written afterwards and changed nothing. Run as a script it
writes study.csv and false_alarms.csv into reports/titer_monitoring.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.data import Profile, Run, read_campaign
from bayesbio.mechanistic import FedBatchCulture
from bayesbio.monitoring import FAULT_BASELINES, Monitor, monitoring_scores
from bayesbio.ode import simulate

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "reports" / "titer_monitoring" / "study.csv"
FALSE_ALARMS = STUDY.with_name("false_alarms.csv")
SEEDS = tuple(range(11, 17))
TRAINING = (40, 15)

TIMES = np.arange(0.0, 31.0, 3.0)
KINETICS = {
    "maximum_growth_rate": 0.30,
    "substrate_monod_constant": 0.05,
    "cell_yield": 0.45,
    "maintenance": 0.03,
    "growth_associated_yield": 0.06,
    "non_growth_associated_rate": 0.004,
}
BETWEEN = {
    "maximum_growth_rate": 0.04,
    "cell_yield": 0.03,
    "maintenance": 0.10,
    "growth_associated_yield": 0.06,
    "non_growth_associated_rate": 0.10,
}
FAULTS = {
    "feed line leaks": ("feed", -0.30),
    "oxygen probe is off": ("dissolved_oxygen", -0.12),
    "product is lost": ("growth_associated_yield", -0.40),
    "yield falls": ("cell_yield", -0.20),
    "maintenance rises": ("maintenance", 1.5),
    "growth is inhibited": ("maximum_growth_rate", -0.45),
    "pH drifts": ("ph", 0.15),
}


def microbial_run(rng, name, fault=None):
    """One run at jittered times with a quarter of its readings missing; its onset [h]."""
    drawn = {key: v * np.exp(rng.normal(0.0, BETWEEN.get(key, 0.0))) for key, v in KINETICS.items()}
    what, amount = FAULTS.get(fault, ("", 0.0))
    size, onset = amount * rng.uniform(0.5, 1.0), float(rng.choice([9.0, 12.0, 15.0, 18.0]))
    times = TIMES + rng.uniform(-0.4, 0.4, len(TIMES)) * (TIMES > 0)
    grid = np.unique(np.concatenate([np.arange(0.0, 31.01, 0.5), times, [onset]]))
    model = FedBatchCulture(maintenance=True, product=True)
    start = {
        "initial_biomass": 0.5 * np.exp(rng.normal(0.0, 0.06)),
        "initial_substrate": rng.normal(8.0, 0.2),
        "initial_product": 0.0,
        "initial_volume": 1.0,
        "feed_substrate": 400.0 * np.exp(rng.normal(0.0, 0.01)),
    }
    flow = 0.0035 * np.exp(rng.normal(0.0, 0.015)) * np.exp(0.09 * np.maximum(grid - 8.0, 0.0))
    flow = np.where(grid < 8.0, 0.0, np.minimum(flow, 0.015))

    def solved(parameters, settings, at, rate):
        profile = Profile(list(zip(at - at[0], rate, strict=True)))
        return simulate(
            model,
            parameters=parameters,
            settings=settings,
            profiles={"feed_rate": profile},
            times=at - at[0],
        ).squeeze()

    names = ("biomass", "substrate", "product", "volume")
    course = solved(drawn, start, grid, flow)
    found = {state: course[state].to_numpy().copy() for state in names}
    if what in drawn or what == "feed":
        late = grid >= onset
        first = int(np.argmax(late))
        changed = {key: v * (1.0 + size * (key == what)) for key, v in drawn.items()}
        again = start | {f"initial_{state}": found[state][first] for state in names}
        course = solved(changed, again, grid[late], flow[late] * (1.0 + size * (what == "feed")))
        for state in names:
            found[state][late] = course[state].to_numpy()
    uptake = np.gradient(found["biomass"] * found["volume"], grid) / found["volume"]
    uptake = np.maximum(uptake + 0.03 * found["biomass"], 0.0)
    stirring = np.minimum(300.0 + 130.0 * uptake, 1100.0)
    level = np.exp(rng.normal(0.0, 0.03))
    shown = {
        "biomass": found["biomass"],
        "substrate": found["substrate"],
        "product": found["product"],
        "agitation": stirring,
        "dissolved_oxygen": np.clip(1.0 - level * uptake / (0.01 * stirring), 0.05, 1.0),
        "ph": np.full(len(grid), rng.normal(7.0, 0.02)),
    }
    if what in shown:
        shown[what] = shown[what] + size * (grid >= onset)
    scatter = {"dissolved_oxygen": 0.02, "ph": 0.03, "agitation": 10.0}
    rows = []
    for quantity, values in shown.items():
        exact = np.interp(times, grid, values)
        if quantity in scatter:
            read = exact + rng.normal(0.0, scatter[quantity], len(times))
        else:
            read = exact * np.exp(rng.normal(0.0, 0.05, len(times)))
            read += 0.01 * np.abs(rng.normal(size=len(times)))
        kept = rng.uniform(size=len(times)) > 0.25
        rows.append(pd.DataFrame({"time_h": times, "quantity": quantity, "value": read})[kept])
    return Run(name, pd.concat(rows)), onset


def microbial(seed):
    """Good runs to learn from and to judge, faulty ones, and what is wrong with them."""
    rng = np.random.default_rng(seed)
    good = [microbial_run(rng, f"G{n}")[0] for n in range(40)]
    new = [microbial_run(rng, f"N{n}")[0] for n in range(50)]
    made = [(f, *microbial_run(rng, f"{f} {n}", f)) for f in FAULTS for n in range(6)]
    bad = [run for _, run, _ in made]
    faults = {run.name: fault for fault, run, _ in made}
    return good, new, bad, faults, {run.name: onset for _, run, onset in made}


def made_by_generator(*seed, **numbers):
    """Make runs of the family whose generator ships in data/, and what is wrong with them."""
    path = ROOT / "data" / "fed_batch_faults_generator.py"
    spec = importlib.util.spec_from_file_location("fed_batch_faults_generator", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make(*seed, **numbers)


def mammalian(seed):
    """Make the same of the family whose generator ships in data/."""
    sheet, truth = made_by_generator(seed, good=40, new=50, faulty=6)
    campaign = read_campaign(sheet)
    faults = {name: told["fault"] for name, told in truth["faults"].items()}
    onsets = {name: told["onset_h"] for name, told in truth["faults"].items()}
    parts = (truth["good"], truth["new"], list(faults))
    good, new, bad = (list(campaign.select(names)) for names in parts)
    return good, new, bad, faults, onsets


def study():
    """Score every method on every family, number of training runs and seed."""
    tables = []
    for family in (mammalian, microbial):
        for seed in SEEDS:
            good, new, bad, faults, onsets = family(seed)
            for number in TRAINING:
                monitors = {"Monitor": Monitor().fit(good[:number])}
                monitors |= {n: kind.fit(good[:number]) for n, kind in FAULT_BASELINES.items()}
                table = monitoring_scores(monitors, new, bad, faults=faults, onsets=onsets)
                keys = dict(family=family.__name__, training_runs=number, seed=seed)
                tables.append(table.reset_index().assign(**keys))
    return pd.concat(tables, ignore_index=True)


def false_alarms():
    """Alarms of monitors that learned from different sets, on the same 800 further good runs."""
    further = []
    for seed in (71, 72, 73, 74):
        sheet, truth = made_by_generator(seed, good=1, new=200, faulty=0)
        further += read_campaign(sheet).select(truth["new"])
    rows = []
    for seed in (None, 11, 12, 13, 201, 202, 203):
        sheet, truth = made_by_generator(*([] if seed is None else [seed]), new=1, faulty=1)
        monitor = Monitor().fit(read_campaign(sheet).select(truth["good"]))
        alarms = sum(monitor.score(run).alarm for run in further)
        name = "shipped" if seed is None else f"seed {seed}"
        rows.append({"good_runs": name, "further_runs": len(further), "alarms": alarms})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    STUDY.parent.mkdir(parents=True, exist_ok=True)
    study().round(4).to_csv(STUDY, index=False)
    false_alarms().to_csv(FALSE_ALARMS, index=False)

"""
Make data/fed_batch_faults.csv and data/fed_batch_faults_truth.json, the same every time.

Run it with `python data/fed_batch_faults_generator.py`; it writes beside itself, or into the folder
given as argument.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.data import Profile
from bayesbio.mechanistic import MammalianFedBatch
from bayesbio.ode import simulate

SEED = 20260701
GOOD, NEW, FAULTY = 40, 30, 5  # good runs to learn from, good ones to judge, runs of each fault
PARAMETERS = {
    "maximum_growth_rate": 0.040,
    "glucose_monod_constant": 0.10,
    "glutamine_monod_constant": 0.015,
    "lactate_inhibition_constant": 8.0,
    "ammonium_inhibition_constant": 0.16,
    "maximum_death_rate": 0.008,
    "ammonium_death_constant": 0.25,
    "cell_yield_on_glucose": 2.2,
    "glucose_maintenance": 0.0008,
    "cell_yield_on_glutamine": 14.0,
    "glutamine_degradation_rate": 0.0015,
    "lactate_yield_on_glucose": 0.28,
    "ammonium_yield_on_glutamine": 0.06,
    "specific_productivity": 0.0012,
}
RUN_SD = {  # of the logarithm, between good runs
    "maximum_growth_rate": 0.05,
    "specific_productivity": 0.06,
    "cell_yield_on_glucose": 0.05,
    "lactate_yield_on_glucose": 0.08,
    "maximum_death_rate": 0.15,
    "ammonium_yield_on_glutamine": 0.06,
}
START = {  # g/L, 1e6 cells/mL, L
    "initial_viable_cell_density": 0.4,
    "initial_dead_cell_density": 0.012,
    "initial_glucose": 6.3,
    "initial_glutamine": 0.60,
    "initial_lactate": 0.10,
    "initial_ammonium": 0.012,
    "initial_volume": 2.0,
}
START_SD = {
    "initial_viable_cell_density": 0.08,
    "initial_glucose": 0.02,
    "initial_glutamine": 0.02,
}
FEED = {"feed_glucose": 80.0, "feed_glutamine": 10.0}  # g/L
FEED_SD = 0.02
DAYS = np.arange(15.0)
RATE = np.where(DAYS < 3, 0.0, np.where(DAYS < 6, 0.0030, 0.0039))  # L/h
COLUMNS = {  # header: quantity, factor from house units, digits
    "VCD (10^6 cells/mL)": ("viable_cell_density", 1.0, 2),
    "Viab (%)": ("viability", 100.0, 1),
    "Glc (g/L)": ("glucose", 1.0, 2),
    "Gln (mM)": ("glutamine", 1000.0 / 146.145, 2),
    "Lac (mM)": ("lactate", 1000.0 / 90.078, 2),
    "NH4 (mM)": ("ammonium", 1000.0 / 18.039, 2),
    "Titer (mg/L)": ("titer", 1000.0, 0),
}
NOISE_SD = {  # of the logarithm; viability absolute
    "viable_cell_density": 0.06,
    "viability": 0.012,
    "glucose": 0.04,
    "glutamine": 0.06,
    "lactate": 0.04,
    "ammonium": 0.05,
    "titer": 0.04,
}
ABSENT = 0.04
FAULTS = {  # what changes, and by how much at size 1
    "feed pump slows": ("feed_rate", -0.50),
    "feed is weak": ("feed", -0.35),
    "growth slows": ("maximum_growth_rate", -0.30),
    "cells die": ("maximum_death_rate", 1.50),
    "lactate overflow": ("lactate_yield_on_glucose", 0.40),
    "productivity falls": ("specific_productivity", -0.30),
    "reading is biased": ("reading", 0.25),
}
BIASED = ("glucose", "lactate", "viable_cell_density")


def scattered(rng: np.random.Generator, values: dict, sd: dict) -> dict:
    """Values with the differences from run to run."""
    return {
        name: value * np.exp(rng.normal(0.0, sd.get(name, 0.0))) for name, value in values.items()
    }


def make_run(rng: np.random.Generator, name: str, fault: str | None) -> tuple[pd.DataFrame, dict]:
    """One run as the laboratory writes it, and what is wrong with it."""
    parameters = scattered(rng, PARAMETERS, RUN_SD)
    start = scattered(rng, START, START_SD)
    feed = scattered(rng, FEED, dict.fromkeys(FEED, FEED_SD))
    rate = RATE * np.exp(rng.normal(0.0, FEED_SD))
    onset, size = int(rng.integers(3, 9)), float(rng.uniform(0.5, 1.0))
    biased, sign = str(rng.choice(BIASED)), float(rng.choice([-1.0, 1.0]))
    course = follow(parameters, {**start, **feed}, rate, 0)
    if fault is not None:
        what, amount = FAULTS[fault]
        change = 1.0 + size * amount
        after = {**feed, **{f"initial_{state}": course[state][onset] for state in course["states"]}}
        if what == "feed":
            after |= {feeding: value * change for feeding, value in feed.items()}
        changed = parameters | ({what: parameters[what] * change} if what in parameters else {})
        slower = rate * (change if what == "feed_rate" else 1.0)
        if what == "reading":
            course[biased] = course[biased] * np.where(
                onset <= DAYS, 1.0 + sign * size * amount, 1.0
            )
        else:
            later = follow(changed, after, slower, onset)
            for quantity, _, _ in COLUMNS.values():
                course[quantity][onset:] = later[quantity]
    sheet = pd.DataFrame({"Batch ID": name, "Day": DAYS.astype(int)})
    for header, (quantity, factor, digits) in COLUMNS.items():
        noise = rng.normal(0.0, NOISE_SD[quantity], len(DAYS))
        exact = course[quantity]
        read = (
            np.minimum(exact + noise, 0.999) if quantity == "viability" else exact * np.exp(noise)
        )
        cells = np.array([f"{value:.{digits}f}" for value in factor * read])
        absent = rng.random(len(DAYS)) < ABSENT
        if quantity == "titer":
            absent |= (DAYS % 2 == 1) | (DAYS == 0)
        sheet[header] = np.where(absent, "", cells)
    told = {"fault": fault, "onset_h": 24 * onset, "size": round(size, 3)} if fault else {}
    if fault == "reading is biased":
        told |= {"quantity": biased, "change": round(sign * size * FAULTS[fault][1], 3)}
    return sheet, told


def follow(parameters: dict, settings: dict, rate: np.ndarray, first: int) -> dict:
    """Course of a run from a day on."""
    model, times = MammalianFedBatch(), 24.0 * (DAYS[first:] - DAYS[first])
    solved = simulate(
        model,
        parameters=parameters,
        settings=settings,
        profiles={"feed_rate": Profile(list(zip(times, rate[first:], strict=True)), "step")},
        times=times,
    ).squeeze()
    course = {str(name): solved[name].to_numpy().copy() for name in solved.data_vars}
    return course | {"states": model.State._fields}


def make(
    seed: int = SEED, *, good: int = GOOD, new: int = NEW, faulty: int = FAULTY
) -> tuple[pd.DataFrame, dict]:
    """Sheet of all runs, and the truth behind it: faults by run."""
    rng = np.random.default_rng(seed)
    plan = [(f"G{n:02d}", None) for n in range(1, good + 1)]
    plan += [(f"N{n:02d}", None) for n in range(1, new + 1)]
    plan += [
        (f"F{kind}{n}", fault)
        for kind, fault in enumerate(FAULTS, start=1)
        for n in range(1, faulty + 1)
    ]
    sheets, faults = [], {}
    for name, fault in plan:
        sheet, told = make_run(rng, name, fault)
        sheets.append(sheet)
        if fault is not None:
            faults[name] = told
    truth = {
        "model": "MammalianFedBatch",
        "seed": seed,
        "good": [name for name, _ in plan[:good]],
        "new": [name for name, _ in plan[good : good + new]],
        "faults": faults,
        "parameters": PARAMETERS,
        "run_sd": RUN_SD,
        "noise_sd": NOISE_SD,
    }
    return pd.concat(sheets, ignore_index=True), truth


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    frame, truth = make()
    frame.to_csv(folder / "fed_batch_faults.csv", index=False, lineterminator="\n")
    text = json.dumps(truth, indent=1)
    (folder / "fed_batch_faults_truth.json").write_text(text + "\n", encoding="utf-8")

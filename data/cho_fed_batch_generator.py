"""
Make data/cho_fed_batch.csv and data/cho_fed_batch_truth.json, the same every time.

Run it with `python data/cho_fed_batch_generator.py`; it writes beside itself, or into the folder
given as argument.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.data import Event, Profile
from bayesbio.mechanistic import MammalianFedBatch
from bayesbio.ode import simulate

SEED = 20260401
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
EFFECT_SD = {"maximum_growth_rate": 0.08, "specific_productivity": 0.10}  # of the logarithm
MEDIUM = {  # one lot for all runs, g/L
    "initial_glucose": 6.3,
    "initial_glutamine": 0.60,
    "initial_lactate": 0.10,
    "initial_ammonium": 0.012,
}
FEED = {"feed_glucose": 80.0, "feed_glutamine": 10.0}  # g/L
START = {"initial_dead_cell_density": 0.012, "initial_volume": 2.0}  # 1e6 cells/mL, L
SEEDING = 0.40  # 1e6 cells/mL, differs by 8 % from run to run
NOISE_SD = {  # of the logarithm; viability absolute
    "viable_cell_density": 0.08,
    "viability": 0.010,
    "glucose": 0.04,
    "glutamine": 0.06,
    "lactate": 0.04,
    "ammonium": 0.05,
    "titer": 0.04,
}
ABSENT = 0.04  # share of the metabolites that were not measured
MOLAR_MASS = {"glutamine": 146.145, "lactate": 90.078, "ammonium": 18.039}
FEEDS = {  # first day, mL/h on the first three days of feeding, mL/h afterwards
    "CHO-01": (3, 3.0, 3.6),
    "CHO-02": (3, 3.0, 3.6),
    "CHO-03": (3, 2.4, 3.0),
    "CHO-04": (3, 3.6, 4.2),
    "CHO-05": (4, 3.6, 4.2),
    "CHO-06": (4, 3.0, 3.0),
    "CHO-07": (2, 2.4, 3.6),
    "CHO-08": (3, 3.0, 4.5),
}
BOLUSES = {"CHO-03": {6: 5.0, 9: 5.0}, "CHO-06": {7: 6.0}, "CHO-07": {8: 4.0}}  # day: g of glucose
LAST_DAY = {"CHO-05": 12}  # the others last 14 days
DAYS = np.arange(0, 15)


def feed_of(name: str) -> np.ndarray:
    """Feed rate from each day on [mL/h]."""
    first, early, late = FEEDS[name]
    return np.where(first > DAYS, 0.0, np.where(first + 3 > DAYS, early, late))


def make() -> tuple[pd.DataFrame, dict]:
    """Sheet of the laboratory, and the truth behind it."""
    rng = np.random.default_rng(SEED)
    sheets: list[pd.DataFrame] = []
    effects: dict[str, dict[str, float]] = {name: {} for name in EFFECT_SD}
    seeding = {}
    for name in FEEDS:
        for parameter, sd in EFFECT_SD.items():
            effects[parameter][name] = float(rng.normal(0.0, sd))
        seeding[name] = float(SEEDING * np.exp(rng.normal(0.0, 0.08)))
        feed, boluses = feed_of(name), BOLUSES.get(name, {})
        course = simulate(
            MammalianFedBatch(),
            parameters={
                parameter: value * np.exp(effects.get(parameter, {}).get(name, 0.0))
                for parameter, value in PARAMETERS.items()
            },
            settings={**MEDIUM, **FEED, **START, "initial_viable_cell_density": seeding[name]},
            profiles={
                "feed_rate": Profile(list(zip(24.0 * DAYS, feed / 1000, strict=True)), "step")
            },
            events=[Event(24.0 * day, "bolus", "glucose", grams) for day, grams in boluses.items()],
            times=24.0 * DAYS,
            rtol=1e-10,
            atol=1e-12,
        ).squeeze()

        def read(quantity, factor=1.0, course=course):
            exact = course[quantity].to_numpy()
            noise = rng.normal(0.0, NOISE_SD[quantity], len(DAYS))
            return factor * (exact + noise if quantity == "viability" else exact * np.exp(noise))

        sheet = pd.DataFrame({"Batch ID": name, "Day": DAYS})
        for count in (1, 2):
            sheet[f"VCD_{count} (10^6 cells/mL)"] = written(read("viable_cell_density"), 2)
        sheet["Viab (%)"] = written(np.minimum(read("viability", 100.0), 99.9), 1)
        metabolites = {"Glc (g/L)": written(read("glucose"), 2)}
        for header, quantity, limit in (
            ("Gln (mM)", "glutamine", 0.2),
            ("Lac (mM)", "lactate", None),
            ("NH4 (mM)", "ammonium", None),
        ):
            in_mM = read(quantity, 1000.0 / MOLAR_MASS[quantity])
            metabolites[header] = written(in_mM, 2, limit=limit)
        for header, cells in metabolites.items():
            sheet[header] = np.where(rng.random(len(DAYS)) < ABSENT, "", cells)
        titer = written(read("titer", 1000.0), 0, limit=50.0)
        sheet["Titer (mg/L)"] = np.where((DAYS > 0) & (DAYS % 2 == 0), titer, "")
        sheet["Feed rate (mL/h)"] = written(feed, 1)
        sheet["Glucose bolus (g)"] = [f"{boluses[day]:g}" if day in boluses else "" for day in DAYS]
        sheet["Start volume (L)"] = written(np.full(len(DAYS), START["initial_volume"]), 2)
        sheet["Feed Glc (g/L)"] = written(np.full(len(DAYS), FEED["feed_glucose"]), 0)
        sheet["Feed Gln (g/L)"] = written(np.full(len(DAYS), FEED["feed_glutamine"]), 0)
        sheets.append(sheet[sheet["Day"] <= LAST_DAY.get(name, 14)])
    truth = {
        "model": "MammalianFedBatch",
        "seed": SEED,
        "parameters": PARAMETERS,
        "medium": MEDIUM,
        "feed": FEED,
        "start": START,
        "seeding": seeding,
        "effect_sd_run": EFFECT_SD,
        "log_effects": effects,
        "noise_sd": NOISE_SD,
    }
    return pd.concat(sheets, ignore_index=True), truth


def written(values: np.ndarray, digits: int, *, limit: float | None = None) -> list[str]:
    """Numbers as the laboratory writes them; '<limit' below the limit of quantification."""
    texts = [f"{value:.{digits}f}" for value in values]
    if limit is None:
        return texts
    return [
        f"<{limit:g}" if value < limit else text for value, text in zip(values, texts, strict=True)
    ]


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    frame, truth = make()
    frame.to_csv(folder / "cho_fed_batch.csv", index=False, lineterminator="\n")
    text = json.dumps(truth, indent=1)
    (folder / "cho_fed_batch_truth.json").write_text(text + "\n", encoding="utf-8")

"""
Make data/recombinant_protein.csv and data/recombinant_protein_truth.json, the same every time.

Run it with `python data/recombinant_protein_generator.py`; it writes beside itself, or into the
folder given as argument.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20260801
RUNS = 32
STEP = 0.02  # h
CULTURE = {
    "growth_on_glycerol": 0.32,  # 1/h
    "growth_on_glucose": 0.28,  # 1/h
    "monod_constant": 0.15,  # g/L
    "yield_on_glycerol": 1.7,  # g wet cells per g
    "yield_on_glucose": 1.6,
    "phosphate_yield": 170.0,  # g wet cells per g
    "maintenance": 0.012,  # g per g wet cells and h
    "acetate_threshold": 0.10,  # 1/h: growth beyond which acetate is made
    "acetate_yield": 0.18,  # g per g wet cells made beyond it
    "acetate_uptake": 0.0006,  # per g/L wet cells and h
    "productivity": 0.60,  # mg per g wet cells and h at 30 degC
    "best_temperature": 28.0,  # degC, of the productivity
    "temperature_width": 5.5,
    "decline": 0.035,  # 1/h, of the productivity after induction
    "acetate_inhibition": 4.0,  # g/L that halves growth and productivity
}
RUN_SD = {"growth_on_glycerol": 0.05, "yield_on_glucose": 0.05, "productivity": 0.15}
NOISE = {"wet": 0.05, "metabolite": 0.05, "octet": 0.07, "ph": 0.03, "oxygen": 0.025}
ABSENT = 0.5  # of everything but the clock
FAULTS = {  # run: what happens, and when [h]
    "RP-07": ("feed pump blocked", 24.0),
    "RP-15": ("acetate overflow", 20.0),
    "RP-23": ("oxygen supply lost", 26.0),
    "RP-30": ("pH probe drifts", 16.0),
}
HEADERS = {
    "wet": "WCW (g/L)",
    "stirring": "Agitation (rpm)",
    "air": "Air (%)",
    "oxygen": "DO (%)",
    "gas": "Gas flow (L/min)",
    "added": "O2 (%)",
    "ph": "pH",
    "pump": "Feed %",
    "feed": "Feed (mL/h)",
    "temperature": "Temp (degC)",
    "glycerol": "Glycerol (g/L)",
    "glucose": "Glucose (g/L)",
    "acetate": "Acetate (g/L)",
    "phosphate": "Phosphate (g/L)",
    "titer": "Titer Octet (mg/L)",
}
DIGITS = {"wet": 1, "stirring": 0, "gas": 2, "ph": 2, "temperature": 1, "feed": 1, "titer": 0}
OCTET_LIMIT = 15.0  # mg/L
PUMP = 40.0  # mL/h at full speed
FEED_GLUCOSE = 500.0  # g/L


def follow(culture: dict, plan: dict, fault: tuple[str, float] | None) -> pd.DataFrame:
    """Course of a run by small explicit steps: batch on glycerol, glucose feed, induction."""
    kind, onset = fault or ("", np.inf)
    wet, glycerol, glucose, acetate, phosphate, titer = 1.5, plan["glycerol"], 0.2, 0.1, 3.0, 0.0
    volume, fed_since, rows = 1.0, None, []
    for time in np.arange(0.0, plan["end"] + STEP / 2, STEP):
        late = time >= onset
        induced = max(time - plan["induction"], 0.0)
        temperature = 37.0 if time < plan["induction"] else plan["temperature"]
        if glycerol < 0.5 and fed_since is None:
            fed_since = time
        pump = 0.0
        if fed_since is not None:
            pump = min(plan["pump"] * np.exp(0.08 * min(time - fed_since, 8.0)), 1.0)
        feed = PUMP * pump * (0.45 if late and kind == "feed pump blocked" else 1.0)
        warm = np.exp(-0.5 * ((temperature - 37.0) / 12.0) ** 2)
        brake = 1.0 / (1.0 + acetate / culture["acetate_inhibition"])
        short = 0.7 if late and kind == "oxygen supply lost" else 1.0
        phosphate_share = phosphate / (phosphate + 0.02)
        on_glycerol = (
            culture["growth_on_glycerol"] * glycerol / (glycerol + culture["monod_constant"])
        )
        on_glucose = culture["growth_on_glucose"] * glucose / (glucose + culture["monod_constant"])
        if glycerol > 0.05:
            on_glucose *= 0.3
        limit = warm * brake * short * phosphate_share
        growth = limit * (on_glycerol + on_glucose)
        excess = max(growth - culture["acetate_threshold"], 0.0)
        overflow = culture["acetate_yield"] * excess
        if late and kind == "acetate overflow":
            overflow += 0.010
        elif late and kind == "oxygen supply lost":
            overflow += 0.006
        uptake = culture["acetate_uptake"] * wet * acetate / (acetate + 0.2)
        demand = (growth + culture["maintenance"]) * wet
        making = 0.0
        if induced > 0.0:
            bell = np.exp(
                -0.5
                * ((temperature - culture["best_temperature"]) / culture["temperature_width"]) ** 2
            )
            making = culture["productivity"] * bell * np.exp(-culture["decline"] * induced) * brake
        air = 1.0 if demand < 12.0 else max(1.0 - (demand - 12.0) / 40.0, 0.4)
        stirring = min(400.0 + 60.0 * demand, 1200.0)
        dissolved = np.clip(0.95 - demand / (6.0 + 0.012 * stirring * (2.2 - 1.2 * air)), 0.02, 1.0)
        if late and kind == "oxygen supply lost":
            dissolved *= 0.5
        drift = 0.02 * (time - onset) if late and kind == "pH probe drifts" else 0.0
        controls = (100 * air, 100 * dissolved, 1.0 + 0.02 * demand, 100 * (1 - air))
        read_ph = plan["ph"] + min(drift, 0.3)
        pumped = (read_ph, 100 * pump, feed, temperature)
        broth = (glycerol, glucose, acetate, phosphate, titer)
        rows.append((time, wet, stirring, *controls, *pumped, *broth))
        dilution = feed / 1000.0 / volume
        sugar = (limit * on_glucose / culture["yield_on_glucose"] + culture["maintenance"]) * wet
        wet += STEP * (growth - dilution) * wet
        glycerol = max(
            glycerol - STEP * (limit * on_glycerol * wet / culture["yield_on_glycerol"]), 0.0
        )
        glucose = max(glucose + STEP * (dilution * (FEED_GLUCOSE - glucose) - sugar), 0.0)
        acetate = max(acetate + STEP * (overflow * wet - uptake - dilution * acetate), 0.0)
        phosphate = max(
            phosphate - STEP * (growth * wet / culture["phosphate_yield"] + dilution * phosphate),
            0.0,
        )
        titer += STEP * (making * wet - dilution * titer)
        volume += STEP * feed / 1000.0
    return pd.DataFrame(rows, columns=["time", *HEADERS])


def read(rng: np.random.Generator, course: pd.DataFrame, plan: dict) -> pd.DataFrame:
    """Read a run at times of its own, as the laboratory writes them."""
    times = np.cumsum(rng.uniform(1.5, 4.0, 40)) - rng.uniform(1.0, 2.0)
    times = np.concatenate(
        [[0.0], times[(times > 0.3) & (times < plan["end"] - 0.5)], [plan["end"]]]
    )
    exact = course.iloc[np.rint(times / STEP).astype(int)].reset_index(drop=True)
    sheet = {"Time (h)": [f"{time:.1f}" for time in times]}
    for name, header in HEADERS.items():
        values = exact[name].to_numpy(copy=True)
        noise = rng.normal(size=len(times))
        if name == "wet":
            values *= np.exp(NOISE["wet"] * noise)
        elif name in ("glycerol", "glucose", "acetate", "phosphate"):
            values = np.maximum(
                values * np.exp(NOISE["metabolite"] * noise) + 0.02 * np.abs(noise), 0.0
            )
        elif name == "titer":
            values *= np.exp(NOISE["octet"] * noise)
        elif name == "ph":
            values += NOISE["ph"] * noise
        elif name == "oxygen":
            values = np.clip(values + 100 * NOISE["oxygen"] * noise, 0.5, 100.0)
        elif name == "temperature":
            values += 0.1 * noise
        digits = DIGITS.get(
            name, 2 if name in ("glycerol", "glucose", "acetate", "phosphate") else 1
        )
        cells = np.array([f"{value:.{digits}f}" for value in values], dtype=object)
        absent = rng.random(len(times)) < ABSENT
        if name == "titer":
            cells[values < OCTET_LIMIT] = f"<{OCTET_LIMIT:g}"
            absent |= times < plan["induction"]
            absent[-1] = False  # every run ends with a titer
        sheet[header] = np.where(absent, "", cells)
    return pd.DataFrame(sheet)


def make(seed: int = SEED) -> tuple[pd.DataFrame, dict]:
    """Sheet of all runs, and the truth behind it."""
    rng = np.random.default_rng(seed)
    sheets, plans, final = [], {}, {}
    for number in range(1, RUNS + 1):
        name = f"RP-{number:02d}"
        culture = {
            key: value * np.exp(rng.normal(0.0, RUN_SD.get(key, 0.0)))
            for key, value in CULTURE.items()
        }
        plan = {
            "glycerol": float(rng.normal(20.0, 0.6)),
            "pump": float(rng.uniform(0.12, 0.17)),
            "induction": float(np.round(rng.uniform(15.0, 19.0), 1)),
            "temperature": float(rng.choice([25.0, 28.0, 30.0, 33.0])),
            "ph": float(rng.normal(6.9, 0.02)),
            "end": float(np.round(rng.uniform(34.0, 48.0), 1)),
        }
        course = follow(culture, plan, FAULTS.get(name))
        sheet = read(rng, course, plan)
        sheet.insert(0, "Run", name)
        sheets.append(sheet)
        plans[name] = {key: round(value, 4) for key, value in plan.items()}
        plans[name]["productivity"] = round(culture["productivity"], 4)
        final[name] = round(float(course["titer"].iloc[-1]), 1)
    truth = {
        "seed": seed,
        "culture": CULTURE,
        "run_sd": RUN_SD,
        "noise": NOISE,
        "plans": plans,
        "final_titer_mg_L": final,
        "faults": {name: {"fault": what, "onset_h": when} for name, (what, when) in FAULTS.items()},
    }
    return pd.concat(sheets, ignore_index=True), truth


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    frame, truth = make()
    frame.to_csv(folder / "recombinant_protein.csv", index=False, lineterminator="\n")
    text = json.dumps(truth, indent=1)
    (folder / "recombinant_protein_truth.json").write_text(text + "\n", encoding="utf-8")

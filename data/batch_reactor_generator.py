"""
Make data/batch_reactor.csv and data/batch_reactor_truth.json, the same every time.

Run it with `python data/batch_reactor_generator.py`; it writes beside itself, or into the folder
given as argument.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from bayesbio.mechanistic import BatchReactor
from bayesbio.ode import simulate

SEED = 20260301
PARAMETERS = {
    "rate_constant_1": 0.50,
    "rate_constant_2": 0.05,
    "activation_energy_1": 60e3,
    "activation_energy_2": 95e3,
    "reaction_enthalpy_1": -60e3,
    "reaction_enthalpy_2": -80e3,
    "heat_capacity": 1800.0,
    "heat_transfer": 2000.0,
}
EFFECT_SD = {"rate_constant_1": 0.08}  # of the logarithm: each charge of catalyst differs
NOISE_SD = {"concentration": 0.008, "temperature": 0.3}  # mol/L and K
ABSENT = 0.04  # share of the concentrations that were not measured
JACKETS = {  # (hour, temperature of the jacket in degrees Celsius), joined by straight lines
    "B01": [(0.0, 50.0), (12.0, 50.0)],
    "B02": [(0.0, 60.0), (12.0, 60.0)],
    "B03": [(0.0, 68.0), (12.0, 68.0)],
    "B04": [(0.0, 45.0), (6.0, 65.0), (12.0, 65.0)],
    "B05": [(0.0, 65.0), (6.0, 45.0), (12.0, 45.0)],
    "B06": [(0.0, 40.0), (3.0, 40.0), (4.0, 70.0), (12.0, 70.0)],
    "B07": [(0.0, 55.0), (4.0, 72.0), (8.0, 55.0), (12.0, 55.0)],
    "B08": [(0.0, 58.0), (12.0, 64.0)],
}
HOURS = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0])


def make() -> tuple[pd.DataFrame, dict]:
    """Sheet of the laboratory, and the truth behind it."""
    rng = np.random.default_rng(SEED)
    rows, effects = [], {}
    for name, points in JACKETS.items():
        effect = float(rng.normal(0.0, EFFECT_SD["rate_constant_1"]))
        charge = round(float(rng.uniform(0.75, 0.85)), 3)
        start = round(points[0][1] + float(rng.normal(0.0, 2.0)), 1)
        jacket = np.interp(HOURS, *np.transpose(points))
        rate = PARAMETERS["rate_constant_1"] * np.exp(effect)
        course = simulate(
            BatchReactor(),
            parameters={**PARAMETERS, "rate_constant_1": rate},
            settings={"initial_concentration_a": charge, "initial_temperature": start + 273.15},
            profiles={"jacket_temperature": list(zip(HOURS, jacket + 273.15, strict=True))},
            times=HOURS,
            rtol=1e-10,
            atol=1e-12,
        ).squeeze()
        sheet = pd.DataFrame({"Batch": name, "Time (h)": HOURS})
        sheet["Tj (degC)"] = jacket.round(2)
        noise = rng.normal(0.0, NOISE_SD["temperature"], len(HOURS))
        sheet["Temp (degC)"] = (course["temperature"].to_numpy() - 273.15 + noise).round(1)
        for letter in "abc":
            noise = rng.normal(0.0, NOISE_SD["concentration"], len(HOURS))
            exact = course[f"concentration_{letter}"].to_numpy()
            seen = np.maximum(exact + noise, 0.0).round(3)
            seen[rng.random(len(HOURS)) < ABSENT] = np.nan
            sheet[f"c{letter.upper()} (mol/L)"] = seen
        sheet["initial_concentration_a (mol/L)"] = charge
        sheet["initial_temperature (degC)"] = start
        effects[name] = effect
        rows.append(sheet)
    truth = {
        "model": "BatchReactor",
        "seed": SEED,
        "parameters": PARAMETERS,
        "effect_sd_run": EFFECT_SD,
        "log_effects": {"rate_constant_1": effects},
        "noise_sd": NOISE_SD,
    }
    return pd.concat(rows, ignore_index=True), truth


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    frame, truth = make()
    frame.to_csv(folder / "batch_reactor.csv", index=False, lineterminator="\n")
    text = json.dumps(truth, indent=1)
    (folder / "batch_reactor_truth.json").write_text(text + "\n", encoding="utf-8")

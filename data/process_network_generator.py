"""
Make data/process_network.csv and data/process_network_truth.json, the same every time.

Run it with `python data/process_network_generator.py`; it writes beside itself, or into the folder
given as argument.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20260801
RUNS = 60
ABSENT = 0.03  # share of the measured cells that are missing
# name: unit operation, role, unit, scale, centre and spread on that scale
NODES = {
    "seed_temperature": ("seed", "CPP", "K", "identity", 310.0, 0.5),
    "seed_ph": ("seed", "CPP", "1", "identity", 7.0, 0.05),
    "seed_density": ("seed", "state", "1e6 cells/mL", "log", 1.4, 0.15),
    "seed_viability": ("seed", "state", "1", "logit", 3.2, 0.3),
    "temperature": ("production", "CPP", "K", "identity", 309.0, 0.7),
    "ph": ("production", "CPP", "1", "identity", 7.0, 0.06),
    "feed_rate": ("production", "CPP", "mL/h", "identity", 20.0, 1.5),
    "dissolved_oxygen": ("production", "CPP", "1", "identity", 0.4, 0.04),
    "peak_density": ("production", "state", "1e6 cells/mL", "log", 2.9, 0.18),
    "titer": ("production", "state", "g/L", "log", 1.4, 0.2),
    "viability": ("production", "state", "1", "logit", 1.8, 0.4),
    "broth_impurity": ("production", "state", "mg/L", "log", 6.0, 0.35),
    "capture_load": ("capture", "CPP", "g/L", "identity", 35.0, 3.0),
    "elution_ph": ("capture", "CPP", "1", "identity", 3.6, 0.06),
    "capture_yield": ("capture", "state", "1", "logit", 2.5, 0.3),
    "pool_impurity": ("capture", "state", "mg/L", "log", 2.0, 0.4),
    "polish_load": ("polish", "CPP", "g/L", "identity", 60.0, 5.0),
    "polish_salt": ("polish", "CPP", "mol/L", "identity", 0.15, 0.01),
    "purity": ("polish", "CQA", "1", "logit", 4.6, 0.35),
    "final_impurity": ("polish", "CQA", "mg/L", "log", -0.5, 0.45),
}
# child: effect of each parent, and standard deviation of the scatter, in spreads
EFFECTS = {
    "seed_density": ({"seed_temperature": 0.5, "seed_ph": 0.3}, 0.7),
    "seed_viability": ({"seed_temperature": -0.4, "seed_ph": 0.2, "seed_density": 0.3}, 0.7),
    "peak_density": (
        {"temperature": 0.5, "ph": 0.2, "feed_rate": 0.5, "dissolved_oxygen": 0.2,
         "seed_density": 0.3, "seed_viability": 0.2}, 0.5),
    "titer": (
        {"temperature": -0.3, "ph": 0.15, "feed_rate": 0.3, "dissolved_oxygen": 0.1,
         "peak_density": 0.7, "seed_viability": 0.1}, 0.4),
    "viability": (
        {"temperature": -0.4, "ph": 0.1, "feed_rate": -0.3, "dissolved_oxygen": 0.3,
         "peak_density": -0.3, "titer": -0.2}, 0.5),
    "broth_impurity": (
        {"temperature": 0.2, "feed_rate": 0.2, "peak_density": 0.4, "titer": 0.2,
         "viability": -0.6}, 0.4),
    "capture_yield": (
        {"capture_load": -0.6, "elution_ph": -0.4, "titer": -0.2, "broth_impurity": -0.2}, 0.5),
    "pool_impurity": (
        {"capture_load": 0.2, "elution_ph": -0.3, "broth_impurity": 0.6, "viability": -0.2}, 0.4),
    "purity": (
        {"polish_load": -0.4, "polish_salt": 0.3, "pool_impurity": -0.6, "capture_yield": 0.1},
        0.4),
    "final_impurity": (
        {"polish_load": 0.4, "polish_salt": -0.4, "pool_impurity": 0.6, "broth_impurity": 0.1},
        0.4),
}  # fmt: skip
LIMITS = {"purity": {"lower": 0.985}, "final_impurity": {"upper": 1.0}}


def natural(scale: str, values: np.ndarray) -> np.ndarray:
    """Bring values back from the scale on which effects add."""
    if scale == "log":
        return np.exp(values)
    return 1.0 / (1.0 + np.exp(-values)) if scale == "logit" else values


def write(folder: Path) -> None:
    """Write the table and the truth."""
    rng = np.random.default_rng(SEED)
    scores: dict[str, np.ndarray] = {}
    for name in NODES:
        effects, scatter = EFFECTS.get(name, ({}, 1.0))
        scores[name] = sum(
            (effect * scores[parent] for parent, effect in effects.items()),
            start=scatter * rng.standard_normal(RUNS),
        )
    frame = pd.DataFrame({"run": [f"V{k + 1:02d}" for k in range(RUNS)]})
    for name, (_, role, _, scale, centre, spread) in NODES.items():
        values = natural(scale, centre + spread * scores[name])
        absent = rng.uniform(size=RUNS) < ABSENT
        if role != "CPP":
            values = np.where(absent, np.nan, values)
        frame[name] = [float(f"{value:.6g}") for value in values]
    frame.to_csv(folder / "process_network.csv", index=False)
    fields = ("unit_operation", "role", "unit", "scale", "centre", "spread")
    truth = {
        "seed": SEED,
        "nodes": {name: dict(zip(fields, row, strict=True)) for name, row in NODES.items()},
        "effects": {name: effects for name, (effects, _) in EFFECTS.items()},
        "scatter": {name: scatter for name, (_, scatter) in EFFECTS.items()},
        "limits": LIMITS,
    }
    text = json.dumps(truth, indent=2) + "\n"
    (folder / "process_network_truth.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

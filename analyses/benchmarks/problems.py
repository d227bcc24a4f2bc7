"""The problems that the benchmarks share: models, readings, priors."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pymc as pm

from bayesbio.data import Campaign, Profile, Run, quantity
from bayesbio.mechanistic import MammalianFedBatch

DATA = Path(__file__).parents[2] / "data"
HOURS = 24.0

# Truth of data/mammalian_8runs.csv in its own units (days, mmol): see the card beside the table.
GLUCOSE, GLUTAMINE, LACTATE, AMMONIUM = (
    quantity(name).molar_mass / 1000.0 for name in ("glucose", "glutamine", "lactate", "ammonium")
)  # g/mmol
TRUTH = {
    "maximum_growth_rate": 1.2 / HOURS,
    "glucose_monod_constant": 0.5 * GLUCOSE,
    "glutamine_monod_constant": 0.06 * GLUTAMINE,
    "lactate_inhibition_constant": 140.0 * LACTATE,
    "ammonium_inhibition_constant": 12.0 * AMMONIUM,
    "maximum_death_rate": 0.30 / HOURS,
    "ammonium_death_constant": 6.0 * AMMONIUM,
    "cell_yield_on_glucose": 0.45 / GLUCOSE,
    "glucose_maintenance": 0.35 * GLUCOSE / HOURS,
    "cell_yield_on_glutamine": 3.0 / GLUTAMINE,
    "glutamine_degradation_rate": 0.05 / HOURS,
    "lactate_yield_on_glucose": 1.4 * LACTATE / GLUCOSE,
    "ammonium_yield_on_glutamine": 0.6 * AMMONIUM / GLUTAMINE,
    "specific_productivity": 0.02 / HOURS,
}
INOCULA = (0.338698, 0.321944, 0.342930, 0.334868, 0.304709, 0.348781, 0.338057, 0.339303)


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is handed to `fit`: a campaign, a model, priors, what varies, and the noise."""

    campaign: Campaign
    model: Any
    priors: dict[str, Any] = dataclasses.field(default_factory=dict)
    vary: dict[str, str] = dataclasses.field(default_factory=dict)
    noise: Any = None

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `fit`."""
        return {"priors": self.priors, "vary": self.vary, "noise": self.noise}


def eight_runs() -> Problem:
    """Eight virtual mammalian fed-batch runs, 14 parameters, 38 dimensions."""
    table = pd.read_csv(DATA / "mammalian_8runs.csv")
    factors = {
        "viable_cell_density": ("viable_cell_density_1e6_per_mL", 1.0),
        "glucose": ("glucose_mM", GLUCOSE),
        "glutamine": ("glutamine_mM", GLUTAMINE),
        "lactate": ("lactate_mM", LACTATE),
        "ammonium": ("ammonium_mM", AMMONIUM),
        "titer": ("titer_g_L", 1.0),
    }
    runs = []
    for place, (name, rows) in enumerate(table.groupby("run")):
        readings = pd.concat(
            [
                pd.DataFrame(
                    {
                        "time_h": HOURS * rows["time_d"].to_numpy(float),
                        "quantity": quantity_name,
                        "value": factor * rows[column].to_numpy(float),
                    }
                )
                for quantity_name, (column, factor) in factors.items()
            ]
        )
        settings = {
            "initial_viable_cell_density": INOCULA[place],
            "initial_dead_cell_density": 0.01,
            "initial_glucose": 30.0 * GLUCOSE,
            "initial_glutamine": 5.0 * GLUTAMINE,
            "initial_lactate": 1.0 * LACTATE,
            "initial_ammonium": 1.0 * AMMONIUM,
            "initial_titer": 0.01,
            "initial_volume": 1.0,
            "feed_glucose": 400.0 * GLUCOSE,
            "feed_glutamine": 40.0 * GLUTAMINE,
        }
        feed = Profile([(0.0, 0.0), (3.0 * HOURS, (0.020 + 0.004 * place) / HOURS)], "step")
        runs.append(Run(str(name), readings, settings, profiles={"feed_rate": feed}))
    return Problem(
        Campaign(runs),
        MammalianFedBatch(),
        priors={name: pm.LogNormal.dist(math.log(value), 0.3) for name, value in TRUTH.items()},
        vary={"maximum_growth_rate": "run", "specific_productivity": "run"},
        noise="lognormal",
    )

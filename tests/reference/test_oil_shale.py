"""Bitumen and oil from oil shale: ten parameters of the rates' temperature dependence."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pymc as pm
import pytest

from bayesbio.calibrate import fit
from bayesbio.data import Campaign, Run
from bayesbio.mechanistic.functions import exp, smooth_maximum

DATA = Path(__file__).parents[2] / "data"
# Least squares with standard errors, from the card of the table.
PUBLISHED = {
    "to_bitumen": (-1.940, 0.074),
    "to_oil": (-2.255, 0.118),
    "to_residue": (-2.215, 0.074),
    "straight_to_oil": (-3.085, 0.163),
    "dead_time": (4.261, 0.218),
    "energy_to_bitumen": (37.92, 1.80),
    "energy_to_oil": (34.14, 2.99),
    "energy_to_residue": (34.19, 1.76),
    "energy_straight_to_oil": (35.85, 3.78),
    "dead_time_slope": (-22.45, 3.10),
}


class OilShale:
    """Kerogen to bitumen and oil, bitumen to oil and residue, after a dead time; closed form."""

    class State(NamedTuple):
        bitumen: float
        oil: float

    class Parameters(NamedTuple):
        to_bitumen: float
        to_oil: float
        to_residue: float
        straight_to_oil: float
        dead_time: float
        energy_to_bitumen: float
        energy_to_oil: float
        energy_to_residue: float
        energy_straight_to_oil: float
        dead_time_slope: float

    units = dict.fromkeys((*State._fields, *Parameters._fields, "coldness"), "1")
    inputs = ()
    settings = ("coldness",)
    defaults = {}

    def solution(self, time, p, settings):
        x = settings.coldness
        k1, k2, k3, k4 = (
            exp(level + energy * x)
            for level, energy in (
                (p.to_bitumen, p.energy_to_bitumen),
                (p.to_oil, p.energy_to_oil),
                (p.to_residue, p.energy_to_residue),
                (p.straight_to_oil, p.energy_straight_to_oil),
            )
        )
        minutes = smooth_maximum(60 * time - p.dead_time - p.dead_time_slope * x, 0, width=0.02)
        a, b = k1 + k4, k2 + k3
        kerogen, slower = exp(-a * minutes), exp(-b * minutes)
        bitumen = 100 * k1 * (slower - kerogen) / (a - b)
        through_bitumen = 100 * k1 * k2 / (a - b) * ((1 - slower) / b - (1 - kerogen) / a)
        return self.State(bitumen, 100 * k4 / a * (1 - kerogen) + through_bitumen)


@pytest.mark.slow
def test_posterior_means_are_within_one_standard_error_of_least_squares():
    table = pd.read_csv(DATA / "oilshale_pyrolysis.csv")
    # Residual standard deviation of least squares: 128 readings, ten parameters.
    sd = np.sqrt(64 * (4.40**2 + 4.32**2) / (128 - 10))
    runs = []
    for temperature, own in table.groupby("temperature_K"):
        rows = pd.concat(
            [
                pd.DataFrame(
                    {
                        "time_h": own["time_min"] / 60.0,
                        "quantity": quantity,
                        "value": own[f"{quantity}_pct"].astype(float),
                        "sd": sd,
                    }
                )
                for quantity in ("bitumen", "oil")
            ]
        )
        rows["replicate"] = rows.groupby(["quantity", "time_h"]).cumcount() + 1
        coldness = -(1000.0 / 1.9872) * (1.0 / temperature - 1.0 / 723.0)
        start = {"initial_bitumen": 0.0, "initial_oil": 0.0, "coldness": coldness}
        runs.append(Run(f"{temperature} K", rows, start))
    campaign = Campaign(runs, units=dict.fromkeys(("bitumen", "oil", "coldness"), "1"))
    flat = {name: pm.Normal.dist(-2.0, 10.0) for name in PUBLISHED if "to_" in name}
    flat |= {name: pm.Normal.dist(35.0, 100.0) for name in PUBLISHED if "energy" in name}
    flat |= {name: pm.Normal.dist(0.0, 100.0) for name in PUBLISHED if "dead_time" in name}
    calibration = fit(
        campaign, OilShale(), priors=flat, noise="normal", draws=1000, tune=800, random_seed=1
    )
    assert calibration.check().passed, str(calibration.check())
    off = {
        name: (float(calibration.draws[name].mean()) - published) / error
        for name, (published, error) in PUBLISHED.items()
    }
    assert max(map(abs, off.values())) < 1.0, off

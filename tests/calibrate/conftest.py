"""A small virtual campaign with known truth, and one calibration of it for many tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesbio.calibrate import fit
from bayesbio.data import Campaign, Run
from bayesbio.mechanistic import BatchReactor
from bayesbio.ode import simulate

TRUTH = {"rate_constant_1": 0.5, "rate_constant_2": 0.05}
EFFECTS = {"R1": -0.15, "R2": 0.1, "R3": 0.0, "R4": 0.2, "R5": -0.1}
SD = {"concentration_a": 0.01, "concentration_b": 0.02}


def virtual_campaign() -> Campaign:
    """Five isothermal runs in mol/L; the first rate constant differs between runs."""
    rng = np.random.default_rng(7)
    times = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 16.0])
    runs = []
    for place, (name, effect) in enumerate(EFFECTS.items()):
        settings = {
            "initial_concentration_a": 0.6 + 0.1 * place,
            "clone": "x" if place < 3 else "y",
        }
        course = simulate(
            BatchReactor(isothermal=True),
            parameters={**TRUTH, "rate_constant_1": 0.5 * np.exp(effect)},
            settings={"initial_concentration_a": settings["initial_concentration_a"]},
            times=times,
        )
        parts = []
        for quantity, sd in SD.items():
            mean = course[quantity].squeeze().to_numpy()
            values = mean + sd * rng.normal(size=len(times))
            keep = rng.random(len(times)) > 0.1
            part = pd.DataFrame({"time_h": times, "quantity": quantity, "value": values})[keep]
            limit = 0.02
            low = part["value"] < limit
            parts.append(
                part.assign(flag=np.where(low, "below", ""), value=part["value"].where(~low, limit))
            )
        runs.append(Run(name, pd.concat(parts), settings))
    return Campaign(runs)


@pytest.fixture(scope="session")
def truth():
    """Population parameters, run effects and noise of the virtual campaign."""
    return {"parameters": TRUTH, "effects": EFFECTS, "sd": SD}


@pytest.fixture(scope="session")
def campaign():
    """The virtual campaign."""
    return virtual_campaign()


@pytest.fixture(scope="session")
def model():
    """The isothermal reactor."""
    return BatchReactor(isothermal=True)


@pytest.fixture(scope="session")
def calibration(campaign, model):
    """A calibration with run effects on the first rate constant."""
    return fit(
        campaign,
        model,
        vary={"rate_constant_1": "run"},
        noise="normal",
        draws=1000,
        tune=500,
        random_seed=20260101,
    )

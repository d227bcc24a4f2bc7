"""A virtual campaign that several baselines learn from."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run


def _campaign(number, *, seed):
    """Logistic growth to a level set by the feed, with a rate that varies from run to run."""
    times = np.linspace(0.0, 240.0, 9)
    rng, runs = np.random.default_rng(seed), []
    for place in range(number):
        feed, growth = rng.uniform(0.5, 2.0), np.exp(0.02 * np.exp(0.2 * rng.normal()) * times)
        course = 0.4 * growth / (1 + 0.1 / feed * (growth - 1))
        value = course * np.exp(0.05 * rng.normal(size=len(times)))
        measured = pd.DataFrame({"time_h": times, "quantity": "biomass", "value": value})
        clone = "AB"[place % 2]
        runs.append(Run(f"R{place}", measured, settings={"feed": feed, "clone": clone}))
    return Campaign(runs)


@pytest.fixture(scope="session")
def virtual_campaign():
    return _campaign


@pytest.fixture(scope="session")
def five():
    return _campaign(5, seed=1)

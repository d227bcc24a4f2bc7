"""One fitted Gaussian process for all tests of the room."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.surrogate import GaussianProcessRegression


@pytest.fixture(scope="session")
def noisy_curve():
    """Readings of a sine in temperature, standard deviation 0.1."""
    rng = np.random.default_rng(3)
    temperature = rng.uniform(300.0, 320.0, 24)
    truth = 2.0 + np.sin((temperature - 300.0) / 4.0)
    return pd.DataFrame({"temperature": temperature}), truth + rng.normal(0.0, 0.1, 24)


@pytest.fixture(scope="session")
def fitted(noisy_curve):
    """Its posterior: enough draws to pass the verdict."""
    table, outcome = noisy_curve
    return GaussianProcessRegression(link="identity").fit(
        table, outcome, draws=700, tune=300, chains=4, random_seed=1, unit="g/L"
    )

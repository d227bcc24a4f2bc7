"""Forty good runs, and the monitor that learned from them."""

import numpy as np
import pytest

from bayesbio.monitoring import Monitor
from tests.monitoring.normal_runs import normal_run


@pytest.fixture(scope="session")
def good_runs():
    rng = np.random.default_rng(20261101)
    return [normal_run(rng, f"good {n}") for n in range(40)]


@pytest.fixture(scope="session")
def monitor(good_runs):
    return Monitor().fit(good_runs)

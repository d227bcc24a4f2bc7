"""One virtual campaign and one fit for the tests of the room: compiling is the slow part."""

import pytest
from scale_truths import virtual_scales

from bayesbio.scaleup import RandomWalkLaw, ScaleModel, leave_one_scale_out

QUICK = dict(draws=150, tune=150, chains=2)
# A walk that bends little is about as probable as the power law, so both rest on many draws.
MIXED = ScaleModel(law=["power", RandomWalkLaw(wander=0.05, deviation=0.05)])


@pytest.fixture(scope="session")
def made():
    return virtual_scales("power law", random_seed=3)


@pytest.fixture(scope="session")
def fitted(made):
    return MIXED.fit(made.campaign, random_seed=1, draws=1000, tune=300, chains=2)


@pytest.fixture(scope="session")
def validated(made):
    return leave_one_scale_out(
        made.campaign,
        MIXED,
        volumes=[100.0, 100_000.0],
        baselines=["nearest scale", "power law", "Gaussian process", "ridge"],
        random_seed=1,
        **QUICK,
    )

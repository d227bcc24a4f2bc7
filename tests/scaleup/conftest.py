"""One virtual campaign and one fit for the tests of the room: compiling is the slow part."""

import pytest

from bayesbio.scaleup import ScaleModel, leave_one_scale_out, virtual_scales

QUICK = dict(draws=150, tune=150, chains=2)
MIXED = ScaleModel(law=["power", "random_walk"])


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

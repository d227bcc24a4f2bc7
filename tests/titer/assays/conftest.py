import pytest

from bayesbio.titer import JointTiter
from tests.titer.assays.bridge_samples import samples


@pytest.fixture(scope="session")
def joint():
    frame, _ = samples()
    return JointTiter("hplc", ["octet", "od600"]).fit(frame, draws=1500, tune=500, random_seed=1)

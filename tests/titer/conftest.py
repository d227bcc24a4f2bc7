import numpy as np
import pandas as pd
import pytest

from analyses.benchmarks.virtual_titer import VirtualTiter
from bayesbio.data import Table, TableColumn
from bayesbio.titer import (
    Interaction,
    Linear,
    Nominal,
    Square,
    TiterModel,
    Varying,
)


@pytest.fixture(scope="session")
def cultures():
    """Tables of cultures of three clones at three sites."""
    return made


def made(rows=90, *, seed=1):
    """Log titer: a line and an optimum in ph, more for clone B, a slope of feed that a site has."""
    rng = np.random.default_rng(seed)
    ph, feed = rng.uniform(6.6, 7.4, rows), rng.uniform(1.0, 5.0, rows)
    clone = rng.choice(["A", "B", "C"], rows)
    site = rng.choice(["north", "south", "west"], rows)
    mean = (
        1.0
        - 2.0 * (ph - 7.0) ** 2
        + 0.15 * (feed - 3.0)
        + 0.3 * (clone == "B")
        + 0.2 * (site == "south")
    )
    titer = np.exp(mean + 0.08 * rng.normal(size=rows))
    limit = np.quantile(titer, 0.1)
    frame = pd.DataFrame(
        {"ph": ph, "feed": feed, "clone": clone, "site": site, "titer": np.maximum(titer, limit)}
    )
    flags = pd.DataFrame({"titer": np.where(titer < limit, "below", "")})
    columns = [
        TableColumn("ph", "factor"),
        TableColumn("feed", "factor", "g/L"),
        TableColumn("clone", "factor", levels=("A", "B", "C")),
        TableColumn("site", "group", levels=("north", "south", "west")),
        TableColumn("titer", "response", "g/L"),
    ]
    return Table(frame, columns, flags)


@pytest.fixture(scope="session")
def fitted(cultures):
    """Log scale, levels, a varying intercept, censored readings."""
    model = TiterModel(
        "titer",
        transform="log",
        terms=[
            Linear("ph"),
            Square("ph"),
            Linear("feed"),
            Nominal("clone"),
            Interaction("ph", "feed"),
        ],
        varying=[Varying("site")],
    )
    return model.fit(cultures(), draws=800, tune=400, random_seed=3)


@pytest.fixture(scope="session")
def truth():
    return VirtualTiter.drawn(random_seed=21)


@pytest.fixture(scope="session")
def screened_out(truth):
    """Twelve factors in 60 cultures, everything second order."""
    table = truth.table(60, random_seed=21)
    return TiterModel("titer", transform="log").fit(table, draws=400, tune=400, random_seed=5)

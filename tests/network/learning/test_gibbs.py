import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from bayesbio.data import Table, TableColumn
from bayesbio.network import (
    ProcessNetwork,
    fit_network,
)

PAIR = ProcessNetwork(["feed", "titer"], [("feed", "titer")])


RNG = np.random.default_rng(7)


FEED = RNG.normal(5.0, 1.0, 30)


ROWS = pd.DataFrame({"feed": FEED, "titer": 1.0 + 0.4 * FEED + RNG.normal(0, 0.2, 30)})


def interval_table(half, where):
    columns = [TableColumn("feed", "response"), TableColumn("titer", "response")]
    flags = pd.DataFrame({"titer": np.where(where, "between", "")})
    low = ROWS.assign(titer=ROWS["titer"] - half * where)
    return Table(low, columns, flags, uppers=pd.DataFrame({"titer": ROWS["titer"] + half}))


def test_cells_missing_at_random_cost_precision_but_no_truth():
    rng = np.random.default_rng(3)
    feed = rng.normal(size=150)
    rows = pd.DataFrame({"feed": feed, "titer": 0.7 * feed + rng.normal(0, 0.5, 150)})
    holed = rows.mask(rng.uniform(size=rows.shape) < 0.2)
    fitted = fit_network(PAIR, holed, draws=300, tune=100, chains=2, random_seed=4)
    assert fitted.method == "augmentation"
    row = fitted.effects().iloc[0]
    assert abs(row["mean"] - 0.7) < 5.0 * row["sd"]
    assert fitted.check()["R-hat"].value < 1.05


def test_a_missing_child_adds_nothing_to_its_own_regression():
    holed = pd.concat([ROWS, pd.DataFrame({"feed": [5.0] * 5, "titer": [np.nan] * 5})])
    plain = fit_network(PAIR, ROWS, random_seed=1).effects().iloc[0]
    fitted = fit_network(PAIR, holed, draws=1000, tune=200, random_seed=1).effects().iloc[0]
    assert_allclose(fitted["mean"], plain["mean"], atol=0.15 * plain["sd"])
    assert_allclose(fitted["sd"], plain["sd"], rtol=0.1)


def test_censored_cells_pull_less_than_their_limit_taken_as_read():
    rng = np.random.default_rng(5)
    feed = rng.normal(size=120)
    titer = feed + rng.normal(0, 0.5, 120)
    low = titer < -0.5
    frame = pd.DataFrame({"feed": feed, "titer": np.where(low, -0.5, titer)})
    columns = [TableColumn("feed", "response"), TableColumn("titer", "response")]
    flags = pd.DataFrame({"titer": np.where(low, "below", "")})
    table = Table(frame, columns, flags)
    naive = fit_network(PAIR, frame, random_seed=1).effects().iloc[0]
    honest = fit_network(PAIR, table, draws=300, tune=200, chains=2, random_seed=1)
    row = honest.effects().iloc[0]
    assert naive["mean"] < 0.87  # 0.64, and five standard errors of 0.045
    assert abs(row["mean"] - 1.0) < 5.0 * row["sd"]


def test_a_narrow_interval_is_a_reading_and_a_wide_one_a_missing_cell():
    where = np.arange(len(ROWS)) % 3 == 0
    exact = fit_network(PAIR, ROWS, random_seed=1).effects().iloc[0]
    narrow = fit_network(PAIR, interval_table(1e-6, where), draws=1000, tune=200, random_seed=1)
    assert_allclose(narrow.effects().iloc[0]["mean"], exact["mean"], atol=0.1 * exact["sd"])
    assert_allclose(narrow.effects().iloc[0]["sd"], exact["sd"], rtol=0.1)
    holed = ROWS.assign(titer=ROWS["titer"].mask(where))
    missing = fit_network(PAIR, holed, draws=1000, tune=200, random_seed=1).effects().iloc[0]
    wide = fit_network(PAIR, interval_table(1e3, where), draws=1000, tune=200, random_seed=1)
    assert_allclose(wide.effects().iloc[0]["mean"], missing["mean"], atol=0.15 * missing["sd"])


def test_progress_counts_the_sweeps():
    seen = []
    holed = ROWS.mask(np.arange(len(ROWS))[:, None] == [[0, 1]])
    fit_network(PAIR, holed, draws=80, tune=30, chains=2, progress=seen.append)
    assert [(state.finished, state.total) for state in seen] == [(0, 110), (50, 110), (100, 110)]

import numpy as np
import pandas as pd
import pytest

from bayesbio.baselines import TABULAR_BASELINES, TabularFeatures, table_scores, tabular_forecast
from bayesbio.data import Table, TableColumn
from bayesbio.errors import DataError
from bayesbio.inference import coverage, crps, pool_scores, table_folds


def responses(features, rng, noise=0.2):
    mean = features[:, 0] - 0.5 * features[:, 1] + 0.8 * features[:, 2] * features[:, 3]
    return mean + noise * rng.normal(size=len(features))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    features = rng.uniform(-1.7, 1.7, size=(400, 6))
    return features, responses(features, rng)


def cultures(number=30, *, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "ph": rng.uniform(6.6, 7.4, number),
            "clone": rng.choice(["A", "B", "C"], number),
            "site": np.repeat(["x", "y", "z"], number // 3),
        }
    )
    frame["titer"] = np.exp(
        frame["ph"] - 7.0 + 0.3 * (frame["clone"] == "A") + 0.05 * rng.normal(size=number)
    )
    columns = [
        TableColumn("ph", "factor"),
        TableColumn("clone", "factor", levels=("A", "B", "C")),
        TableColumn("site", "group", levels=("x", "y", "z")),
        TableColumn("titer", "response", "g/L"),
    ]
    return Table(frame, columns)


@pytest.mark.parametrize("name", TABULAR_BASELINES)
def test_intervals_of_every_baseline_cover_what_they_claim(name, data):
    features, target = data
    fitted = TABULAR_BASELINES[name]().fit(features[:80], target[:80])
    drawn = fitted.predict(features[80:])
    assert drawn.shape == (1000, 320)
    assert 0.84 <= coverage(drawn, target[80:]) <= 0.97
    assert np.array_equal(drawn, fitted.predict(features[80:]))
    assert not np.array_equal(drawn, fitted.predict(features[80:], random_seed=1))


def test_only_a_baseline_that_knows_products_finds_a_pure_interaction(data):
    features, target = data
    score = {
        name: crps(
            TABULAR_BASELINES[name]().fit(features[:80], target[:80]).predict(features[80:]),
            target[80:],
        ).mean()
        for name in ("lasso", "lasso with interactions")
    }
    assert score["lasso with interactions"] < 0.135 < 0.4 < score["lasso"]


def test_a_new_group_widens_the_interval():
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(10), 8)
    features = rng.normal(size=(80, 2))
    target = features[:, 0] + np.repeat(rng.normal(size=10), 8) + 0.1 * rng.normal(size=80)
    # A column that gives the group away: only leaving groups out shows that it does not transfer.
    features = np.column_stack([features, np.eye(10)[group]])
    new = np.hstack([rng.normal(size=(5, 2)), np.zeros((5, 10))])
    together = TABULAR_BASELINES["ridge"]().fit(features, target, groups=group).predict(new)
    apart = TABULAR_BASELINES["ridge"]().fit(features, target).predict(new)
    assert together.std(axis=0).mean() > 1.5 * apart.std(axis=0).mean()


def test_levels_become_indicators_and_an_unseen_one_has_none():
    table = cultures()
    features = TabularFeatures.of_table(table)
    new = Table(
        pd.DataFrame({"ph": [7.0], "clone": ["D"]}),
        [TableColumn("ph", "factor"), TableColumn("clone", "factor", levels=("D",))],
    )
    assert features.of(table).shape == (30, 4)
    assert features.of(new).tolist() == [[7.0, 0.0, 0.0, 0.0]]


def test_forecasts_are_scored_on_the_same_rows_of_groups_held_out():
    table = cultures()
    flags = pd.DataFrame({"titer": ["below", "excluded", *[""] * 28]})
    scores = table_scores(
        table.replace(flags=flags),
        "titer",
        {
            "lasso": tabular_forecast("lasso", response="titer", scale="log"),
            "none": lambda train, test: np.full((1, len(test)), train["titer"].mean()),
        },
        folds=table_folds(table.replace(flags=flags), by="site"),
    )
    assert scores["readings"].tolist() == [8, 10, 10] * 2
    assert pool_scores(scores).index.tolist() == [("titer", "lasso"), ("titer", "none")]


def test_random_parts_hold_out_every_row_once():
    table = cultures()
    parts = table_folds(table, number=4, random_seed=5)
    held = pd.concat([part.test.to_frame() for part in parts])
    assert sorted(held["titer"]) == sorted(table["titer"])
    assert all(len(part.train) + len(part.test) == 30 for part in parts)


@pytest.mark.parametrize(
    "act, said",
    [
        (lambda: TABULAR_BASELINES["ridge"]().fit([[1.0], [np.nan]], [1.0, 2.0]), "missing"),
        (lambda: TABULAR_BASELINES["ridge"]().fit([[1.0], [2.0]], [1.0, 2.0]), "three rows"),
        (lambda: TABULAR_BASELINES["ridge"]().fit([[1.0]] * 4, [1.0]), "one finite number per row"),
        (
            lambda: TABULAR_BASELINES["ridge"]().fit(np.eye(4), [1, 2, 3, 4]).predict([[1.0]]),
            "learned from 4",
        ),
        (lambda: tabular_forecast("laso", response="titer"), "choose among 'lasso'"),
        (lambda: tabular_forecast("lasso", response="titer", scale="ln"), "natural"),
        (lambda: table_folds(cultures().select([0, 1]), by="site"), "two groups"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(act, said):
    with pytest.raises(DataError, match=said):
        act()


def test_a_titer_of_zero_has_no_logarithm():
    table = cultures()
    frame = table.to_frame()
    frame.loc[3, "titer"] = 0.0
    forecast = tabular_forecast("lasso", response="titer", scale="log")
    with pytest.raises(DataError, match="1 readings of 'titer' are zero"):
        forecast(table.replace(frame=frame), table)

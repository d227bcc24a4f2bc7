import numpy as np
import pytest

from bayesbio.baselines import TABULAR_BASELINES
from bayesbio.errors import DataError
from bayesbio.inference import coverage, crps


def responses(features, rng, noise=0.2):
    mean = features[:, 0] - 0.5 * features[:, 1] + 0.8 * features[:, 2] * features[:, 3]
    return mean + noise * rng.normal(size=len(features))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    features = rng.uniform(-1.7, 1.7, size=(400, 6))
    return features, responses(features, rng)


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
    ],
)
def test_bad_input_is_answered_with_a_sentence(act, said):
    with pytest.raises(DataError, match=said):
        act()

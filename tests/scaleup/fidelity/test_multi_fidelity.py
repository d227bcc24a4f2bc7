"""Several fidelities: the classical formula, what noise and nesting change, sentences."""

import numpy as np
import pandas as pd
import pytest
from fidelity_pairs import FIDELITY_PAIRS
from numpy.testing import assert_allclose

import bayesbio
from bayesbio.errors import DataError, ModelError
from bayesbio.scaleup import Fidelity, MultiFidelity
from bayesbio.scaleup.fidelity.multi_fidelity import LINK
from bayesbio.surrogate.gaussian_process.kernels import JITTER

QUICK = dict(draws=150, tune=200, chains=2)
LOW, HIGH = np.linspace(0.0, 1.0, 13), np.array([0.0, 0.25, 0.5, 0.75, 1.0])


def cheap(x):
    return np.sin(6.0 * x)


def deviation(prediction):
    return prediction["outcome"].std(("chain", "draw"))


def dear(x):
    return 2.0 * cheap(x) + x - 1.0


@pytest.fixture(scope="module")
def linear():
    return MultiFidelity(method="linear").fit(
        [(LOW, cheap(LOW)), (HIGH, dear(HIGH))], noise=0.0, random_seed=1, **QUICK
    )


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(2)
    low = rng.uniform(0.0, 1.0, 25)
    return MultiFidelity(method="linear").fit(
        [
            Fidelity(low, cheap(low) + rng.normal(0.0, 0.05, 25), name="bench"),
            Fidelity(HIGH + 0.01, dear(HIGH + 0.01), 0.05, name="plant"),
        ],
        random_seed=2,
        **QUICK,
    )


def joint_process(low, high, draw, asked):
    """Predict with one process over both levels, the scale factor integrated on a grid."""
    first, second = low.parameters[draw], high.parameters[draw]
    above = high.rows[:, :1]

    def k(left, right):
        return low.covariance.between(first, left, right)

    def d(left, right):
        flat = [np.column_stack([rows, np.zeros(len(rows))]) for rows in (left, right)]
        return high.covariance.between(second, *flat)

    values = np.concatenate([low.values, high.values])
    weights, means, squares = [], [], []
    for rho in np.linspace(-1.0, 3.0, 801):
        total = np.block(
            [
                [k(low.rows, low.rows), rho * k(low.rows, above)],
                [rho * k(above, low.rows), rho**2 * k(above, above) + d(above, above)],
            ]
        )
        total += JITTER * np.eye(len(values))
        cross = np.hstack([rho * k(asked, low.rows), rho**2 * k(asked, above) + d(asked, above)])
        root = np.linalg.cholesky(total)
        white = np.linalg.solve(root, values)
        reach = np.linalg.solve(root, cross.T)
        prior = np.diag(rho**2 * k(asked, asked) + d(asked, asked))
        evidence = -0.5 * white @ white - np.log(np.diag(root)).sum() - 0.5 * rho**2 / LINK
        weights.append(evidence)
        means.append(reach.T @ white)
        squares.append(prior - np.sum(reach**2, axis=0) + means[-1] ** 2)
    weights = np.exp(np.array(weights) - max(weights))
    weights /= weights.sum()
    mean = weights @ np.array(means)
    return mean, np.sqrt(np.maximum(weights @ np.array(squares) - mean**2, 0.0))


def test_the_recursion_equals_the_joint_process_of_kennedy_and_ohagan():
    low, high = np.linspace(0.0, 1.0, 7), np.linspace(0.0, 1.0, 4)
    learned = MultiFidelity(method="linear", family="matern52").fit(
        [(low, cheap(low)), (high, dear(high))], noise=0.0, random_seed=6, draws=20, chains=1
    )
    rng, asked = np.random.default_rng(0), np.array([[-0.4], [0.1], [0.27]])
    for draw in (3, 11):
        expected, deviation = joint_process(*learned.processes, draw, asked)
        found = [learned.moments(1, draw, asked, rng=rng) for _ in range(600)]
        means = np.array([mean for mean, _ in found])
        spread = np.mean([np.diag(own) for _, own in found], axis=0) + means.var(axis=0)
        assert_allclose(means.mean(axis=0), expected, atol=0.15 * deviation.max())
        assert_allclose(np.sqrt(spread), deviation, rtol=0.1)


def test_a_linear_pair_is_predicted_and_its_scale_factor_found(linear):
    grid = np.linspace(0.02, 0.98, 40)
    prediction = linear.predict(grid)
    assert (
        np.abs(prediction["outcome"].mean(("chain", "draw")).to_numpy() - dear(grid)).max() < 0.02
    )
    row = linear.summary().loc["level_2_scale_factor"]
    assert row["eti_5"] < 2.0 < row["eti_95"]
    assert row["eti_95"] - row["eti_5"] < 1.0
    low = linear.predict(grid, fidelity="level 1")
    assert np.abs(low["outcome"].mean(("chain", "draw")).to_numpy() - cheap(grid)).max() < 0.01


def test_noise_and_designs_that_are_not_nested_leave_honest_intervals(noisy):
    grid = np.linspace(0.05, 0.95, 40)
    prediction = noisy.predict(grid, noise=False)
    low, high = prediction["outcome"].quantile([0.05, 0.95], dim=("chain", "draw")).to_numpy()
    assert np.mean((dear(grid) >= low) & (dear(grid) <= high)) >= 0.8
    assert np.abs(prediction["outcome"].mean(("chain", "draw")).to_numpy() - dear(grid)).max() < 0.3
    assert noisy.processes[1].latent.shape == (300, 5)
    assert any("its value there is inferred" in sentence for sentence in noisy.warnings)
    assert (
        noisy.summary().loc["bench_noise", "eti_5"]
        < 0.05
        < noisy.summary().loc["bench_noise", "eti_95"]
    )
    readings = noisy.predict(grid)
    assert (deviation(readings) > deviation(prediction)).mean() > 0.8


def test_a_nonlinear_pair_needs_the_nonlinear_method():
    high = np.linspace(0.02, 0.98, 12)
    levels = [(np.concatenate([LOW, high]), cheap(np.concatenate([LOW, high])))]
    levels.append((high, cheap(high) ** 2 + 0.2 * high))
    grid = np.linspace(0.02, 0.98, 40)
    truth = cheap(grid) ** 2 + 0.2 * grid
    found = MultiFidelity().fit(levels, noise=0.0, random_seed=3, **QUICK).predict(grid)
    assert np.abs(found["outcome"].mean(("chain", "draw")).to_numpy() - truth).max() < 0.02


def test_a_simulator_is_asked_wherever_its_value_is_needed():
    asked = []

    def simulator(x1):
        asked.append(len(x1))
        return cheap(x1)

    learned = MultiFidelity(method="linear").fit(
        [simulator, (HIGH, dear(HIGH))], noise=0.0, random_seed=4, **QUICK
    )
    grid = np.linspace(0.0, 1.0, 21)
    assert (
        np.abs(
            learned.predict(grid)["outcome"].mean(("chain", "draw")).to_numpy() - dear(grid)
        ).max()
        < 0.05
    )
    assert asked == [5, 21]


def test_three_fidelities_are_learned_in_turn():
    middle = LOW[::2]
    learned = MultiFidelity(method="linear").fit(
        [(LOW, cheap(LOW)), (middle, 1.5 * cheap(middle) - 1.0), (HIGH[1:], dear(HIGH[1:]))],
        noise=[0.0, 0.0, 0.02],
        random_seed=5,
        **QUICK,
    )
    grid = np.linspace(0.3, 0.95, 20)
    assert (
        np.abs(
            learned.predict(grid, noise=False)["outcome"].mean(("chain", "draw")).to_numpy()
            - dear(grid)
        ).max()
        < 0.25
    )
    assert learned.names == ("level 1", "level 2", "level 3")


def test_saved_fidelities_predict_the_same(noisy, tmp_path):
    noisy.save(tmp_path / "fidelities.nc")
    again = bayesbio.load(tmp_path / "fidelities.nc")
    assert again.predict([0.2, 0.7], joint=True).equals(noisy.predict([0.2, 0.7], joint=True))
    assert again.hash == noisy.hash
    assert again.check().names == noisy.check().names


def test_published_pairs_have_nested_designs_and_known_values():
    for pair in FIDELITY_PAIRS.values():
        low, high, asked = pair.design(random_seed=1)
        assert low.shape == (pair.low_runs, pair.inputs) and high.shape[0] == pair.high_runs
        assert all((np.abs(low - row).max(axis=1) == 0.0).any() for row in high)
        assert np.isfinite(pair.high(asked)).all() and np.isfinite(pair.low(asked)).all()
    # The minimum of Forrester's function, and of Branin's without its slope.
    assert_allclose(FIDELITY_PAIRS["Forrester"].high(np.array([[0.757249]])), -6.02074, atol=1e-5)
    minimum = np.array([[(np.pi + 5.0) / 15.0, 2.275 / 15.0]])
    assert_allclose(FIDELITY_PAIRS["Branin"].high(minimum) + 22.5 * 2.275, 0.397887, atol=1e-6)


TWO = [(LOW, cheap(LOW)), (HIGH, dear(HIGH))]


@pytest.mark.parametrize(
    ("levels", "options", "sentence"),
    [
        (TWO[:1], {}, "at least two are needed"),
        ([cheap], {}, "at least two are needed"),
        ([TWO[0], (np.column_stack([HIGH, HIGH]), dear(HIGH))], {}, "have 2 columns where 1"),
        ([TWO[0], (HIGH, np.where(HIGH > 0.9, np.nan, dear(HIGH)))], {}, "'level 2' is nan"),
        ([TWO[0], (HIGH[:2], dear(HIGH[:2]))], {}, "There are 2 readings of fidelity 'level 2'"),
        ([TWO[0], (np.round(HIGH), dear(HIGH))], {"noise": 0.0}, "are the same point"),
        ([TWO[0], dear], {}, "only the first may be a function"),
        (TWO, {"noise": [0.0]}, "1 entries for 2 fidelities"),
        ([Fidelity(*TWO[0], name="a"), Fidelity(*TWO[1], name="a")], {}, "the same name"),
        (
            [({"pH": LOW}, cheap(LOW)), ({"temperature": HIGH}, dear(HIGH))],
            {},
            "'pH' is missing",
        ),
        ([lambda x1: 0.0 * x1 + 1.0, TWO[1]], {}, "answers 1 at every reading"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(levels, options, sentence):
    with pytest.raises(DataError, match=sentence):
        MultiFidelity().fit(levels, random_seed=1, **options)


def test_bad_choices_are_answered_with_a_sentence(linear):
    with pytest.raises(ModelError, match="'nonlinear', 'linear'"):
        MultiFidelity(method="cubic")
    with pytest.raises(ModelError, match="'level 1', 'level 2'"):
        linear.predict([0.5], fidelity="plant")
    with pytest.raises(ModelError, match="lies outside"):
        linear.predict(pd.DataFrame({"x1": [2.0]}), outside="refuse")

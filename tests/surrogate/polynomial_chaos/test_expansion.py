import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesbio
from bayesbio.errors import BayesbioError, CalibrationError
from bayesbio.surrogate import PolynomialChaos

LAWS = {
    "uniform": stats.uniform(6.8, 0.4),
    "normal": stats.norm(310.0, 0.5),
    "lognormal": stats.lognorm(0.4, scale=2.0),
    "beta": stats.beta(2.0, 5.0, loc=1.0, scale=3.0),
    "gamma": stats.gamma(3.0, scale=2.0),
    "triangular": stats.triang(0.3, loc=-1.0, scale=4.0),
    "student": stats.t(5.0),
}


@pytest.mark.parametrize("name", ["uniform", "normal", "beta", "gamma", "triangular"])
def test_a_function_linear_in_its_inputs_needs_linear_terms_only(name):
    law = LAWS[name]
    expansion = PolynomialChaos({"a": law, "b": law}).run(lambda a, b: 3.0 * a - b, n=40)
    assert sorted(expansion.terms.tolist()) == [[0, 1], [1, 0]]
    shares = expansion.index_draws()["first_order"]
    assert_allclose(shares, np.tile([0.9, 0.1], (1000, 1)), rtol=1e-6)
    assert_allclose(expansion.mean, 2.0 * law.mean(), rtol=0.1, atol=0.1)


def test_a_lognormal_input_goes_through_its_normal():
    growth = stats.lognorm(0.3, scale=0.05)
    expansion = PolynomialChaos({"rate": growth}).run(lambda rate: np.log(rate), n=30)
    assert expansion.terms.tolist() == [[1]]
    assert_allclose(np.abs(expansion.coefficients), 0.3, rtol=1e-9)


def noisy(n, seed, noise=0.5):
    rng = np.random.default_rng(seed)
    inputs = {"a": stats.norm(0.0, 1.0), "b": stats.uniform(-1.0, 2.0), "c": stats.norm(0.0, 1.0)}
    table = {name: law.rvs(n, random_state=rng) for name, law in inputs.items()}
    truth = 2.0 * table["a"] + 3.0 * table["b"] ** 2 + table["a"] * table["b"]
    return inputs, table, truth, truth + noise * rng.standard_normal(n)


def test_the_leave_one_out_error_is_the_one_of_refitting_without_each_run():
    inputs, table, _, values = noisy(40, seed=3)
    expansion = PolynomialChaos(inputs).fit(table, values)
    powers = [
        basis.evaluate(table[name], degree=8)
        for name, basis in zip(inputs, expansion.model.bases, strict=True)
    ]
    columns = np.ones((40, len(expansion.terms)))
    for place, value in enumerate(powers):
        columns *= value[:, expansion.terms[:, place]]
    precision = expansion.root.T @ expansion.root
    prior = precision * (
        1.0 / expansion.shrinkage - 1.0
    )  # of the coefficients; the constant has none
    errors = np.empty(40)
    for out in range(40):
        design = np.column_stack([np.ones(40), columns - expansion.centres])
        kept = np.delete(np.arange(40), out)
        normal = design[kept].T @ design[kept]
        normal[1:, 1:] += prior
        found = np.linalg.solve(normal, design[kept].T @ values[kept])
        errors[out] = values[out] - design[out] @ found
    assert_allclose(expansion.leave_one_out_error, np.sqrt(np.mean(errors**2)), rtol=1e-9)


def test_intervals_hold_new_noisy_answers_as_often_as_they_claim():
    """The mean of twelve data sets: its standard error, below .01, is a fifth of the margin."""
    covered, sizes = [], []
    for seed in range(12):
        inputs, table, _, values = noisy(80, seed=100 + seed)
        expansion = PolynomialChaos(inputs).fit(table, values)
        _, fresh, _, answers = noisy(500, seed=200 + seed)
        prediction = expansion.predict(fresh)
        inside = ~prediction["outside"].to_numpy()
        low, high = prediction["outcome"].quantile([0.05, 0.95], dim=("chain", "draw")).to_numpy()
        covered.append(((low <= answers) & (answers <= high))[inside].mean())
        sizes.append(expansion.residual_sd)
    assert 0.85 < np.mean(covered) < 0.95
    assert_allclose(np.mean(sizes), 0.5, rtol=5.0 / np.sqrt(2.0 * 70.0 * 12))


def test_scaling_the_answer_scales_the_expansion_and_no_index():
    inputs, table, _, values = noisy(60, seed=5)
    one = PolynomialChaos(inputs).fit(table, values)
    other = PolynomialChaos(inputs).fit(table, 1e-7 * values)
    assert_allclose(other.coefficients, 1e-7 * one.coefficients, rtol=1e-9)
    assert_allclose(other.index_draws()["shapley"], one.index_draws()["shapley"], rtol=1e-8)
    assert_allclose(other.log_evidence, one.log_evidence, rtol=1e-9)


def test_an_input_without_effect_is_left_out():
    inputs, table, _, values = noisy(60, seed=5)
    assert not PolynomialChaos(inputs).fit(table, values).terms[:, 2].any()


def test_points_outside_the_runs_are_refused_or_flagged():
    expansion = PolynomialChaos({"pH": stats.uniform(6.8, 0.4)}).run(lambda pH: pH**2, n=16)
    with pytest.raises(BayesbioError, match=r"pH = 7.5 lies outside what was learned from, 6\.8"):
        expansion.predict({"pH": [7.0, 7.5]}, outside="refuse")
    flagged = expansion.predict({"pH": [7.0, 7.5]})
    assert flagged["outside"].to_numpy().tolist() == [False, True]
    assert_allclose(flagged["outcome"][..., 0], 49.0, rtol=1e-9)
    with pytest.raises(BayesbioError, match="'pH' is missing"):
        expansion.predict({"ph": [7.0]})
    with pytest.raises(BayesbioError, match="'flag', 'refuse'"):
        expansion.predict({"pH": [7.0]}, outside="clip")


def test_what_cannot_be_expanded_is_said():
    inputs = {"a": stats.norm(0.0, 1.0)}
    with pytest.raises(BayesbioError, match="does not vary"):
        PolynomialChaos(inputs).run(lambda a: np.full(len(a), 3.0), n=20)
    with pytest.raises(BayesbioError, match=r"is nan at a = -"):
        PolynomialChaos(inputs).run(lambda a: np.where(a < 0.0, np.nan, a), n=20)
    with pytest.raises(BayesbioError, match="numpy.vectorize"):
        PolynomialChaos(inputs).run(lambda a: 3.0, n=20)
    with pytest.raises(BayesbioError, match="at least 8"):
        PolynomialChaos(inputs).run(lambda a: a, n=5)
    with pytest.raises(BayesbioError, match="frozen continuous SciPy"):
        PolynomialChaos({"a": stats.poisson(3.0)}).run(lambda a: a, n=20)
    with pytest.raises(BayesbioError, match="no median"):
        PolynomialChaos({"a": stats.norm(0.0, -1.0)}).run(lambda a: a, n=20)
    with pytest.raises(BayesbioError, match="mapping"):
        PolynomialChaos({}).run(lambda a: a, n=20)
    with pytest.raises(BayesbioError, match="outside its distribution"):
        PolynomialChaos({"a": stats.uniform()}).fit(
            {"a": np.linspace(0.0, 2.0, 20)}, np.arange(20.0)
        )
    with pytest.raises(BayesbioError, match="No polynomial explains"):
        alternating = (-1.0) ** np.arange(30)
        PolynomialChaos(inputs).fit({"a": np.linspace(-2.0, 2.0, 30)}, alternating)


def test_draws_have_the_moments_of_the_conjugate_posterior():
    inputs, table, _, values = noisy(60, seed=5)
    expansion = PolynomialChaos(inputs).fit(table, values, draws=4000, unit="g/L")
    drawn = expansion.posterior["posterior/coefficient"].to_numpy()[0]
    covariance = np.linalg.inv(expansion.root.T @ expansion.root)
    deviation = expansion.residual_sd * np.sqrt(expansion.shrinkage * np.diag(covariance))
    deviation *= np.sqrt(59.0 / 57.0)  # of a t with 59 degrees of freedom
    away = (drawn.mean(axis=0) - expansion.coefficients) / deviation
    assert np.abs(away).max() < 5.0 / np.sqrt(4000.0)
    assert np.abs(drawn.std(axis=0) / deviation - 1.0).max() < 5.0 / np.sqrt(2.0 * 3500.0)
    point = {"a": [0.3], "b": [0.2], "c": [0.0]}
    alone, answers = (expansion.predict(point, noise=noise)["outcome"] for noise in (False, True))
    assert alone.attrs["units"] == "g/L" and alone.shape == (1, 4000, 1)
    added = np.sqrt(answers.var() - alone.var()) / expansion.residual_sd
    assert abs(added - 1.0) < 0.1


def test_a_saved_expansion_is_the_same_when_loaded(tmp_path):
    model = PolynomialChaos({"pH": stats.uniform(6.8, 0.4), "rate": stats.lognorm(0.3, scale=2.0)})
    expansion = model.run(lambda pH, rate: pH**2 * np.log(rate), n=40, draws=50)
    expansion.save(tmp_path / "expansion.nc")
    again = bayesbio.load(tmp_path / "expansion.nc")
    asked = {"pH": [7.0], "rate": [2.1]}
    assert again.predict(asked).identical(expansion.predict(asked))
    assert again.hash == expansion.hash and again.options == expansion.options
    assert again.require() is again
    assert again.summary().index.tolist()[0].startswith("coefficient[")
    assert again.options["inputs"]["rate"] == "lognorm(0.3, scale=2.0)"


def test_a_distribution_of_ones_own_is_fitted_and_not_saved(tmp_path):
    class Triangle(stats.rv_continuous):
        def _pdf(self, x):
            return 2.0 * x

        def _cdf(self, x):
            return x**2

    expansion = PolynomialChaos({"a": Triangle(a=0.0, b=1.0, name="triangle")()}).run(
        lambda a: a**2, n=16, draws=10
    )
    with pytest.raises(CalibrationError, match="none of scipy.stats"):
        expansion.save(tmp_path / "expansion.nc")


def test_an_expansion_that_predicts_badly_warns():
    inputs = {"a": stats.uniform(-1.0, 2.0)}
    rough = PolynomialChaos(inputs).run(lambda a: a + 0.5 * np.sin(1e4 * a), n=40)
    assert "Q2 = " in rough.warnings[0]
    assert not rough.check()["leave-one-out Q2"].passed

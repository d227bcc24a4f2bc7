import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.errors import ModelError
from bayesbio.surrogate import PolynomialChaos
from bayesbio.surrogate.polynomial_chaos.orthonormal import OrthonormalBasis
from bayesbio.surrogate.polynomial_chaos.terms import candidate_terms

LAWS = {
    "uniform": stats.uniform(6.8, 0.4),
    "normal": stats.norm(310.0, 0.5),
    "lognormal": stats.lognorm(0.4, scale=2.0),
    "beta": stats.beta(2.0, 5.0, loc=1.0, scale=3.0),
    "gamma": stats.gamma(3.0, scale=2.0),
    "triangular": stats.triang(0.3, loc=-1.0, scale=4.0),
    "student": stats.t(5.0),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_polynomials_are_orthonormal_under_their_distribution(law):
    points = np.linspace(law.ppf(1e-13), law.isf(1e-13), 200_001)
    values = OrthonormalBasis.of(law).evaluate(points, degree=3)
    products = values[:, :, None] * values[:, None, :] * law.pdf(points)[:, None, None]
    assert_allclose(np.trapezoid(products, points, axis=0), np.eye(4), atol=1e-5)


@pytest.mark.parametrize("name", ["uniform", "normal", "beta", "gamma", "triangular"])
def test_a_function_linear_in_its_inputs_needs_linear_terms_only(name):
    law = LAWS[name]
    expansion = PolynomialChaos.of(lambda a, b: 3.0 * a - b, inputs={"a": law, "b": law}, n=40)
    assert sorted(expansion.terms.tolist()) == [[0, 1], [1, 0]]
    shares = expansion.index_draws(draws=20)["first_order"]
    assert_allclose(shares, np.tile([0.9, 0.1], (20, 1)), rtol=1e-6)
    assert_allclose(expansion.mean, 2.0 * law.mean(), rtol=0.1, atol=0.1)


def test_a_lognormal_input_goes_through_its_normal():
    growth = stats.lognorm(0.3, scale=0.05)
    expansion = PolynomialChaos.of(lambda rate: np.log(rate), inputs={"rate": growth}, n=30)
    assert expansion.terms.tolist() == [[1]]
    assert_allclose(np.abs(expansion.coefficients), 0.3, rtol=1e-9)


def test_total_degree_has_the_binomial_number_of_terms_and_norms_below_one_have_fewer():
    assert len(candidate_terms(3, degree=5)) == 55
    assert len(candidate_terms(3, degree=5, norm=0.5)) < 55
    assert len({tuple(row) for row in candidate_terms(4, degree=4)}) == 69


def noisy(n, seed, noise=0.5):
    rng = np.random.default_rng(seed)
    inputs = {"a": stats.norm(0.0, 1.0), "b": stats.uniform(-1.0, 2.0), "c": stats.norm(0.0, 1.0)}
    table = {name: law.rvs(n, random_state=rng) for name, law in inputs.items()}
    truth = 2.0 * table["a"] + 3.0 * table["b"] ** 2 + table["a"] * table["b"]
    return inputs, table, truth, truth + noise * rng.standard_normal(n)


def test_the_leave_one_out_error_is_the_one_of_refitting_without_each_run():
    inputs, table, _, values = noisy(40, seed=3)
    expansion = PolynomialChaos.fit(table, values, inputs=inputs)
    powers = [
        basis.evaluate(table[name], degree=8)
        for name, basis in zip(inputs, expansion.bases, strict=True)
    ]
    columns = np.ones((40, len(expansion.terms)))
    for place, value in enumerate(powers):
        columns *= value[:, expansion.terms[:, place]]
    precision = expansion.root.T @ expansion.root
    shrinkage = (expansion.noise_scale / expansion.residual_scale) ** 2
    prior = precision * (1.0 / shrinkage - 1.0)  # of the coefficients; the constant has none
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
    inputs, table, _, values = noisy(80, seed=11)
    expansion = PolynomialChaos.fit(table, values, inputs=inputs)
    _, fresh, _, answers = noisy(2000, seed=12)
    found = expansion.predict(fresh, outside="flag")
    inside = found["inside"].values
    low, high = found["interval"].values
    covered = ((low <= answers) & (answers <= high))[inside].mean()
    assert 0.85 < covered < 0.95
    assert expansion.residual_scale == pytest.approx(0.5, rel=0.2)


def test_scaling_the_answer_scales_the_expansion_and_no_index():
    inputs, table, _, values = noisy(60, seed=5)
    one = PolynomialChaos.fit(table, values, inputs=inputs)
    other = PolynomialChaos.fit(table, 1e-7 * values, inputs=inputs)
    assert_allclose(other.coefficients, 1e-7 * one.coefficients, rtol=1e-9)
    assert_allclose(other.index_draws()["shapley"], one.index_draws()["shapley"], rtol=1e-8)
    assert_allclose(other.log_evidence, one.log_evidence, rtol=1e-9)


def test_an_input_without_effect_is_left_out():
    inputs, table, _, values = noisy(60, seed=5)
    assert not PolynomialChaos.fit(table, values, inputs=inputs).terms[:, 2].any()


def test_points_outside_the_runs_are_refused_or_flagged():
    expansion = PolynomialChaos.of(lambda pH: pH**2, inputs={"pH": stats.uniform(6.8, 0.4)}, n=16)
    with pytest.raises(ModelError, match=r"pH = 7.5 lies outside the runs, which span 6\.8"):
        expansion.predict({"pH": [7.0, 7.5]})
    flagged = expansion.predict({"pH": [7.0, 7.5]}, outside="flag")
    assert flagged["inside"].values.tolist() == [True, False]
    assert_allclose(flagged["mean"][0], 49.0, rtol=1e-9)
    with pytest.raises(ModelError, match="lack pH; they have ph"):
        expansion.predict({"ph": [7.0]})
    with pytest.raises(ModelError, match="'refuse' or 'flag'"):
        expansion.predict({"pH": [7.0]}, outside="clip")


def test_what_cannot_be_expanded_is_said():
    inputs = {"a": stats.norm(0.0, 1.0)}
    with pytest.raises(ModelError, match="does not vary"):
        PolynomialChaos.of(lambda a: np.full(len(a), 3.0), inputs=inputs, n=20)
    with pytest.raises(ModelError, match=r"is nan at a = -"):
        PolynomialChaos.of(lambda a: np.where(a < 0.0, np.nan, a), inputs=inputs, n=20)
    with pytest.raises(ModelError, match="numpy.vectorize"):
        PolynomialChaos.of(lambda a: 3.0, inputs=inputs, n=20)
    with pytest.raises(ModelError, match="at least 8"):
        PolynomialChaos.of(lambda a: a, inputs=inputs, n=5)
    with pytest.raises(ModelError, match="frozen continuous SciPy"):
        PolynomialChaos.of(lambda a: a, inputs={"a": stats.poisson(3.0)}, n=20)
    with pytest.raises(ModelError, match="no median"):
        PolynomialChaos.of(lambda a: a, inputs={"a": stats.norm(0.0, -1.0)}, n=20)
    with pytest.raises(ModelError, match="mapping"):
        PolynomialChaos.of(lambda a: a, inputs={}, n=20)
    with pytest.raises(ModelError, match="outside its distribution"):
        PolynomialChaos.fit(
            {"a": np.linspace(0.0, 2.0, 20)}, np.arange(20.0), inputs={"a": stats.uniform()}
        )
    with pytest.raises(ModelError, match="No polynomial explains"):
        noise = np.random.default_rng(1).standard_normal(30)
        PolynomialChaos.fit({"a": np.linspace(-2.0, 2.0, 30)}, noise, inputs=inputs)

import dataclasses

import mpmath
import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
from numpy.testing import assert_allclose
from pytensor.compile.mode import Mode
from scipy import stats

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference import (
    Noise,
    default_noise,
    lognormal,
    normal,
    proportional,
    student_t,
)

FALSE_ALARM = 1e-7  # of one Kolmogorov-Smirnov test
SCALE, DEGREES, FLOOR, SMALLEST = 0.15, 5.0, 0.004, 0.05
KINDS = {
    "plain": normal(),
    "relative": proportional(floor=FLOOR),
    "logarithmic": lognormal(),
    "heavy": student_t(),
}
VALUES = [(0.4, "", np.nan), (0.05, "below", np.nan), (2.0, "above", np.nan), (0.5, "between", 0.6)]
MEANS = [-0.3, -1e-13, 0.0, 1e-12, 0.02, 0.05, 0.5, 2.0, 7.0, 300.0]


def grid(own_sd=np.nan):
    """One row per mean and flag; the last value of each flag brings its own sd."""
    rows = pd.DataFrame(
        [
            {"run": "R1", "time_h": 24.0, "value": value, "flag": flag, "value_upper": upper}
            for value, flag, upper in VALUES
            for _ in MEANS
        ]
    )
    rows["sd"] = np.nan
    rows.loc[rows.index % len(MEANS) == 6, "sd"] = own_sd
    return rows, np.tile(MEANS, len(VALUES))


def parameters_of(quantity):
    found = {f"noise_{quantity}": SCALE}
    if quantity == "heavy":
        found["noise_heavy_degrees_of_freedom"] = DEGREES
    return found


def reference(kind, value, flag, upper, mean, sd=np.nan):
    """Closed form in many digits, written down independently of the package."""
    value, upper, mean = (mpmath.mpf(x) for x in (value, upper, mean))
    scale, jacobian = mpmath.mpf(SCALE), mpmath.mpf(0)
    if kind == "relative":
        scale = mpmath.sqrt((scale * mean) ** 2 + mpmath.mpf(FLOOR) ** 2)
    if kind == "logarithmic" and np.isfinite(sd):
        size = upper if flag == "between" else value
        scale = mpmath.sqrt(mpmath.log(1 + (mpmath.mpf(float(sd)) / size) ** 2))
    elif np.isfinite(sd):
        scale = mpmath.mpf(float(sd))
    if kind == "logarithmic":
        jacobian = -mpmath.log(value)
        floor = mpmath.mpf(SMALLEST * 1e-6)
        mean = mpmath.log((mean + mpmath.sqrt(mean**2 + 4 * floor**2)) / 2)
        value, upper = mpmath.log(value), mpmath.log(upper)

    def lower_tail(z):
        if kind != "heavy":
            return mpmath.erfc(-z / mpmath.sqrt(2)) / 2
        nu = mpmath.mpf(DEGREES)
        tail = mpmath.betainc(nu / 2, 0.5, 0, nu / (nu + z**2), regularized=True) / 2
        return tail if z <= 0 else 1 - tail

    z = (value - mean) / scale
    if flag == "below":
        return mpmath.log(lower_tail(z))
    if flag == "above":
        return mpmath.log(lower_tail(-z))
    if flag == "between":
        z_upper = (upper - mean) / scale
        if z > 0:
            return mpmath.log(lower_tail(-z) - lower_tail(-z_upper))
        return mpmath.log(lower_tail(z_upper) - lower_tail(z))
    if kind == "heavy":
        nu = mpmath.mpf(DEGREES)
        density = mpmath.gamma((nu + 1) / 2) / mpmath.gamma(nu / 2) / mpmath.sqrt(nu * mpmath.pi)
        return mpmath.log(density * (1 + z**2 / nu) ** (-(nu + 1) / 2) / scale)
    return -(z**2) / 2 - mpmath.log(scale * mpmath.sqrt(2 * mpmath.pi)) + jacobian


def expected(kind, rows, means):
    with mpmath.workdps(60):
        return np.array(
            [
                float(reference(kind, row.value, row.flag, row.value_upper, mean, row.sd))
                for row, mean in zip(rows.itertuples(), means, strict=True)
            ]
        )


# The rewritten graph step by step; machine code of all terms in one takes numba over a minute.
STEP_BY_STEP = Mode(linker="py", optimizer="fast_run").excluding("fusion", "inplace")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(STEP_BY_STEP, id="step by step"),
        pytest.param("NUMBA", id="machine code", marks=pytest.mark.slow),
    ],
)
def compiled(request):
    """All kinds, flags and tails in one function: values per term, gradient of their sum."""
    rows, means = grid(own_sd=0.07)
    with pm.Model() as model:
        mean = pm.Flat("mean", shape=len(means))
        for quantity, noise in KINDS.items():
            noise.likelihood(quantity, mean, rows, noise.parameters(quantity, rows))
    terms = model.logp(vars=model.observed_RVs, sum=False, jacobian=False)
    inputs = model.value_vars
    gradients = pytensor.grad(sum(term.sum() for term in terms), inputs)
    function = pytensor.function(inputs, [*terms, *gradients], mode=request.param)
    point = {"mean": means, "noise_heavy_degrees_of_freedom_log__": np.log(DEGREES)}
    values = function(*(point.get(value.name, np.log(SCALE)) for value in inputs))
    names = [variable.name for variable in model.observed_RVs]
    return (
        model,
        dict(zip(names, values[: len(names)], strict=True)),
        dict(zip([value.name for value in inputs], values[len(names) :], strict=True)),
    )


def in_row_order(terms, quantity, rows):
    found = np.full(len(rows), np.nan)
    for flag in ("", "below", "above", "between"):
        found[rows["flag"] == flag] = terms[quantity + ("_" + flag if flag else "")]
    return found


@pytest.mark.parametrize("quantity", KINDS)
def test_sampler_and_numbers_agree_with_the_closed_form_in_every_tail(compiled, quantity):
    rows, means = grid(own_sd=0.07)
    truth = expected(quantity, rows, means)
    noise = KINDS[quantity].scaled_to(quantity, rows)
    by_numbers = noise.log_likelihood(means, rows, parameters_of(quantity))
    by_sampler = in_row_order(compiled[1], quantity, rows)
    assert_allclose(by_numbers, truth, rtol=1e-10, atol=1e-12)
    assert_allclose(by_sampler, truth, rtol=1e-10, atol=1e-12)
    assert_allclose(by_sampler, by_numbers, rtol=1e-10, atol=1e-13)


def test_gradients_agree_with_the_closed_form_and_are_finite_also_below_zero(compiled):
    rows, means = grid(own_sd=0.07)
    gradient = compiled[2]["mean"]
    assert np.all(np.isfinite(gradient))
    for at in np.flatnonzero(np.abs(means) > 1e-6):
        row, step = rows.iloc[at], mpmath.mpf(10) ** -20
        fixed = (row["value"], row["flag"], row["value_upper"])
        with mpmath.workdps(150):
            ahead = sum(reference(kind, *fixed, means[at] + step, row["sd"]) for kind in KINDS)
            behind = sum(reference(kind, *fixed, means[at] - step, row["sd"]) for kind in KINDS)
            slope = float((ahead - behind) / (2 * step))
        assert_allclose(gradient[at], slope, rtol=1e-9, atol=1e-11)


def test_terms_are_named_after_the_quantity_and_its_flags(compiled):
    flags = ("", "_below", "_above", "_between")
    assert [term.name for term in compiled[0].observed_RVs] == [
        quantity + flag for quantity in KINDS for flag in flags
    ]
    assert {variable.name for variable in compiled[0].free_RVs} == {
        "mean",
        "noise_heavy_degrees_of_freedom",
        *(f"noise_{quantity}" for quantity in KINDS),
    }


def test_simulated_readings_follow_the_noise_and_stop_at_the_assay_limits():
    rows = pd.DataFrame({"value": [2.0, 1.8, 2.2, 1.9], "value_upper": [np.nan] * 3 + [2.1]})
    rows["flag"] = ["", "below", "above", "between"]
    with pm.Model() as model:
        lognormal().likelihood("titer", np.full(4, 2.0), rows, {"noise_titer": 0.1})
    drawn = pm.draw([term[0] for term in model.observed_RVs], 4000, random_seed=20260101)
    quantified, below, above, between = drawn
    assert stats.kstest(quantified, stats.lognorm(s=0.1, scale=2.0).cdf).pvalue > FALSE_ALARM
    below_limit = stats.lognorm(s=0.1, scale=2.0).cdf(1.8)
    assert_allclose(np.mean(below == 1.8), below_limit, atol=5 * np.sqrt(0.25 / 4000))
    assert below.min() == 1.8 and above.max() == 2.2
    assert between.min() == 1.9 and between.max() == 2.1


@pytest.mark.parametrize("quantity", KINDS)
def test_log_likelihood_is_the_frozen_density_for_every_draw_and_row(quantity):
    noise = KINDS[quantity]
    rows = pd.DataFrame({"value": [0.4, 0.5, 0.6], "flag": [""] * 3})
    mean = np.linspace(0.3, 0.7, 24).reshape(2, 4, 3)
    scale = np.linspace(0.1, 0.3, 8).reshape(2, 4)
    parameters = {f"noise_{quantity}": scale}
    expanded = {f"noise_{quantity}": scale[..., None]}
    if quantity == "heavy":
        parameters["noise_heavy_degrees_of_freedom"] = 3.0 + scale
        expanded["noise_heavy_degrees_of_freedom"] = 3.0 + scale[..., None]
    found = noise.log_likelihood(mean, rows, parameters)
    assert found.shape == (2, 4, 3)
    assert_allclose(found, noise.frozen(mean, expanded).logpdf(rows["value"]), rtol=1e-10)


def test_student_noise_tends_to_normal_noise_with_many_degrees_of_freedom():
    rows, means = grid()
    near = np.abs(means - rows["value"].to_numpy()) < 0.5
    heavy = student_t(degrees_of_freedom=1e9).log_likelihood(means, rows, {"noise_x": SCALE})
    light = normal().log_likelihood(means, rows, {"noise_x": SCALE})
    assert_allclose(heavy[near], light[near], rtol=1e-5)


def test_a_band_that_starts_at_zero_is_a_lower_tail_of_lognormal_noise():
    band = pd.DataFrame({"value": [0.0], "flag": ["between"], "value_upper": [0.2]})
    tail = pd.DataFrame({"value": [0.2], "flag": ["below"]})
    parameters = {"noise_titer": 0.3}
    assert_allclose(
        lognormal().log_likelihood([0.25], band, parameters),
        lognormal().log_likelihood([0.25], tail, parameters),
        rtol=1e-12,
    )


def test_known_standard_deviations_everywhere_leave_no_scale_to_estimate():
    rows = pd.DataFrame({"value": [1.0, 2.0], "flag": ["", ""], "sd": [0.3, 0.4]})
    with pm.Model() as model:
        assert normal().parameters("titer", rows) == {}
    assert model.free_RVs == []
    noise = normal().scaled_to("titer", rows)
    assert_allclose(noise.frozen(0.0, {}).std(), np.sqrt((0.3**2 + 0.4**2) / 2))
    assert_allclose(
        noise.log_likelihood([1.1, 1.9], rows, {}),
        stats.norm([1.1, 1.9], [0.3, 0.4]).logpdf([1.0, 2.0]),
    )
    relative = lognormal().scaled_to("titer", rows)
    assert_allclose(relative.known_scale, np.sqrt(np.mean(np.log1p(np.array([0.09, 0.04])))))


def test_a_prior_of_ones_own_is_used_and_can_serve_two_quantities():
    prior = pm.HalfNormal.dist(0.05)
    rows = pd.DataFrame({"value": [1.0, 2.0], "flag": ["", ""]})
    with pm.Model() as model:
        for quantity in ("glucose", "lactate"):
            lognormal(prior).parameters(quantity, rows)
    assert [variable.name for variable in model.free_RVs] == ["noise_glucose", "noise_lactate"]
    assert lognormal(prior).describe() == "lognormal, scale ~ HalfNormal(0, 0.05)"


def test_default_priors_are_scaled_to_the_data():
    rows = pd.DataFrame({"value": [10.0, 30.0, 99.0], "flag": ["", "", "above"]})
    assert normal().scaled_to("glucose", rows).size == 5.0
    assert lognormal().scaled_to("glucose", rows).size == 0.2
    assert_allclose(proportional().scaled_to("glucose", rows).floor, 0.099)
    single = pd.DataFrame({"value": [4.0], "flag": [""]})
    assert normal().scaled_to("glucose", single).size == 2.0


@pytest.mark.parametrize(
    ("values", "flags", "sd", "kind"),
    [
        ([0.1, 5.0], ["", ""], [np.nan, np.nan], "lognormal"),
        ([0.1, 5.0], ["below", ""], [np.nan, np.nan], "normal"),
        ([0.1, 0.2, 5.0], ["below", "", ""], [np.nan] * 3, "lognormal"),
        ([0.0, 5.0], ["", ""], [np.nan, np.nan], "normal"),
        ([2.0, 5.0], ["", ""], [np.nan, np.nan], "normal"),
        ([0.1, 5.0], ["", ""], [0.1, 0.1], "normal"),
    ],
)
def test_the_default_is_lognormal_where_positive_values_span_a_wide_range(values, flags, sd, kind):
    assert default_noise(pd.DataFrame({"value": values, "flag": flags, "sd": sd})).kind == kind


@pytest.mark.parametrize("noise", [*KINDS.values(), student_t(degrees_of_freedom=4.0)], ids=str)
def test_noise_survives_its_description_by_plain_numbers(noise):
    settled = noise.scaled_to("titer", pd.DataFrame({"value": [1.0, 2.0], "flag": ["", ""]}))
    assert Noise.from_dict(settled.to_dict()) == settled


def test_noise_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        normal().size = 2.0


def rows_of(**columns):
    filled = {"run": "R07", "time_h": 48.0, "value": [1.0, 2.0], "flag": ["", ""], **columns}
    return pd.DataFrame(filled)


@pytest.mark.parametrize(
    ("noise", "columns", "sentence"),
    [
        (lognormal(), {"value": [1.0, -0.3]}, "Run 'R07' at 48 h: titer has a value of -0.3"),
        (lognormal(), {"value": [1.0, 0.0]}, "mark the row 'below' and give the detection limit"),
        (lognormal(), {"value": [1.0, 0.0], "flag": ["", "below"]}, "titer has a limit of 0"),
        (normal(), {"flag": ["below", "above"]}, "Every value of 'titer' is censored"),
        (normal(), {"flag": ["", "excluded"]}, "Leave out excluded rows"),
        (normal(), {"value": [1.0, np.nan]}, "has no finite value"),
        (normal(), {"sd": [0.1, 0.0]}, "sd that is not above zero"),
        (normal(), {"flag": ["", "between"]}, "value_upper is not above value"),
    ],
)
def test_rows_that_cannot_have_the_noise_are_refused_in_words(noise, columns, sentence):
    with pytest.raises(DataError, match=sentence):
        noise.scaled_to("titer", rows_of(**columns))


def test_censored_values_alone_are_enough_when_the_prior_is_given():
    rows = rows_of(flag=["below", "above"])
    assert normal(pm.HalfNormal.dist(0.1)).scaled_to("titer", rows).kind == "normal"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: normal(0.1), "expected an unnamed PyMC distribution"),
        (lambda: proportional(floor=0.0), "expected more than zero"),
        (lambda: student_t(degrees_of_freedom=-1.0), "expected more than zero"),
        (lambda: normal().frozen(1.0, {}), "needs its scale"),
        (lambda: normal().frozen(1.0, {"noise_a": 1.0, "noise_b": 1.0}), "only those of this"),
        (lambda: proportional().frozen(1.0, {"noise_a": 1.0}), "needs its floor"),
        (lambda: student_t().frozen(1.0, {"noise_a": 1.0}), "needs its degrees of freedom"),
        (lambda: Noise.from_dict({"kind": "pink"}), "'pink' is unknown"),
    ],
)
def test_misuse_is_refused_in_words(wrong, sentence):
    with pytest.raises(CalibrationError, match=sentence):
        wrong()

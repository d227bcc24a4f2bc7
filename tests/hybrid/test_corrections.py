"""Corrections of a rate: what they leave as it was, what they learn, what they own up to."""

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from bayesbio.calibrate import Calibration, fit
from bayesbio.data import Campaign, Profile, Run
from bayesbio.errors import ModelError
from bayesbio.hybrid import (
    Correction,
    confounding,
    contribution,
    correction_factors,
    novelty,
    with_corrections,
)
from bayesbio.mechanistic import (
    BatchCulture,
    CorrectedModel,
    FedBatchCulture,
    GrowthCurve,
    check_model,
    check_units,
    describe_model,
    rebuild_model,
)
from bayesbio.ode import simulate

SLOWER = Correction(on="growth", inputs=["product"], anchor={"product": 0.0})
KNOWN = {
    "maximum_growth_rate": 0.30,
    "substrate_monod_constant": 0.5,
    "cell_yield": 0.5,
    "growth_associated_yield": 0.4,
    "non_growth_associated_rate": 0.02,
}
CRITICAL = {"critical_product": 20.0, "product_inhibition_exponent": 1.0}
WEIGHTS = dict.fromkeys((f"growth_correction_product_weight_{k}" for k in range(1, 6)), -1.0)
TIMES = np.arange(0.0, 33.0, 2.0)


def course(model, parameters, *, substrate, feed, product=0.0, biomass=0.3):
    """One fed-batch, by default without any product at the start."""
    settings = {
        "initial_biomass": biomass,
        "initial_substrate": substrate,
        "initial_product": product,
        "initial_volume": 1.0,
        "feed_substrate": 160.0,
    }
    profiles = {"feed_rate": Profile([(0.0, 0.0), (10.0, feed)], "step")}
    done = simulate(model, parameters=parameters, settings=settings, profiles=profiles, times=TIMES)
    return done.squeeze(("chain", "draw", "run")), settings, profiles


def run_of(name, noise, rng, model, parameters, **conditions):
    """A run read with noise: a share of the largest value of each quantity."""
    done, settings, profiles = course(model, parameters, **conditions)
    rows = []
    for quantity in ("biomass", "substrate", "product"):
        values = done[quantity].to_numpy()
        read = values + noise * values.max() * rng.normal(size=values.size)
        rows += [(t, quantity, v) for t, v in zip(TIMES, read, strict=True) if t > 0 and v > 0]
    table = pd.DataFrame(rows, columns=["time_h", "quantity", "value"])
    return Run(name, table, settings=settings, profiles=profiles)


@pytest.fixture(scope="module")
def campaign():
    rng = np.random.default_rng(5)
    truth = FedBatchCulture(product=True, product_inhibition="levenspiel")
    conditions = [(8, 0.01), (12, 0.015), (16, 0.01), (10, 0.02), (14, 0.012), (6, 0.02)]
    return Campaign(
        [
            run_of(f"R{i}", 0.02, rng, truth, KNOWN | CRITICAL, substrate=s, feed=f)
            for i, (s, f) in enumerate(conditions)
        ]
    )


@pytest.fixture(scope="module")
def corrected(campaign):
    return with_corrections(FedBatchCulture(product=True), [SLOWER], campaign=campaign)


@pytest.fixture(scope="module")
def calibration(campaign, corrected):
    """Draws made by hand: only what follows from draws is tested on them."""
    rng = np.random.default_rng(8)
    amplitude, *weights = corrected.corrections[0].parameters
    shape = (2, 50)
    slope = rng.normal(-1.0, 0.2, shape)
    draws = {name: value * np.exp(0.01 * rng.normal(size=shape)) for name, value in KNOWN.items()}
    draws["maximum_growth_rate"] = 0.3 * np.exp(-0.05 * (slope + 1.0))
    draws[amplitude] = np.full(shape, 0.3)
    draws |= dict.fromkeys(weights, slope)
    posterior = xr.Dataset({name: (("chain", "draw"), value) for name, value in draws.items()})
    return Calibration(
        model=corrected,
        campaign=campaign,
        posterior=xr.DataTree.from_dict({"posterior": posterior}),
        noise={},
        options={"given": {}, "vary": {}, "positive": {}, "rtol": 1e-6, "atol": 1e-9},
    )


def test_a_correction_that_is_off_leaves_the_mechanism_as_it_was_bit_for_bit(corrected):
    silent = {**KNOWN, "growth_correction_product_amplitude": 0.0, **WEIGHTS}
    plain, *_ = course(FedBatchCulture(product=True), KNOWN, substrate=10.0, feed=0.015)
    same, *_ = course(corrected, silent, substrate=10.0, feed=0.015)
    for name in plain.data_vars:
        assert_array_equal(same[name], plain[name])


def test_without_corrections_a_model_comes_back_as_it_is():
    model = BatchCulture()
    assert with_corrections(model, []) is model


def test_the_factor_is_one_at_the_anchor_and_follows_its_formula(corrected):
    (correction,) = corrected.corrections
    low, high = correction.span["product"]
    parameters = corrected.Parameters(
        *KNOWN.values(), 0.4, *np.linspace(-1.0, 1.0, correction.knots)
    )
    values = np.array([0.0, 3.0, 11.0, 1.5 * high])
    knots = low + (high - low) * np.arange(5) / 5
    ramps = [
        ((values - k) + np.sqrt((values - k) ** 2 + ((high - low) / 5) ** 2)) / 2 / (high - low)
        for k in knots
    ]
    by_hand = 0.4 * sum(
        w * (r - r[0]) for w, r in zip(np.linspace(-1.0, 1.0, 5), ramps, strict=True)
    )
    assert_allclose(correction.log_factor(values, parameters), by_hand, atol=1e-14)
    assert correction.log_factor(0.0, parameters) == 0.0


def test_a_corrected_model_keeps_the_contract_and_its_units(corrected):
    check_model(corrected)
    check_units(corrected)
    assert corrected.units["growth_correction_product_amplitude"] == "1"
    assert hasattr(corrected, "jump") == hasattr(corrected.base, "jump")


def test_balances_stay_closed_whatever_the_factor():
    model = with_corrections(
        BatchCulture(), [Correction("growth", ["substrate"], anchor={"substrate": 5.0})]
    ).corrections[0]
    spanned = CorrectedModel(
        BatchCulture(), [dataclasses.replace(model, span={"substrate": (0.0, 20.0)})]
    )
    weights = dict(zip(model.parameters, (0.5, 1.0, -2.0, 1.0, 3.0, -1.0), strict=True))
    known = {name: KNOWN[name] for name in BatchCulture().Parameters._fields}
    done = simulate(
        spanned,
        parameters=known | weights,
        settings={"initial_biomass": 0.2, "initial_substrate": 20.0},
        times=np.linspace(0.0, 24.0, 13),
    ).squeeze()
    kept = done["substrate"] + done["biomass"] / known["cell_yield"]
    assert_allclose(kept, kept[0], rtol=1e-8)


def test_the_knots_lie_over_the_data_and_the_anchor(campaign, corrected):
    frame = campaign.to_frame()
    top = frame.loc[frame["quantity"] == "product", "value"].max()
    low, high = corrected.corrections[0].span["product"]
    assert low == 0.0
    assert top <= high <= 1.1 * top
    warm = Correction("growth", ["feed_rate"], anchor={"feed_rate": 0.03})
    model = with_corrections(FedBatchCulture(product=True), [warm], campaign=campaign)
    assert model.corrections[0].span["feed_rate"] == (0.0, 0.03)


def test_identity_survives_plain_data_and_pickle(corrected):
    assert rebuild_model(describe_model(corrected)) == corrected
    assert pickle.loads(pickle.dumps(corrected)) == corrected
    assert hash(pickle.loads(pickle.dumps(corrected))) == hash(corrected)


def test_contribution_shares_add_up_and_are_those_of_the_courses(calibration, campaign, corrected):
    shares = contribution(calibration)
    assert_allclose(shares["mechanism"] + shares["correction"], 1.0)
    assert (shares.xs("volume", level="quantity")["correction"] < 1e-12).all()
    # Two simulations at the middle of the draws, one of them without the factor.
    amplitude, *weights = corrected.corrections[0].parameters
    learned = {**KNOWN, amplitude: 0.3, **dict.fromkeys(weights, -1.0)}
    asked = dict(campaign=campaign, times=np.linspace(0.0, TIMES[-1], 97))
    with_it = simulate(corrected, parameters=learned, **asked)["biomass"].squeeze()
    without = simulate(corrected.base, parameters=KNOWN, **asked)["biomass"].squeeze()
    by_factor = np.abs(with_it - without).mean("time")
    by_mechanism = np.abs(without - without.isel(time=0)).mean("time")
    expected = (by_factor / (by_factor + by_mechanism)).to_numpy()
    biomass = shares.xs("biomass", level="quantity")["correction"]
    assert_allclose(biomass, expected, rtol=0.1)
    assert (expected > 0.001).all()  # small: the substrate decides how much grows, the factor when


def test_confounding_is_the_regression_on_the_factors(calibration):
    table = confounding(calibration)
    assert table.index[0] == "maximum_growth_rate"
    assert table.loc["maximum_growth_rate", "correlation"] == pytest.approx(-1.0)
    assert table.loc["maximum_growth_rate", "sd_inflation"] > 100.0
    assert table.loc["cell_yield", "sd_inflation"] < 1.2
    assert not any("correction" in name for name in table.index)


def test_novelty_is_nought_inside_the_span_and_counts_spans_outside(calibration):
    (correction,) = calibration.model.corrections
    _, high = correction.span["product"]
    inside = calibration.predict(noise=False)
    assert float(novelty(calibration, inside)["growth_correction_product"].max()) < 0.1
    beyond = inside.assign(product=0.0 * inside["product"] + 1.5 * high)
    assert_allclose(novelty(calibration, beyond)["growth_correction_product"], 0.5, rtol=0.05)


def test_the_factors_carry_every_draw_and_the_unit_of_the_input(calibration):
    factors = correction_factors(calibration, points=11)["growth_correction_product"]
    assert factors.sizes == {"chain": 2, "draw": 50, "product": 11}
    assert factors["product"].attrs["units"] == "g/L"
    assert_allclose(factors.isel(product=0), 1.0)
    assert float(factors.isel(product=-1).max()) < 0.95


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (dict(on="growth", inputs=["product", "biomass"]), "takes one"),
        (dict(on="growth", inputs=["product"], knots=1), "1 knots"),
        (dict(on="growth", inputs=["product"], amplitude=0.0), "positive number"),
        (dict(on="growth", inputs=["product"]), "anchor={'product': 0.0}"),
        (
            dict(
                on="growth", inputs=["product"], anchor={"product": 0.0}, span={"product": (2, 1)}
            ),
            "the range of values",
        ),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused(parts, sentence):
    with pytest.raises(ModelError, match=sentence.replace("(", r"\(").replace("{", r"\{")):
        Correction(**parts)


def test_a_rate_or_an_input_that_is_not_there_is_named():
    with pytest.raises(ModelError, match="no rate 'grow'.* Did you mean 'growth'"):
        with_corrections(BatchCulture(product=True), [dataclasses.replace(SLOWER, on="grow")])
    with pytest.raises(ModelError, match="no state, input or setting"):
        with_corrections(BatchCulture(), [SLOWER])
    with pytest.raises(ModelError, match="closed form"):
        with_corrections(GrowthCurve(), [SLOWER])
    with pytest.raises(ModelError, match="two corrections"):
        with_corrections(BatchCulture(product=True), [SLOWER, SLOWER])


def test_an_input_that_was_never_measured_needs_a_span(campaign):
    blind = Campaign([run.replace(measurements=run.measurements.iloc[:0]) for run in campaign][:1])
    never = dataclasses.replace(SLOWER, inputs=["volume"], anchor={"volume": 1.0})
    with pytest.raises(ModelError, match="never"):
        with_corrections(FedBatchCulture(product=True), [never], campaign=blind)
    unspanned = with_corrections(FedBatchCulture(product=True), [SLOWER])
    with pytest.raises(ModelError, match="Nothing says which values of product"):
        course(unspanned, KNOWN | WEIGHTS, substrate=10.0, feed=0.01)


def test_a_model_without_corrections_has_nothing_to_tell(calibration):
    plain = dataclasses.replace(calibration, model=calibration.model.base)
    with pytest.raises(ModelError, match="has no corrections"):
        contribution(plain)


# Readings scatter by a share of the largest value, the same for all readings of a quantity.
FEW = dict(draws=400, tune=600, random_seed=20260401, noise="normal")


@pytest.fixture(scope="module")
def inhibited():
    """Monod growth with product inhibition, fitted as Monod: with the correction and without."""
    rng = np.random.default_rng(11)
    truth = FedBatchCulture(product=True, product_inhibition="levenspiel")
    conditions = [(8, 0.01), (12, 0.015), (16, 0.01), (10, 0.02), (14, 0.012), (6, 0.02)]
    campaign = Campaign(
        [
            run_of(f"R{i}", 0.02, rng, truth, KNOWN | CRITICAL, substrate=s, feed=f)
            for i, (s, f) in enumerate(conditions)
        ]
    )
    base = FedBatchCulture(product=True)
    return {
        "mechanism": fit(campaign, base, **FEW),
        "corrected": fit(campaign, with_corrections(base, [SLOWER]), **FEW),
    }


def error(calibration, **conditions):
    """Root mean square error of the median course, in root mean squares of the true one."""
    truth = FedBatchCulture(product=True, product_inhibition="levenspiel")
    true, settings, profiles = course(truth, KNOWN | CRITICAL, **conditions)
    found = calibration.predict(settings=settings, profiles=profiles, times=TIMES, noise=False)
    middle = found.median(("chain", "draw")).squeeze("run")
    ratios = [
        float(np.sqrt(((middle[q] - true[q]) ** 2).mean() / (true[q] ** 2).mean()))
        for q in ("biomass", "product")
    ]
    return float(np.mean(ratios))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("conditions", "limit"),
    [
        (dict(substrate=11.0, feed=0.014), 0.02),
        (dict(substrate=11.0, feed=0.014, product=5.0), 0.05),
        (dict(substrate=16.0, feed=0.03), 0.20),
    ],
    ids=["interpolation", "product in the inoculum", "richer feed"],
)
def test_a_correction_predicts_what_the_bare_mechanism_misses(inhibited, conditions, limit):
    corrected = error(inhibited["corrected"], **conditions)
    assert corrected <= limit
    assert corrected < error(inhibited["mechanism"], **conditions)


@pytest.mark.slow
def test_anchored_the_maximum_growth_rate_keeps_its_meaning(inhibited):
    calibration = inhibited["corrected"]
    assert calibration.check().passed, str(calibration.check())
    rate = calibration.draws["maximum_growth_rate"]
    assert float(rate.median()) == pytest.approx(0.30, rel=0.1)
    factor = correction_factors(calibration)["growth_correction_product"]
    true = 1.0 - factor["product"] / CRITICAL["critical_product"]
    low, high = (factor.quantile(q, ("chain", "draw")) for q in (0.005, 0.995))
    inside = (low <= true) & (true <= high)
    assert float(inside.mean()) > 0.9


@pytest.mark.slow
def test_where_nothing_is_missing_the_band_holds_one():
    rng = np.random.default_rng(12)
    base = FedBatchCulture(product=True)
    conditions = [(8, 0.01), (12, 0.015), (16, 0.01), (10, 0.02)]
    campaign = Campaign(
        [
            run_of(f"R{i}", 0.02, rng, base, KNOWN, substrate=s, feed=f)
            for i, (s, f) in enumerate(conditions)
        ]
    )
    calibration = fit(campaign, with_corrections(base, [SLOWER]), **FEW)
    factor = correction_factors(calibration)["growth_correction_product"]
    low, high = (factor.quantile(q, ("chain", "draw")) for q in (0.05, 0.95))
    assert bool(((low <= 1.0) & (high >= 1.0)).all())

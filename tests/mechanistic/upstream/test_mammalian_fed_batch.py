"""The mammalian fed-batch against the same equations in mM and days."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.data.vocabulary.quantities import quantity
from bayesbio.errors import ModelError
from bayesbio.mechanistic import MammalianFedBatch

GLC, GLN, LAC, AMM = (
    quantity(name).molar_mass / 1000.0 for name in ("glucose", "glutamine", "lactate", "ammonium")
)  # g/mmol
TRUTH = dict(
    mu_max=1.2, K_glc=0.5, K_gln=0.06, KI_lac=140.0, KI_amm=12.0, kd_max=0.30, KD_amm=6.0,
    Y_glc=0.45, m_glc=0.35, Y_gln=3.0, k_deg=0.05, Y_lac=1.4, Y_amm=0.6, q_P=0.02,
)  # fmt: skip


def per_day(y, p, feed, glucose_in, glutamine_in):
    """Right-hand side in 1e9 cells/L, mM, g/L, L and days, as such models are often published."""
    x, dead, glc, gln, lac, amm, product, volume = y
    mu = p["mu_max"] * glc / (p["K_glc"] + glc) * gln / (p["K_gln"] + gln)
    mu *= p["KI_lac"] / (p["KI_lac"] + lac) * p["KI_amm"] / (p["KI_amm"] + amm)
    kd = p["kd_max"] * amm / (p["KD_amm"] + amm)
    dilution = feed / volume
    qg = mu / p["Y_glc"] + p["m_glc"] * glc / (0.1 + glc)
    qn = mu / p["Y_gln"]
    return np.array([
        (mu - kd - dilution) * x,
        kd * x - dilution * dead,
        -qg * x + dilution * (glucose_in - glc),
        -qn * x - p["k_deg"] * gln + dilution * (glutamine_in - gln),
        p["Y_lac"] * qg * x - dilution * lac,
        p["Y_amm"] * qn * x + p["k_deg"] * gln - dilution * amm,
        p["q_P"] * x - dilution * product,
        feed,
    ])  # fmt: skip


def house_parameters(p):
    """The same parameters in hours, grams and 1e9 cells."""
    return dict(
        maximum_growth_rate=p["mu_max"] / 24,
        glucose_monod_constant=p["K_glc"] * GLC,
        glutamine_monod_constant=p["K_gln"] * GLN,
        lactate_inhibition_constant=p["KI_lac"] * LAC,
        ammonium_inhibition_constant=p["KI_amm"] * AMM,
        maximum_death_rate=p["kd_max"] / 24,
        ammonium_death_constant=p["KD_amm"] * AMM,
        cell_yield_on_glucose=p["Y_glc"] / GLC,
        glucose_maintenance=p["m_glc"] * GLC / 24,
        cell_yield_on_glutamine=p["Y_gln"] / GLN,
        glutamine_degradation_rate=p["k_deg"] / 24,
        lactate_yield_on_glucose=p["Y_lac"] * LAC / GLC,
        ammonium_yield_on_glutamine=p["Y_amm"] * AMM / GLN,
        specific_productivity=p["q_P"] / 24,
    )


HOUSE = np.array([1.0, 1.0, GLC, GLN, LAC, AMM, 1.0, 1.0])


def slopes(model, state, parameters, inputs, settings):
    rates = model.rates(0.0, state, parameters, inputs, settings)
    return model.derivatives(0.0, state, parameters, inputs, settings, rates)


@pytest.mark.parametrize("seed", range(5))
def test_house_units_and_mM_per_day_describe_the_same_culture(seed):
    generator = np.random.default_rng(seed)
    p = {name: value * generator.uniform(0.5, 2.0) for name, value in TRUTH.items()}
    y = np.array([8.0, 1.0, 20.0, 3.0, 30.0, 4.0, 1.5, 1.3]) * generator.uniform(0.3, 2.0, 8)
    model = MammalianFedBatch()
    found = slopes(
        model,
        model.State(*(y * HOUSE)),
        model.Parameters(**house_parameters(p)),
        SimpleNamespace(feed_rate=0.04 / 24),
        SimpleNamespace(feed_glucose=400.0 * GLC, feed_glutamine=40.0 * GLN),
    )
    expected = per_day(y, p, 0.04, 400.0, 40.0) * HOUSE / 24
    assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_names_are_the_promised_ones():
    model = MammalianFedBatch()
    assert model.State._fields == (
        "viable_cell_density",
        "dead_cell_density",
        "glucose",
        "glutamine",
        "lactate",
        "ammonium",
        "titer",
        "volume",
    )
    assert model.output_names == ("viability",)
    assert model.inputs == ("feed_rate",)
    assert model.settings == ("feed_glucose", "feed_glutamine")


def test_viability_is_the_living_share():
    model = MammalianFedBatch()
    state = model.State(9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert model.outputs(state, None, None) == {"viability": 0.9}


def test_without_glutamine_ammonium_comes_with_new_cells():
    lean = MammalianFedBatch(glutamine=False)
    assert "ammonium_yield_on_cells" in lean.Parameters._fields
    assert not [name for name in lean.units if "glutamine" in name]
    given = {
        name: (value.low + value.high) / 2
        for name, value in lean.defaults.items()
        if name in lean.Parameters._fields
    }
    state = lean.State(5.0, 0.1, 3.0, 1.0, 0.05, 0.5, 1.0)
    still = SimpleNamespace(feed_rate=0.0), SimpleNamespace(feed_glucose=100.0)
    rates = lean.rates(0.0, state, lean.Parameters(**given), *still)
    found = lean.derivatives(0.0, state, lean.Parameters(**given), *still, rates)
    assert_allclose(found.ammonium, given["ammonium_yield_on_cells"] * rates["growth"] * 5.0)


def test_plentiful_glutamine_is_the_same_as_none_in_the_model():
    full, lean = MammalianFedBatch(), MammalianFedBatch(glutamine=False)
    shared = {
        name: (value.low + value.high) / 2
        for name, value in full.defaults.items()
        if name in full.Parameters._fields
    }
    state = dict(
        viable_cell_density=5.0, dead_cell_density=0.1, glucose=3.0, lactate=1.0, ammonium=0.05,
        titer=0.5, volume=1.0,
    )  # fmt: skip
    yields = shared["ammonium_yield_on_glutamine"] / shared["cell_yield_on_glutamine"]
    shared["glutamine_degradation_rate"] = 0.0
    settings = SimpleNamespace(feed_glucose=100.0, feed_glutamine=5.0)
    with_it = slopes(
        full,
        full.State(**state, glutamine=1e12),
        full.Parameters(**shared),
        SimpleNamespace(feed_rate=0.01),
        settings,
    )
    lean_given = {name: shared[name] for name in lean.Parameters._fields if name in shared}
    without = slopes(
        lean,
        lean.State(**state),
        lean.Parameters(**lean_given, ammonium_yield_on_cells=yields),
        SimpleNamespace(feed_rate=0.01),
        settings,
    )
    for name in lean.State._fields:
        assert_allclose(getattr(with_it, name), getattr(without, name), rtol=1e-9)


def test_without_ammonium_cells_die_at_a_constant_rate():
    lean = MammalianFedBatch(ammonium=False)
    assert "death_rate" in lean.Parameters._fields
    assert not [name for name in lean.units if "ammonium" in name]


def test_without_a_feed_nothing_about_a_feed_is_asked():
    closed = MammalianFedBatch(feed=False)
    assert closed.inputs == () and closed.settings == ()
    assert "volume" in closed.State._fields
    given = closed.Parameters(**house_parameters(TRUTH))
    y = np.array([8.0, 1.0, 20.0, 3.0, 30.0, 4.0, 1.5, 1.3])
    found = slopes(closed, closed.State(*(y * HOUSE)), given, None, None)
    assert_allclose(found, per_day(y, TRUTH, 0.0, 0.0, 0.0) * HOUSE / 24, rtol=1e-12)


def test_the_benchmark_truth_lies_inside_the_default_intervals():
    model = MammalianFedBatch()
    for name, value in house_parameters(TRUTH).items():
        assert model.defaults[name].low < value < model.defaults[name].high, name


def middle(model, **given):
    """Parameters in the middle of their intervals, some given."""
    known = {name: (each.low + each.high) / 2 for name, each in model.defaults.items()}
    return model.Parameters(**{name: (known | given)[name] for name in model.Parameters._fields})


def balances(model, state, inputs=None, **given):
    """Rates and slopes of a model that is not fed."""
    parameters, time = middle(model, **given), 240.0
    rates = model.rates(time, state, parameters, inputs, None)
    return rates, model.derivatives(time, state, parameters, inputs, None, rates)


def test_lactate_is_taken_up_when_growth_has_stopped_and_made_while_cells_grow():
    model = MammalianFedBatch(feed=False, glutamine=False, lactate_uptake=True)
    given = dict(maximum_lactate_uptake=2e-3, lactate_uptake_constant=0.5, glucose_maintenance=2e-4)
    fresh = model.State(5.0, 0.1, 5.0, 0.5, 0.0, 0.0, 2.0)
    toxic = fresh._replace(ammonium=1e6)
    assert balances(model, fresh, **given)[1].lactate > 0
    rates, slopes = balances(model, toxic, **given)
    assert rates["growth"] < 1e-6 and slopes.lactate < 0
    assert_allclose(rates["lactate_uptake"], 2e-3 * 0.5 / (0.5 + 0.5), rtol=1e-5)


def test_ammonium_uptake_and_lysis_take_away_what_they_name():
    model = MammalianFedBatch(feed=False, glutamine=False, ammonium_uptake=True, lysis=True)
    plain = MammalianFedBatch(feed=False, glutamine=False)
    state = model.State(5.0, 2.0, 5.0, 0.5, 0.1, 0.0, 2.0)
    rates, with_both = balances(model, state, lysis_rate=0.01)
    _, without = balances(plain, state)
    assert_allclose(with_both.dead_cell_density, without.dead_cell_density - 0.01 * 2.0)
    assert_allclose(with_both.ammonium, without.ammonium - 5.0 * rates["ammonium_uptake"])


def test_cells_at_rest_form_ammonium_where_asked():
    model = MammalianFedBatch(feed=False, glutamine=False, ammonium_maintenance=True)
    state = model.State(5.0, 2.0, 0.0, 0.5, 0.1, 0.0, 2.0)  # no glucose, no growth
    assert_allclose(balances(model, state, ammonium_maintenance=1e-5)[1].ammonium, 5e-5)


def test_productivity_ratio_is_reached_at_the_fastest_growth():
    model = MammalianFedBatch(feed=False, glutamine=False, productivity_with_growth=True)
    plenty = model.State(5.0, 0.1, 1e9, 0.0, 0.0, 0.0, 2.0)
    given = dict(specific_productivity=1e-3, productivity_ratio_in_growth=0.25)
    assert_allclose(balances(model, plenty, **given)[0]["production"], 2.5e-4, rtol=1e-6)
    starved = plenty._replace(glucose=0.0)
    assert_allclose(balances(model, starved, **given)[0]["production"], 1e-3)


def test_a_temperature_shift_slows_growth_by_the_arrhenius_factor():
    model = MammalianFedBatch(feed=False, glutamine=False, temperature=True, ph=True)
    state = model.State(5.0, 0.1, 5.0, 0.5, 0.1, 0.0, 2.0)
    given = dict(growth_activation_energy=80e3, optimal_ph=7.0, ph_width=0.4)
    growth = [
        balances(model, state, SimpleNamespace(temperature=kelvin, ph=ph), **given)[0]["growth"]
        for kelvin, ph in ((310.15, 7.0), (305.15, 7.0), (310.15, 7.4))
    ]
    factor = np.exp(-80e3 / 8.31446261815324 * (1 / 305.15 - 1 / 310.15))
    assert_allclose(growth[1] / growth[0], factor)
    assert_allclose(growth[2] / growth[0], 0.5)


def test_further_nutrients_limit_growth_and_are_fed():
    model = MammalianFedBatch(nutrients=("asparagine",))
    assert model.settings == ("feed_glucose", "feed_glutamine", "feed_asparagine")
    assert model.units["cell_yield_on_asparagine"] == "1e9 cells/g"
    closed = MammalianFedBatch(feed=False, nutrients=("asparagine",))
    state = closed.State(5.0, 0.1, 5.0, 0.5, 0.5, 0.1, 0.0, asparagine=0.03, volume=2.0)
    rates, slopes = balances(
        closed, state, asparagine_monod_constant=0.03, cell_yield_on_asparagine=10.0
    )
    assert_allclose(slopes.asparagine, -rates["growth"] / 10.0 * 5.0)
    plenty, _ = balances(closed, state._replace(asparagine=1e9))
    assert_allclose(rates["growth"], plenty["growth"] / 2)


def test_accumulated_byproduct_is_released_by_every_living_cell():
    model = MammalianFedBatch(feed=False, glutamine=False, death="accumulated")
    state = model.State(5.0, 0.1, 5.0, 0.5, 0.1, 4000.0, 0.0, 2.0)
    rates, slopes = balances(model, state, death_per_byproduct=1e-6)
    assert slopes.accumulated_byproduct == 5.0 and rates["death"] == pytest.approx(0.004)
    assert model.setting_defaults == {"initial_titer": 0.0, "initial_accumulated_byproduct": 0.0}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lactate_uptake": True, "lactate": False}, "lactate_uptake needs lactate"),
        ({"lysis": True, "dead_cells": False}, "lysis needs dead_cells"),
        ({"death": "ammonium", "ammonium": False}, "needs ammonium"),
        ({"death": "lat"}, "no death law.*late"),
        ({"nutrients": "glucose"}, "part of the model already"),
    ],
)
def test_options_that_contradict_each_other_are_a_sentence(options, words):
    with pytest.raises(ModelError, match=words):
        MammalianFedBatch(**options)

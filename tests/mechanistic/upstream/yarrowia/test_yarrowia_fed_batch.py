"""The published Yarrowia kinetics: an independent transcription, and the published course."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from bayesbio.mechanistic import YarrowiaFedBatch

TABLE = Path(__file__).parents[4] / "data" / "yarrowia_citrate_fedbatch.csv"
P = dict(
    alpha_L=0.127275, c_max=130.901733, K_iN=0.12294103, K_iS=612.178130, K_iX=59.9737695,
    K_N=0.02000201, K_O=0.33085322, K_S=0.0430429, K_SL=0.02165744, m_s=0.02252332, r_L=0.47917813,
    V_evap=0.0026, Y_cs=0.682572, Y_ls=0.3574429, Y_xn=10.0, Y_xs=0.2385559,
    beta_LC_max=0.14255192, mu_max=0.3844627, S_F=917.0,
)  # fmt: skip


def published(y, p, oil_feed, oxygen):
    """Right-hand side as published: oxygen in per cent, base in mL per g."""
    x, c, lipid, s, n, v = y
    o = oxygen / (p["K_O"] + oxygen)
    beta = p["K_iN"] / (p["K_iN"] + n) * s / (s + p["K_S"]) * p["K_iS"] / (p["K_iS"] + s) * o
    beta *= p["K_iX"] / (p["K_iX"] + x) * (1 - c / p["c_max"]) * p["beta_LC_max"]
    q_c = 2 * (1 - p["r_L"]) * beta
    beta_l = p["r_L"] * beta - p["K_SL"] * lipid / (lipid + x) * o
    mu = p["mu_max"] * s / (s + p["K_S"]) * p["K_iS"] / (p["K_iS"] + s)
    mu *= n / (p["K_N"] + n) * o / (1 + x / p["K_iX"])
    q_s = mu / p["Y_xs"] + o * s / (p["K_S"] + s) * p["m_s"] + q_c / p["Y_cs"] + beta_l / p["Y_ls"]
    base = v / 1000 * (7.14 * mu * x / p["Y_xn"] + 1.59 * q_c * x)
    thinning = (base + oil_feed) / v - p["V_evap"] / v
    return np.array([
        mu * x - thinning * x,
        q_c * x - thinning * c,
        (p["alpha_L"] * mu + beta_l) * x - thinning * lipid,
        -q_s * x + oil_feed * p["S_F"] / v - thinning * s,
        -mu * x / p["Y_xn"] - thinning * n,
        base + oil_feed - p["V_evap"],
    ])  # fmt: skip


def house_parameters(p):
    return dict(
        maximum_growth_rate=p["mu_max"],
        oil_monod_constant=p["K_S"],
        oil_inhibition_constant=p["K_iS"],
        nitrogen_monod_constant=p["K_N"],
        oxygen_monod_constant=p["K_O"] / 100,
        biomass_inhibition_constant=p["K_iX"],
        nitrogen_repression_constant=p["K_iN"],
        maximum_formation_rate=p["beta_LC_max"],
        maximum_citrate=p["c_max"],
        lipid_share=p["r_L"],
        lipid_per_growth=p["alpha_L"],
        lipid_turnover_rate=p["K_SL"],
        maintenance=p["m_s"],
        cell_yield_on_oil=p["Y_xs"],
        cell_yield_on_nitrogen=p["Y_xn"],
        citrate_yield_on_oil=p["Y_cs"],
        lipid_yield_on_oil=p["Y_ls"],
        evaporation_rate=p["V_evap"],
    )


def slopes(model, state, parameters, **inputs):
    arguments = (0.0, state, parameters, SimpleNamespace(**inputs), SimpleNamespace(feed_oil=917.0))
    return model.derivatives(*arguments, model.rates(*arguments))


@pytest.mark.parametrize("seed", range(5))
def test_an_independent_transcription_gives_the_same_slopes(seed):
    generator = np.random.default_rng(seed)
    p = {name: value * generator.uniform(0.6, 1.2) for name, value in P.items()} | {"S_F": 917.0}
    y = np.array([20.0, 30.0, 8.0, 15.0, 2.0, 0.8]) * generator.uniform(0.3, 1.5, 6)
    model = YarrowiaFedBatch()
    found = slopes(
        model,
        model.State(*y),
        model.Parameters(**house_parameters(p)),
        oil_feed_rate=0.004,
        dissolved_oxygen=0.3,
    )
    assert_allclose(found, published(y, p, 0.004, 30.0), rtol=1e-12, atol=1e-14)


def test_the_mean_course_ends_where_the_source_ends():
    model = YarrowiaFedBatch()
    centres = {name: default.centre for name, default in model.defaults.items()}
    parameters = model.Parameters(**centres)
    mean = pd.read_csv(TABLE).groupby("time_h").mean(numeric_only=True)
    y = np.array([0.04, 0.0, 0.0, 30.0, 5.0, 0.6])
    for start, stop in zip(mean.index[:-1], mean.index[1:], strict=True):
        inputs = dict(
            oil_feed_rate=mean.loc[start, "adj_oil_feed_mL_h"] / 1000,
            dissolved_oxygen=mean.loc[start, "po2_pct"] / 100,
        )

        def slope(time, y, inputs=inputs):
            return np.array(slopes(model, model.State(*y), parameters, **inputs))

        y = solve_ivp(slope, (start, stop), y, "LSODA", rtol=1e-8, atol=1e-8).y[:, -1]
    assert_allclose(y[:4], [32.31, 119.98, 25.84, 53.68], atol=0.006)
    assert_allclose(y[4:], [0.0, 0.929], atol=0.0006)


def test_the_published_constants_are_the_centres_of_the_defaults():
    model = YarrowiaFedBatch()
    centres = {name: default.centre for name, default in model.defaults.items()}
    assert len(centres) == 18
    for name, value in house_parameters(P).items():
        assert_allclose(centres[name], value, rtol=1e-12)
    assert model.setting_defaults == {"feed_oil": 917.0}


def test_total_biomass_is_an_output_beside_lipid_and_a_state_without_it():
    model = YarrowiaFedBatch()
    state = model.State(30.0, 1.0, 8.0, 5.0, 1.0, 0.6)
    assert model.outputs(state, None, None) == {"biomass": 38.0}
    assert "biomass" in YarrowiaFedBatch(lipid=False).State._fields
    assert YarrowiaFedBatch(lipid=False).output_names == ()


def test_without_nitrogen_growth_ends_at_the_capacity_and_citrate_goes_on():
    model = YarrowiaFedBatch(lipid=False, nitrogen=False)
    parameters = model.Parameters(**{name: d.centre for name, d in model.defaults.items()})
    settings = SimpleNamespace(feed_oil=917.0)
    inputs = SimpleNamespace(oil_feed_rate=0.0, dissolved_oxygen=0.3)
    full = model.State(parameters.biomass_capacity, 10.0, 10.0, 0.7)
    rates = model.rates(0.0, full, parameters, inputs, settings)
    assert rates["growth"] == 0.0
    assert rates["formation"] > 0.1


def test_a_measured_base_feed_takes_the_place_of_the_computed_one():
    model, computed = YarrowiaFedBatch(base_feed=True), YarrowiaFedBatch()
    parameters = model.Parameters(**house_parameters(P))
    state = model.State(20.0, 30.0, 8.0, 15.0, 2.0, 0.8)
    controls = dict(oil_feed_rate=0.004, dissolved_oxygen=0.3)
    free = slopes(computed, state, parameters, **controls)
    base = free.volume - 0.004 + P["V_evap"]
    given = slopes(model, state, parameters, **controls, base_feed_rate=base)
    assert_allclose(given, free, rtol=1e-12)

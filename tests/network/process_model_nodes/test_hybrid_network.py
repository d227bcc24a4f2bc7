"""A process model as nodes: sampled forward, it agrees with closed forms where there are some."""

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.stats import norm

import bayesbio
from bayesbio.calibrate import Calibration
from bayesbio.data import Campaign, Run, Specification
from bayesbio.errors import ModelError
from bayesbio.inference import lognormal
from bayesbio.mechanistic import BatchCulture
from bayesbio.network import NetworkPosterior, Node, ProcessNetwork

RATE, RATE_SD, NOISE = 0.10, 0.01, 0.2


def calibrated(model, draws, noise):
    """Stand in for a fit: draws that are known."""
    posterior = xr.Dataset({name: (("chain", "draw"), values) for name, values in draws.items()})
    options = dict(given={}, vary={}, positive={}, rtol=1e-8, atol=1e-10, random_seed=0)
    tree = xr.DataTree.from_dict({"posterior": posterior})
    return Calibration(model, Campaign([Run("A")]), tree, noise, options)


@pytest.fixture(scope="module")
def growth():
    """Biomass after a day is log-linear in what was inoculated: a line in every draw."""
    rate = norm(RATE, RATE_SD).ppf((np.arange(1000) + 0.5) / 1000)
    draws = dict(
        maximum_growth_rate=np.random.default_rng(1).permutation(rate).reshape(2, 500),
        substrate_monod_constant=np.full((2, 500), 0.1),
        cell_yield=np.full((2, 500), 0.5),
        noise_biomass=np.full((2, 500), NOISE),
    )
    nodes = [
        Node("initial_biomass", role="CPP", link="log"),
        Node("initial_substrate", role="CPP"),
        Node("biomass@24", link="log"),
        Node("titer", role="CQA", specification=Specification("titer", lower=2.0)),
    ]
    edges = [
        ("initial_biomass", "biomass@24"), ("initial_substrate", "biomass@24"),
        ("biomass@24", "titer"),
    ]  # fmt: skip
    known = NetworkPosterior.from_parameters(
        ProcessNetwork(nodes, edges),
        intercept={
            "initial_biomass": np.log(0.2), "initial_substrate": 1e7, "biomass@24": 0.0,
            "titer": 1.0,
        },
        coefficients=dict(zip(edges, (1.0, 0.0, 2.0), strict=True)),
        variance={
            "initial_biomass": 0.09, "initial_substrate": 1.0, "biomass@24": 1.0, "titer": 0.25,
        },
    )  # fmt: skip
    calibration = calibrated(BatchCulture(), draws, {"biomass": lognormal()})
    return known.with_process_model(calibration, "biomass@24")


BIOMASS = np.log(0.2) + 24 * RATE, 0.09 + (24 * RATE_SD) ** 2 + NOISE**2


def test_a_trajectory_carries_its_parameters_and_its_noise_downstream(growth):
    told = growth.predict(samples=8000, random_seed=1)
    biomass = np.log(told["biomass@24"].to_numpy().ravel())
    assert_allclose(biomass.mean(), BIOMASS[0], atol=0.015)
    assert_allclose(biomass.var(), BIOMASS[1], rtol=0.05)
    titer = told["titer"].to_numpy().ravel()
    assert_allclose(titer.mean(), 1.0 + 2.0 * BIOMASS[0], atol=0.04)
    assert_allclose(titer.var(), 4.0 * BIOMASS[1] + 0.25, rtol=0.05)
    both = np.cov(biomass, titer)[0, 1]  # samples of different nodes belong together
    assert_allclose(both, 2.0 * BIOMASS[1], rtol=0.06)
    assert told["titer"].dims == ("chain", "draw", "run")


def test_readings_downstream_weigh_the_trajectories(growth):
    told = growth.predict({"titer": 4.0}, samples=20_000, random_seed=2)
    gain = 2.0 * BIOMASS[1] / (4.0 * BIOMASS[1] + 0.25)
    mean = BIOMASS[0] + gain * (4.0 - 1.0 - 2.0 * BIOMASS[0])
    biomass = np.log(told["biomass@24"].to_numpy().ravel())
    assert_allclose(biomass.mean(), mean, atol=0.02)
    assert_allclose(biomass.var(), BIOMASS[1] * (1.0 - 2.0 * gain), rtol=0.12)
    assert 100 < told.attrs["effective_samples"] < 20_000


def test_a_reading_of_the_trajectory_itself_is_evidence(growth):
    told = growth.predict({"biomass@24": 3.0}, samples=20_000, random_seed=3)
    start = np.log(told["initial_biomass"].to_numpy().ravel())
    mean = np.log(0.2) + 0.09 / BIOMASS[1] * (np.log(3.0) - BIOMASS[0])
    assert_allclose(start.mean(), mean, atol=0.02)
    assert_allclose(told["titer"].mean(), 1.0 + 2.0 * np.log(3.0), atol=0.02)


def test_a_run_that_surprises_the_model_does_not_rest_on_single_samples(growth):
    expected = growth.predict({"titer": 4.0}, samples=2000, random_seed=6)
    assert expected.attrs["likelihood_power"] == 1.0
    told = growth.predict({"titer": 40.0}, samples=2000, random_seed=6)
    assert told.attrs["likelihood_power"] < 0.9
    assert told.attrs["effective_samples"] >= 99.0
    assert len(np.unique(told["biomass@24"])) > 50


def test_holding_what_drives_the_model_moves_the_risk_by_the_closed_form(growth):
    risk = growth.probability_out_of_specification(do={"initial_biomass": 0.1}, random_seed=4)
    mean = 1.0 + 2.0 * (np.log(0.1) + 24 * RATE)
    sd = np.sqrt(4.0 * (BIOMASS[1] - 0.09) + 0.25)
    row = risk.summary().loc["titer"]
    assert abs(row["probability"] - norm.cdf(2.0, mean, sd)) < 4.0 * row["error"] + 0.002
    held = growth.intervene({"biomass@24": 2.0}, samples=4000)["titer"]
    assert_allclose(held.mean(), 1.0 + 2.0 * np.log(2.0), atol=0.04)
    assert_allclose(held.std(), 0.5, rtol=0.05)


def test_what_a_process_model_cannot_stand_for_is_said(growth):
    calibration, posterior = growth.calibration, growth.posterior
    with pytest.raises(ModelError, match="'titer' is no trajectory of BatchCulture"):
        posterior.with_process_model(calibration, ["titer"])
    turned = ProcessNetwork(["biomass@24", "initial_biomass"], [("biomass@24", "initial_biomass")])
    known = NetworkPosterior.from_parameters(
        turned, intercept=dict.fromkeys(turned.names, 0.0), variance=dict.fromkeys(turned.names, 1),
        coefficients={turned.edges[0]: 1.0},
    )  # fmt: skip
    with pytest.raises(ModelError, match="'initial_biomass' drives the process model, but stands"):
        known.with_process_model(calibration, ["biomass@24"])


def test_a_list_of_values_goes_point_by_point(growth):
    grid = growth.intervene({"initial_biomass": [0.1, 0.4]}, samples=500, random_seed=7)
    assert grid["titer"].dims == ("chain", "draw", "initial_biomass")
    for value in (0.1, 0.4):
        alone = growth.intervene({"initial_biomass": value}, samples=500, random_seed=7)["titer"]
        assert_allclose(grid["titer"].sel(initial_biomass=value), alone, rtol=1e-12)
    risk = growth.probability_out_of_specification(
        do={"initial_biomass": [0.1, 0.4]}, samples=500, random_seed=7
    )
    assert risk.total["titer"].dims == ("initial_biomass",)
    assert float(risk.total["titer"][0]) > float(risk.total["titer"][1])
    assert list(risk.summary().columns) == ["probability", "eti_5", "eti_50", "eti_95", "error"]


def test_without_noise_every_node_is_at_its_mean(growth):
    told = growth.predict(noise=False, samples=200)
    assert_allclose(told["initial_biomass"], 0.2, rtol=1e-9)
    biomass = np.log(told["biomass@24"].to_numpy().ravel())
    assert_allclose(biomass.std(), 24 * RATE_SD, rtol=0.2)
    with pytest.raises(ModelError, match="ask with noise=True"):
        growth.predict({"titer": 4.0}, noise=False)


def test_a_hybrid_network_is_loaded_as_it_was_saved(growth, tmp_path):
    again = bayesbio.load(growth.save(tmp_path / "hybrid.nc"))
    first, second = (part.predict(samples=100, random_seed=8) for part in (growth, again))
    assert first["titer"].to_numpy().tobytes() == second["titer"].to_numpy().tobytes()
    assert again.hash == growth.hash
    assert "exact (network)" in again.check().names

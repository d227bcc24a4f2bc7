"""Levels, covariates and correlated effects in formulations and predictions, without sampling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.calibrate.predicting.run_parameters import (
    group_effects,
    run_parameters,
    unstated_starts,
)
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.data import Campaign, Run
from bayesbio.inference import design, lognormal, pooling_factor

CLONES, SITES, TEMPERATURES = "AABB", "XYXY", (303.0, 305.0, 306.0, 310.0)
GROWTH = "maximum_growth_rate"
YIELD = "cell_yield"


def run(name, clone="A", site="X", temperature=305.0, **settings):
    """A small run of a culture."""
    frame = pd.DataFrame({"time_h": [0.0, 4.0, 8.0], "quantity": "biomass", "value": [0.3, 0.9, 2]})
    given = {"clone": clone, "site": site, "temperature": temperature, "initial_substrate": 20.0}
    return Run(name, frame, {**given, **settings})


@pytest.fixture(scope="module")
def campaign():
    """Two clones at two sites, four runs."""
    rows = zip(CLONES, SITES, TEMPERATURES, strict=True)
    return Campaign([run(f"R{place + 1}", *row) for place, row in enumerate(rows)])


@pytest.fixture(scope="module")
def draws(campaign):
    """Made-up draws of a growth rate by clone and run, with a covariate, and a yield beside it."""
    rng = np.random.default_rng(1)
    shape, dims = (2, 3000), ("chain", "draw")
    found = xr.Dataset(
        {
            GROWTH: (dims, np.exp(rng.normal(-1.0, 0.1, shape))),
            YIELD: (dims, np.exp(rng.normal(-0.7, 0.1, shape))),
            f"{GROWTH}_slope": ((*dims, f"{GROWTH}_term"), rng.normal(0.05, 0.01, (*shape, 1))),
            f"{GROWTH}_sd_clone": (dims, np.full(shape, 0.3)),
            f"{GROWTH}_sd_run": (dims, np.full(shape, 0.2)),
            f"{YIELD}_sd_run": (dims, np.full(shape, 0.1)),
            "correlation_run": ((*dims, "pair_run"), np.full((*shape, 1), 0.8)),
        },
        {
            f"{GROWTH}_term": ["temperature"],
            "pair_run": [f"{YIELD}, {GROWTH}"],
            "run": list(campaign.names),
            "clone": ["A", "B"],
        },
    )
    columns = design(GROWTH, "temperature", campaign.settings_frame()).columns[:, 0]
    shift = found[f"{GROWTH}_slope"].to_numpy() * columns
    by_clone = np.log(found[GROWTH].to_numpy())[..., None] + rng.normal(0, 0.3, (*shape, 2))
    by_run = by_clone[..., [0, 0, 1, 1]] + shift + rng.normal(0, 0.2, (*shape, 4))
    found[f"{GROWTH}_by_clone"] = ((*dims, "clone"), np.exp(by_clone))
    found[f"{GROWTH}_by_run"] = ((*dims, "run"), np.exp(by_run))
    by_run = np.log(found[YIELD].to_numpy())[..., None] + rng.normal(0, 0.1, (*shape, 4))
    found[f"{YIELD}_by_run"] = ((*dims, "run"), np.exp(by_run))
    return found


STRUCTURE = ParameterStructure(
    vary={GROWTH: ("clone", "run"), YIELD: ("run",)},
    positive={GROWTH: True, YIELD: True},
    covariates={GROWTH: "temperature"},
    correlated_blocks={"run": [[GROWTH, YIELD]]},
)


def predicted(campaign, draws, runs, seed=3):
    """Parameters of runs."""
    return run_parameters(
        (GROWTH, YIELD),
        draws,
        runs,
        campaign=campaign,
        structure=STRUCTURE,
        rng=np.random.default_rng(seed),
    )


def test_a_run_of_the_campaign_has_the_value_that_was_drawn_for_it(campaign, draws):
    found = predicted(campaign, draws, list(campaign))
    for name in (GROWTH, YIELD):
        drawn = draws[f"{name}_by_run"].to_numpy()
        assert_allclose(found[name].to_numpy(), np.moveaxis(drawn, -1, 0), rtol=1e-12)


def test_a_run_at_another_temperature_keeps_its_effects_and_follows_the_covariate(campaign, draws):
    known = campaign["R1"]
    warmer = known.replace(settings={**known.settings, "temperature": 308.0})
    found = predicted(campaign, draws, [warmer])[GROWTH].isel(run=0)
    moved = np.exp(draws[f"{GROWTH}_slope"].isel({f"{GROWTH}_term": 0}) * (308.0 - 303.0))
    assert_allclose(found, draws[f"{GROWTH}_by_run"].sel(run="R1") * moved, rtol=1e-12)


def test_a_new_run_of_a_known_clone_draws_its_own_effect_around_the_clone(campaign, draws):
    found = np.log(predicted(campaign, draws, [run("N", "B", temperature=306.0)])[GROWTH])
    apart = found.isel(run=0) - np.log(draws[f"{GROWTH}_by_clone"].sel(clone="B"))
    assert_allclose(apart.mean(), 0.0, atol=4 * 0.2 / np.sqrt(6000))
    assert_allclose(apart.std(), 0.2, rtol=0.05)


def test_a_new_clone_is_drawn_once_for_all_its_runs(campaign, draws):
    runs = [run("N1", "C", temperature=306.0), run("N2", "C", temperature=306.0)]
    found = np.log(predicted(campaign, draws, runs)[GROWTH]) - np.log(draws[GROWTH])
    covariance = np.cov(found.to_numpy().reshape(2, -1))
    assert_allclose(covariance, [[0.13, 0.09], [0.09, 0.13]], atol=0.01)


def test_effects_that_go_together_do_so_in_new_runs(campaign, draws):
    found = predicted(campaign, draws, [run("N", "B", temperature=306.0)])
    growth = np.log(found[GROWTH].isel(run=0) / draws[f"{GROWTH}_by_clone"].sel(clone="B"))
    other = np.log(found[YIELD].isel(run=0) / draws[YIELD])
    assert_allclose(
        np.corrcoef(growth.to_numpy().ravel(), other.to_numpy().ravel())[0, 1], 0.8, atol=0.02
    )


def test_effects_of_groups_are_what_the_draws_were_made_of(campaign, draws):
    found = group_effects(GROWTH, draws, campaign, STRUCTURE)
    assert_allclose(found["clone"].std(), 0.3, rtol=0.05)
    assert_allclose(found["run"].std(), 0.2, rtol=0.05)
    assert found["run"].dims == ("chain", "draw", "run")


def test_groups_that_say_nothing_are_pooled_and_groups_that_say_all_are_not():
    rng = np.random.default_rng(2)
    chance = rng.normal(size=(4000, 6))
    assert pooling_factor(chance) > 0.98
    assert pooling_factor(np.arange(6.0) + 0.01 * chance) < 0.01
    half = np.linspace(-1.0, 1.0, 6) + np.std(np.linspace(-1.0, 1.0, 6)) * chance
    assert_allclose(pooling_factor(half), 0.5, atol=0.1)


@pytest.fixture(scope="module")
def start_draws():
    rng = np.random.default_rng(3)
    return xr.Dataset(
        {
            "initial_biomass": (("chain", "draw", "run"), rng.uniform(size=(2, 4000, 1))),
            "noise_biomass": (("chain", "draw"), np.full((2, 4000), 0.1)),
        },
        {"run": ["R1"]},
    )


def start(draws, readings, flag=""):
    frame = pd.DataFrame({"time_h": 0.0, "quantity": "biomass", "value": readings})
    run = Run("next", frame.assign(replicate=range(len(readings)), flag=flag))
    noise = {"biomass": lognormal()}
    rng = np.random.default_rng(1)
    campaign = Campaign([Run("R1")])
    names = ["initial_biomass"]
    made = run_parameters(
        names, draws, [run], campaign=campaign, structure=ParameterStructure(), rng=rng, noise=noise
    )
    return made["initial_biomass"]


def test_a_new_run_starts_from_its_first_reading_give_or_take_the_noise(start_draws):
    found = np.log(start(start_draws, [0.5]))
    assert_allclose([found.mean(), found.std()], [np.log(0.5), 0.1], atol=0.005)


def test_replicates_of_the_first_reading_narrow_the_start(start_draws):
    found = start(start_draws, [0.4, 0.5, 0.5, 0.6])
    assert_allclose([found.mean(), found.std()], [0.5, 0.025], atol=0.002)


def test_without_a_quantified_first_reading_a_new_run_starts_as_one_of_the_others(start_draws):
    starts = start_draws["initial_biomass"].to_numpy()
    starts = np.concatenate([starts, starts + 1.0], axis=2)
    both = start_draws.drop_dims("run").assign(
        initial_biomass=(("chain", "draw", "run"), starts), run=["R1", "R2"]
    )
    found = start(both, [0.5], flag="below").squeeze("run", drop=True)
    same = both["initial_biomass"] == found
    assert same.any("run").all() and (same.mean(("chain", "draw")) > 0.4).all()
    unread = Run("NEXT", settings={"initial_substrate": 1.0})
    assert unstated_starts(unread, start_draws, Campaign(), {}) == ["biomass"]

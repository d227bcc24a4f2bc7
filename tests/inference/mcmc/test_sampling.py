"""Draws: correct, repeatable, with their causes of failure."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import CalibrationError
from bayesbio.inference import (
    FunctionDensity,
    LogDensity,
    NoUTurn,
    Progress,
    find_mode,
    sample,
    verdict_of,
)

MEASURED = np.array([2.1, 3.9, 6.2, 7.8, 10.1, 12.2])


@pytest.fixture(scope="module")
def line():
    """A mean per run with known noise: the posterior is normal, in closed form."""
    with pm.Model(coords={"run": ["R1", "R2", "R3"]}) as model:
        titer = pm.Normal("titer", 5.0, 10.0, dims="run")
        pm.Deterministic("highest", titer.max())
        scale = pm.LogNormal("scale", 0.0, 0.5)
        pm.Normal("measured", titer[np.array([0, 0, 1, 1, 2, 2])], 0.5, observed=MEASURED)
        pm.Potential("keeps_scale", 0.0 * scale)
    return LogDensity(model)


@pytest.fixture(scope="module")
def tree(line):
    return sample(line, draws=1000, tune=500, chains=4, cores=2, random_seed=11)


def test_draws_follow_the_closed_form_posterior(tree):
    precision = 1 / 10.0**2 + 2 / 0.5**2
    means = (5.0 / 10.0**2 + MEASURED.reshape(3, 2).sum(axis=1) / 0.5**2) / precision
    drawn = tree["posterior"]["titer"]
    sd = precision**-0.5
    assert_allclose(drawn.mean(("chain", "draw")), means, atol=0.1 * sd)
    assert_allclose(drawn.std(("chain", "draw")), sd, rtol=0.07)


def test_the_posterior_holds_natural_variables_in_model_order(tree):
    posterior = tree["posterior"]
    assert list(posterior.data_vars) == ["titer", "scale", "highest"]
    assert posterior["titer"].dims == ("chain", "draw", "run")
    assert posterior["run"].values.tolist() == ["R1", "R2", "R3"]
    assert posterior["scale"].min() > 0
    assert_allclose(posterior["highest"], posterior["titer"].max("run"))
    assert posterior.attrs["random_seed"] == 11
    assert posterior.attrs["tuning_steps"] == 500
    assert posterior.attrs["attempts"] == 1
    assert {"n_steps", "diverging", "non_finite", "energy", "step_size"} <= set(
        tree["sample_stats"].data_vars
    )
    assert not tree["sample_stats"]["diverging"].any()


def test_same_seed_same_draws_whatever_the_number_of_cores(line, tree):
    again = sample(line, draws=1000, tune=500, chains=4, cores=1, random_seed=11)
    assert again["posterior"].to_dataset().equals(tree["posterior"].to_dataset())
    other = sample(line, draws=1000, tune=500, chains=1, cores=1, random_seed=12)
    assert not np.isin(other["posterior"]["scale"], tree["posterior"]["scale"]).any()


def test_chains_differ_and_more_chains_leave_the_first_unchanged(line, tree):
    two = sample(line, draws=1000, tune=500, chains=2, cores=2, random_seed=11)
    expected = tree["posterior"]["scale"].isel(chain=slice(2))
    assert two["posterior"]["scale"].values.tolist() == expected.values.tolist()
    assert len(np.unique(tree["posterior"]["scale"].isel(draw=0))) == 4


def test_chains_start_where_they_are_told(line):
    mode = find_mode(line, random_seed=1)
    assert sample(line, draws=50, tune=100, chains=2, random_seed=1, start=mode)
    points = np.tile(mode.point, (2, 1))
    assert sample(line, draws=50, tune=100, chains=2, random_seed=1, start=points)
    with pytest.raises(CalibrationError, match=r"shape \(2, 4\)"):
        sample(line, draws=50, tune=100, chains=2, random_seed=1, start=mode.point)
    with pytest.raises(CalibrationError, match="not finite where chain 1 should start"):
        sample(line, chains=2, random_seed=1, start=points * [[1.0], [np.nan]])


def test_progress_is_reported_until_the_end(line):
    heard: list[Progress] = []
    sample(line, draws=400, tune=400, chains=2, random_seed=1, progress=heard.append)
    assert heard[0].stage == "searching the mode"
    assert (heard[-1].stage, heard[-1].finished, heard[-1].total) == ("sampling", 1600, 1600)
    assert heard[-1].remaining == 0.0


def test_a_bar_shows_the_draws(line, capsys):
    sample(line, draws=50, tune=50, chains=2, random_seed=1, progress=True)
    assert "200/200 draws, 0 divergences" in capsys.readouterr().out


def test_failed_densities_are_told_from_divergences():
    """A wall of failures in the middle of the posterior: hit often, but no bad geometry."""
    with pm.Model() as model:
        rate = pm.Normal("rate", 0.0, 1.0)
        pm.Potential("solution", pt.switch(rate > 0.5, np.nan, 0.0 * rate))
    tree = sample(model, draws=500, tune=300, chains=2, random_seed=4)
    stats = tree["sample_stats"]
    assert stats["non_finite"].sum() > 10
    assert (stats["diverging"] | ~stats["non_finite"]).all()
    assert not (stats["diverging"] & ~stats["non_finite"]).any()
    assert tree["posterior"].attrs["attempts"] == 1
    assert tree["posterior"]["rate"].max() < 0.5


def test_divergences_are_answered_with_smaller_and_smaller_steps():
    """A cliff where one step of the usual size falls too deep."""
    with pm.Model() as model:
        rate = pm.Normal("rate", 0.0, 1.0)
        pm.Potential("cliff", pt.switch(rate > 1.5, -1e5 * (rate - 1.5) ** 2, 0.0))
    cliff = LogDensity(model)
    options = {"draws": 300, "tune": 300, "chains": 2, "random_seed": 1}
    once = sample(cliff, sampler=NoUTurn(on_divergence=()), **options)
    assert once["sample_stats"]["diverging"].any()
    again = sample(cliff, **options)
    assert once["posterior"].attrs["attempts"] == 1
    assert again["posterior"].attrs["attempts"] in (2, 3)
    assert "so all were sampled again" in verdict_of(again)["attempts"].sentence
    assert again["posterior"].attrs["target_accept"] in (0.95, 0.99)
    assert again["sample_stats"]["step_size"].mean() < once["sample_stats"]["step_size"].mean()


def test_a_progress_function_that_fails_costs_no_draws(line):
    calls = []

    def broken(state):
        calls.append(state)
        if state.stage == "sampling":
            raise RuntimeError("my progress bar broke")

    tree = sample(line, draws=200, tune=200, chains=2, random_seed=1, progress=broken)
    assert tree["posterior"].sizes["draw"] == 200
    assert [state.stage for state in calls].count("sampling") == 1
    assert "my progress bar broke" in tree["posterior"].attrs["fallbacks"][0]
    assert "my progress bar broke" in verdict_of(tree)["fallbacks"].sentence


def test_a_plain_function_is_sampled_from_given_starts():
    def normal(point):
        return (-0.5 * float(point @ point), -point) if point[0] < 2.5 else (-np.inf, -point)

    density = FunctionDensity(normal, 3)
    options = dict(draws=400, tune=300, chains=2, cores=1, random_seed=1)
    tree = sample(density, start=np.ones((2, 3)), **options)
    again = sample(density, start=np.ones((2, 3)), **options)
    drawn = tree["posterior"]["point"]
    assert drawn.equals(again["posterior"]["point"])
    assert_allclose(drawn[..., 1:].std(), 1.0, atol=0.2)
    stats = tree["sample_stats"]
    assert not (stats["diverging"] & ~stats["non_finite"]).any()
    with pytest.raises(CalibrationError, match="not finite where chain 0 .* point is"):
        sample(density, start=np.full((2, 3), 3.0), **options)
    with pytest.raises(CalibrationError, match="give start="):
        sample(density, **options)

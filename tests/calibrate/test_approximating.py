"""Quick posteriors of process models: near the sampled one, labelled, and in all modes."""

import numpy as np
import pandas as pd
import pytest

import bayesbio
from bayesbio.calibrate import approximate, fit, quick_look
from bayesbio.data import Campaign, Run
from bayesbio.errors import CalibrationError
from bayesbio.inference import between, normal, prior_quantiles
from bayesbio.mechanistic import BatchReactor
from bayesbio.ode import simulate
from bayesbio.report import write_report

ASKED = dict(noise="normal", random_seed=20260101)
ERROR = 0.02  # mol/L
KNOWN = normal(between(0.999 * ERROR, 1.001 * ERROR))


@pytest.fixture(scope="module")
def sampled(campaign, model):
    return fit(campaign, model, **ASKED, draws=1000, tune=500)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["laplace", "pathfinder", "smc"])
def test_each_method_agrees_with_the_sampled_posterior(sampled, campaign, model, method):
    found = approximate(campaign, model, method=method, draws=800, **ASKED)
    for name in ("rate_constant_1", "rate_constant_2", "noise_concentration_a"):
        truth, near = sampled.draws[name], found.draws[name]
        assert float(abs(near.mean() - truth.mean()) / truth.std()) < 0.15
        assert float(near.std() / truth.std()) == pytest.approx(1.0, abs=0.15)


@pytest.fixture(scope="module")
def ambiguous():
    """Only the end product of A -> B -> C was read: which step is the slow one cannot be told."""
    times = np.array([2.0, 4.0, 8.0, 12.0, 16.0, 24.0])
    reactor, start = BatchReactor(isothermal=True), {"initial_concentration_a": 1.0}
    truth = {"rate_constant_1": 0.8, "rate_constant_2": 0.1}
    course = simulate(reactor, parameters=truth, settings=start, times=times)
    mean = course["concentration_c"].squeeze().to_numpy()
    value = mean + ERROR * np.random.default_rng(8).standard_normal(len(times))
    readings = pd.DataFrame({"time_h": times, "quantity": "concentration_c", "value": value})
    priors = {"rate_constant_1": between(0.1, 3.0), "rate_constant_2": between(0.02, 1.2)}
    return Campaign([Run("R1", readings, start)]), reactor, priors


@pytest.fixture(scope="module")
def quick(ambiguous):
    campaign, reactor, priors = ambiguous
    return approximate(campaign, reactor, priors=priors, noise=KNOWN, random_seed=3)


def test_a_laplace_posterior_is_labelled_and_never_passes(quick):
    verdict = quick.check()
    assert not verdict.passed
    assert "Laplace approximation, not a sampled posterior" in verdict["approximation"].sentence
    assert "Pareto k" in verdict["approximation"].sentence
    table = quick.summary()
    assert table.attrs["approximation"] == "Laplace"
    assert "Laplace" in table.attrs["verdict"]
    assert table[["r_hat", "ess_bulk"]].isna().all(axis=None)
    with pytest.raises(CalibrationError, match="not a sampled posterior"):
        quick.require()


def test_it_predicts_saves_and_reports_as_any_calibration(quick, tmp_path):
    course = quick.predict(until=20.0, noise=False)
    assert np.isfinite(course["concentration_b"].to_numpy()).all()
    again = bayesbio.load(quick.save(tmp_path / "quick.nc"))
    assert again.check()["approximation"].sentence == quick.check()["approximation"].sentence
    page = write_report(tmp_path / "quick", quick, answer="A first look.")
    assert "not a sampled posterior" in page.read_text(encoding="utf-8")


def test_an_unknown_method_is_refused(ambiguous):
    campaign, reactor, _ = ambiguous
    with pytest.raises(CalibrationError, match="laplace, pathfinder, smc"):
        approximate(campaign, reactor, method="advi", random_seed=1)


def weight_of_the_fast_first_step(campaign, priors, sd):
    """Share of the posterior with the first step the faster one, on a grid of closed forms."""
    rows = campaign.to_frame()
    moments = [
        np.log(prior_quantiles(prior, [0.5, 0.8413447460685429])) for prior in priors.values()
    ]
    logs = np.linspace(np.log(0.005), np.log(10.0), 700)
    first, second = np.meshgrid(logs, logs + 1e-7, indexing="ij")
    density = np.zeros_like(first)
    for value, (middle, above) in zip((first, second), moments, strict=True):
        density -= 0.5 * ((value - middle) / (above - middle)) ** 2
    one, two = np.exp(first), np.exp(second)
    for time, value in zip(rows["time_h"], rows["value"], strict=True):
        made = 1.0 - (two * np.exp(-one * time) - one * np.exp(-two * time)) / (two - one)
        density -= 0.5 * ((value - made) / sd) ** 2
    mass = np.exp(density - density.max())
    return float(mass[first > second].sum() / mass.sum())


def test_a_population_weighs_two_explanations_of_the_same_data(ambiguous):
    campaign, reactor, priors = ambiguous
    found = approximate(
        campaign, reactor, priors=priors, noise=KNOWN, method="smc", draws=600, random_seed=3
    )
    faster = found.draws["rate_constant_1"] > found.draws["rate_constant_2"]
    expected = weight_of_the_fast_first_step(campaign, priors, ERROR)
    assert 0.5 < expected < 0.98
    assert float(faster.mean()) == pytest.approx(expected, abs=0.06)
    look = quick_look(campaign, reactor, priors=priors, noise=KNOWN, random_seed=3)
    assert len(look.other_modes) == 1
    swapped = look.other_modes.iloc[0]
    assert swapped["rate_constant_1"] < swapped["rate_constant_2"]
    assert 0.0 < swapped["below"] < 5.0
    column = f"other, {swapped['below']:.1f} nat below"
    assert look.summary()[column]["rate_constant_1"] == swapped["rate_constant_1"]

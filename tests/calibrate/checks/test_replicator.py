"""Readings simulated and fitted again with one compiled density."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.calibrate import fit
from bayesbio.calibrate.checks import sbc as replicating
from bayesbio.calibrate.checks.replicator import LIKELIHOOD, Replicator
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances
from bayesbio.data import Campaign, Run
from bayesbio.inference import between, normal, verdict_of
from bayesbio.mechanistic import BatchReactor

REACTOR = BatchReactor(isothermal=True)
TIMES = {"concentration_a": [0.5, 1.0, 2.0, 4.0, 8.0], "concentration_b": [2.0, 4.0, 8.0, 16.0]}
ASKED = dict(noise=normal(between(0.005, 0.03)))


@pytest.fixture(scope="module")
def plan():
    """Two runs that were never done."""
    return Campaign([Run(f"R{i}", settings={"initial_concentration_a": 0.5 * i}) for i in (1, 2)])


@pytest.fixture(scope="module")
def replicator(plan):
    planned = replicating._readings(plan, REACTOR, TIMES, None)
    request = FitRequest(planned, REACTOR, noise=ASKED["noise"])
    settings = dict(draws=100, thin=1, tune=200, chains=2, target_accept=0.9, kept=150)
    return Replicator(formulate(request), Tolerances(), settings=settings)


def test_a_fit_of_simulated_readings_holds_the_truth_and_can_be_checked(replicator):
    truth, readings = replicator.simulate(3)
    tree = replicator.completed(replicator.refit(readings, 1), readings, 1)
    for name in ("rate_constant_1", "rate_constant_2"):
        draws = np.log(tree["posterior"][name].to_numpy())
        assert abs(np.log(truth[name]) - draws.mean()) < 5 * draws.std()
    assert_allclose(tree["observed_data"]["concentration_a"], readings["concentration_a"])
    assert np.isfinite(truth[LIKELIHOOD])
    assert "residual autocorrelation" in verdict_of(tree).names


@pytest.mark.slow
def test_a_refit_is_the_fit_of_a_campaign_with_these_readings(plan):
    planned = replicating._readings(plan, REACTOR, TIMES, None)
    settings = dict(draws=500, thin=2, tune=500, chains=2, target_accept=0.9, kept=1000)
    replicator = Replicator(
        formulate(FitRequest(planned, REACTOR, noise=ASKED["noise"])),
        Tolerances(),
        settings=settings,
    )
    replicator.refit(replicator.simulate(8)[1], 1)  # readings of another replication come first
    _, readings = replicator.simulate(9)
    runs = []
    for run in planned:
        table = run.measurements.copy()
        for name, rows in replicator.formulation.rows.items():
            own = rows["run"].astype(str) == run.name
            table.loc[table["quantity"] == name, "value"] = readings[name][own.to_numpy()]
        assert (table["value"] > 0).all()
        runs.append(run.replace(measurements=table))
    fitted = fit(Campaign(runs), REACTOR, noise=ASKED["noise"], draws=1000, tune=500, random_seed=2)
    found = replicator.refit(readings, 1)
    for name in ("rate_constant_1", "rate_constant_2", "noise_concentration_a"):
        there, here = fitted.draws[name], found[name]
        assert float(abs(here.mean() - there.mean()) / there.std()) < 0.15
        assert float(here.std() / there.std()) == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_effects_are_refitted_given_what_their_own_readings_say(plan):
    """Coordinates settle on them, whatever readings came before."""
    planned = replicating._readings(plan, REACTOR, TIMES, None)
    formulation = formulate(
        FitRequest(planned, REACTOR, noise=ASKED["noise"], vary={"rate_constant_1": "run"})
    )
    settings = dict(draws=200, thin=1, tune=300, chains=1, target_accept=0.9, kept=60)
    replicator = Replicator(formulation, Tolerances(), settings=settings)
    one, other = (replicator.simulate(seed)[1] for seed in (8, 9))
    said = replicator.problem.density.model["rate_constant_1.information"]
    first = replicator.refit(one, 1)
    settled = said.get_value()
    replicator.refit(other, 1)
    assert not np.allclose(said.get_value(), settled)
    assert_allclose(replicator.refit(one, 1)["rate_constant_2"], first["rate_constant_2"])

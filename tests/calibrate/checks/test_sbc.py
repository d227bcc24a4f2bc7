"""Simulation-based calibration of process models: one density, exchanged readings, honest ranks."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.calibrate import simulation_based_calibration
from bayesbio.calibrate.checks import sbc as replicating
from bayesbio.calibrate.checks.replicator import Replicator
from bayesbio.data import Campaign, Run
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference import between, counts, normal
from bayesbio.inference.validation import sbc as engine
from bayesbio.mechanistic import BatchReactor

REACTOR = BatchReactor(isothermal=True)
TIMES = {"concentration_a": [0.5, 1.0, 2.0, 4.0, 8.0], "concentration_b": [2.0, 4.0, 8.0, 16.0]}
ASKED = dict(times=TIMES, noise=normal(between(0.005, 0.03)), random_seed=4)


@pytest.fixture(scope="module")
def plan():
    """Two runs that were never done."""
    return Campaign([Run(f"R{i}", settings={"initial_concentration_a": 0.5 * i}) for i in (1, 2)])


def test_a_stopped_study_of_a_model_goes_on_and_only_that_study(plan, tmp_path, monkeypatch):
    path = tmp_path / "ranks.csv"
    first = simulation_based_calibration(plan, REACTOR, replications=2, checkpoint=path, **ASKED)
    assert first.names == (
        "rate_constant_1",
        "rate_constant_2",
        "noise_concentration_a",
        "noise_concentration_b",
        "log_likelihood",
    )
    assert (first.remarks["effective_draws"] >= 99).all()
    assert (first.remarks["r_hat"] < 1.1).all()
    monkeypatch.setattr(replicating, "formulate", None)  # nothing is compiled again
    again = simulation_based_calibration(plan, REACTOR, replications=2, checkpoint=path, **ASKED)
    pd.testing.assert_frame_equal(again.table, first.table)
    for change in (
        {"random_seed": 5},
        {"priors": {"rate_constant_1": between(5.0, 50.0)}},
        {"noise": normal(between(0.005, 0.031))},
        {"draws": 49},
        {"times": TIMES | {"concentration_a": [1.0, 2.0]}},
    ):
        with pytest.raises(TypeError):  # the former ranks do not come back: it compiles
            simulation_based_calibration(
                plan, REACTOR, replications=2, checkpoint=path, **(ASKED | change)
            )
        shutil.copy(tmp_path / "ranks.1.csv", path)
        shutil.copy(tmp_path / "ranks.1.card.json", tmp_path / "ranks.card.json")


@pytest.mark.slow
def test_the_reactor_is_calibrated_and_a_likelihood_too_sure_of_itself_is_not(plan, monkeypatch):
    honest = simulation_based_calibration(plan, REACTOR, replications=100, **ASKED)
    assert honest.check().passed, str(honest.check())
    simulate = Replicator.simulate

    def noisier(self, seed):
        truth, readings = simulate(self, seed)
        rng = np.random.default_rng(seed)
        return truth, {k: v + 0.02 * rng.standard_normal(v.size) for k, v in readings.items()}

    monkeypatch.setattr(Replicator, "simulate", noisier)
    wrong = simulation_based_calibration(plan, REACTOR, replications=60, **ASKED)
    assert not wrong.check().passed


@pytest.mark.slow
def test_parts_on_an_executor_give_the_same_ranks(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "PART", 2)
    here = simulation_based_calibration(plan, REACTOR, replications=4, **ASKED)
    with ThreadPoolExecutor(1) as pool:
        there = simulation_based_calibration(
            plan, REACTOR, replications=4, executor=pool, checkpoint=tmp_path / "r.csv", **ASKED
        )
    pd.testing.assert_frame_equal(here.table, there.table)
    assert_allclose(pd.read_csv(tmp_path / "r.csv")["rate_constant_1"], here.table.iloc[:, 0])


def test_designs_that_cannot_be_replicated_are_refused_in_words(plan):
    with pytest.raises(ModelError, match="The design reads nothing"):
        simulation_based_calibration(plan, REACTOR, random_seed=1)
    table = pd.DataFrame({"time_h": [1.0, 2.0], "quantity": "concentration_a", "value": [3.0, 2.0]})
    start = {"initial_concentration_a": 4.0}
    counted, precise = Run("R1", table, start), Run("R1", table.assign(sd=0.1), start)
    for run, noise in ((counted, counts()), (precise, "normal")):
        with pytest.raises(CalibrationError, match="Readings of concentration_a cannot be exch"):
            simulation_based_calibration(Campaign([run]), REACTOR, noise=noise, random_seed=1)

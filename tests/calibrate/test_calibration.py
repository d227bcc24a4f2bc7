"""What a calibration holds, whether it finds the truth, and that it survives saving."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import bayesbio
from bayesbio.calibrate import fit
from bayesbio.data import Run
from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference import archive_card
from bayesbio.inference.archive.environment import versions
from bayesbio.mechanistic import BatchCulture, BatchReactor


def test_the_verdict_passes(calibration):
    assert calibration.check().passed, str(calibration.check())
    assert calibration.require() is calibration


def test_the_truth_lies_inside_the_intervals(calibration, truth):
    table = calibration.summary()
    for name, value in truth["parameters"].items():
        assert table.loc[name, "eti_5"] < value < table.loc[name, "eti_95"]
    for run, effect in truth["effects"].items():
        row = table.loc[f"rate_constant_1_by_run[{run}]"]
        assert abs(row["mean"] - 0.5 * np.exp(effect)) < 4 * row["sd"]
    for quantity, sd in truth["sd"].items():
        assert 0.5 * sd < table.loc[f"noise_{quantity}", "mean"] < 2 * sd


def test_the_posterior_has_the_promised_names_and_groups(calibration):
    assert set(calibration.draws.data_vars) == {
        "rate_constant_1",
        "rate_constant_1_sd_run",
        "rate_constant_1_by_run",
        "rate_constant_2",
        "noise_concentration_a",
        "noise_concentration_b",
    }
    assert calibration.draws["rate_constant_1_by_run"].dims == ("chain", "draw", "run")
    groups = {"posterior", "sample_stats", "prior", "posterior_predictive", "log_likelihood"}
    assert groups | {"observed_data"} <= set(calibration.posterior.children)
    rows = calibration.posterior["observed_data"]["concentration_a"]
    assert rows.dims == ("concentration_a_row",)
    assert (rows["concentration_a_flag"] == "below").any()


def test_the_summary_has_units_and_priors(calibration):
    table = calibration.summary()
    assert table.loc["rate_constant_1", "unit"] == "1/h"
    assert table.loc["noise_concentration_a", "unit"] == "mol/L"
    assert table.loc["rate_constant_1_sd_run", "unit"] == "1"
    assert (table["prior_5"] < table["prior_95"]).all()
    assert table.attrs["verdict"] == "passed"


def test_the_log_likelihood_is_that_of_the_model(calibration, campaign, model):
    """Two roads: readings scored from simulated draws, and PyMC's own density of the model."""
    import pymc as pm

    from bayesbio.calibrate import build_model

    made = build_model(campaign, model, vary={"rate_constant_1": "run"}, noise="normal")
    point = calibration.draws.isel(chain=0, draw=0)
    free = {variable.name for variable in made.free_RVs}
    values = {str(name): point[name].to_numpy() for name in point.data_vars if str(name) in free}
    effects = np.log(point["rate_constant_1_by_run"] / point["rate_constant_1"])
    values["rate_constant_1_effect_run"] = (effects / point["rate_constant_1_sd_run"]).to_numpy()
    assert free == set(values)
    known = pm.do(made, values)
    total = float(known.compile_logp(vars=known.observed_RVs, mode="FAST_COMPILE")({}))
    stored = calibration.posterior["log_likelihood"].isel(chain=0, draw=0)
    assert_allclose(sum(float(values.sum()) for values in stored.values()), total, rtol=1e-6)


def test_predictions_of_known_runs_follow_their_data(calibration, campaign):
    course = calibration.predict(noise=False)
    for run in campaign:
        part = run.measurements.query("quantity == 'concentration_b' and flag == ''")
        found = course["concentration_b"].sel(run=run.name, time=part["time_h"].to_numpy())
        assert_allclose(found.mean(("chain", "draw")), part["value"], atol=0.07)


def test_a_new_run_is_less_certain_than_a_known_one(calibration):
    settings = {"initial_concentration_a": 0.7}
    new = calibration.predict(settings=settings, times=[2.0], noise=False)
    old = calibration.predict("R2", times=[2.0], noise=False)
    assert new["run"].item() == "new"
    assert float(new["concentration_a"].std()) > 2 * float(old["concentration_a"].std())


def test_a_stranger_with_the_name_of_a_known_run_is_a_new_run(calibration, campaign):
    stranger = Run("R2", settings=campaign["R2"].settings)
    new = calibration.predict(stranger, times=[2.0], noise=False)
    old = calibration.predict(campaign["R2"], times=[2.0], noise=False)
    assert float(new["concentration_a"].std()) > 2 * float(old["concentration_a"].std())


def test_noise_widens_predictions_by_its_own_size(calibration):
    quiet = calibration.predict("R2", times=[8.0], noise=False)["concentration_b"]
    noisy = calibration.predict("R2", times=[8.0])["concentration_b"]
    sd = float(calibration.draws["noise_concentration_b"].mean())
    assert_allclose(float(noisy.var()), float(quiet.var()) + sd**2, rtol=0.1)


def test_settings_of_a_known_run_can_be_changed(calibration):
    more = calibration.predict(
        "R2", settings={"initial_concentration_a": 1.4}, times=[1.0], noise=False
    )
    less = calibration.predict("R2", times=[1.0], noise=False)
    assert_allclose(more["concentration_a"], 2 * less["concentration_a"], rtol=1e-5)


def test_a_grid_until_some_hour_starts_at_zero(calibration):
    course = calibration.predict(settings={"initial_concentration_a": 0.7}, until=20.0)
    assert course["time"].to_numpy()[0] == 0.0
    assert course["time"].to_numpy()[-1] == 20.0
    assert course["concentration_c"].attrs["units"] == "mol/L"


def test_the_same_seed_predicts_the_same_bytes_and_another_does_not(calibration):
    first, again = (calibration.predict("R1", times=[1.0]) for _ in range(2))
    other = calibration.predict("R1", times=[1.0], random_seed=1)
    assert (
        first["concentration_a"].to_numpy().tobytes()
        == again["concentration_a"].to_numpy().tobytes()
    )
    assert not np.array_equal(first["concentration_a"], other["concentration_a"])


@pytest.fixture(scope="module")
def saved(calibration, tmp_path_factory):
    """The calibration on disk."""
    return calibration.save(tmp_path_factory.mktemp("archive") / "posterior.nc")


def test_a_saved_posterior_predicts_identical_bytes_in_a_new_process(calibration, saved):
    script = (
        "import sys, bayesbio\n"
        "calibration = bayesbio.load(sys.argv[1])\n"
        "course = calibration.predict(settings={'initial_concentration_a': 0.7}, until=5.0)\n"
        "sys.stdout.write(course['concentration_b'].to_numpy().tobytes().hex())\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(saved)], capture_output=True, text=True, check=True
    ).stdout
    here = calibration.predict(settings={"initial_concentration_a": 0.7}, until=5.0)
    assert found == here["concentration_b"].to_numpy().tobytes().hex()


def test_a_loaded_calibration_is_the_same(calibration, saved):
    loaded = bayesbio.load(saved)
    assert loaded.hash == calibration.hash
    assert loaded.model == calibration.model
    assert loaded.campaign.hash == calibration.campaign.hash
    assert str(loaded.check()) == str(calibration.check())


def test_a_saved_calibration_says_of_itself_whether_to_believe_it(calibration, saved):
    content = archive_card(saved)["content"]
    assert content["data_hash"] == calibration.campaign.hash
    assert content["fingerprint"]
    assert content["model"]["name"] == "BatchReactor"
    assert content["verdict"] == {
        "passed": calibration.check().passed,
        "text": str(calibration.check()),
    }


def test_a_file_that_does_not_load_says_with_which_versions_it_was_saved(saved, monkeypatch):
    here = {**versions(), "numpy": "9.9"}
    monkeypatch.setattr("bayesbio.inference.archive.environment.versions", lambda: here)
    with pytest.raises(CalibrationError, match=r"saved with numpy \S+ \(here 9.9\)"):
        bayesbio.load(saved, model=BatchCulture())


def test_a_posterior_of_another_model_is_refused(saved):
    with pytest.raises(CalibrationError, match="equations, names or units"):
        bayesbio.load(saved, model=BatchCulture())
    with pytest.raises(CalibrationError, match="equations, names or units"):
        bayesbio.load(saved, model=BatchReactor(isothermal=True, order_1=2))


def test_a_truncated_file_is_refused(saved, tmp_path):
    cut = tmp_path / "cut.nc"
    cut.write_bytes(saved.read_bytes()[:-5000])
    with pytest.raises(CalibrationError, match="damaged|changed"):
        bayesbio.load(cut)


def test_a_run_without_times_asks_for_them(calibration):
    with pytest.raises(ModelError, match="until="):
        calibration.predict(settings={"initial_concentration_a": 0.7})


def test_a_new_run_object_is_predicted(calibration):
    course = calibration.predict(Run("next", settings={"initial_concentration_a": 0.5}), until=1.0)
    assert course["run"].item() == "next"


@pytest.mark.slow
def test_chains_on_an_executor_sample_the_same_posterior(calibration, campaign, model, tmp_path):
    asked = dict(vary={"rate_constant_1": "run"}, noise="normal", draws=1000, tune=500, chains=2)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = fit(campaign, model, random_seed=2, executor=pool, checkpoint=tmp_path, **asked)
        again = fit(
            campaign, model, random_seed=2, executor=pool, checkpoint=tmp_path, resume=True, **asked
        )
    assert found.check().passed, str(found.check())
    for name in ("rate_constant_1", "rate_constant_1_sd_run", "noise_concentration_a"):
        one, two = calibration.draws[name], found.draws[name]
        assert abs(float(one.median() - two.median())) < 0.25 * float(one.std())
        assert_array_equal(again.draws[name], two)
        assert not np.array_equal(two[0], two[1])


def test_the_summary_says_how_much_runs_borrow_from_each_other(calibration):
    table = calibration.shrinkage()
    assert table.loc["rate_constant_1_sd_run", "groups"] == 5
    assert 0.0 < table.loc["rate_constant_1_sd_run", "shrinkage"] < 0.5  # each run has its data
    shown = calibration.summary()["shrinkage"].dropna()
    assert shown.index.tolist() == ["rate_constant_1_sd_run"]


def test_power_scaling_sees_priors_and_data_apart(calibration):
    item = calibration.check()["prior-data conflict"]
    assert item.advisory and "power-scaling" in item.sentence
    names = set(calibration.posterior["log_prior"].data_vars)
    assert names == set(calibration.draws.data_vars) - {"rate_constant_1_by_run"}

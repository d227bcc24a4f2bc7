import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

import bayesbio
from bayesbio.errors import DataError, ModelError
from bayesbio.inference import coverage
from bayesbio.titer import JointTiter
from bayesbio.titer.assays.assay_likelihood import (
    AssayReadings,
    assay_readings,
    marginal_log_likelihood,
)
from bayesbio.titer.factors.factor_coding import as_table


def samples(rows=120, *, seed=1, titers=25):
    """Octet reads 15 % more, OD600 goes with the 0.8th power; few samples have the reference."""
    rng = np.random.default_rng(seed)
    log = np.log(2.0) + 0.5 * rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "hplc": np.exp(log + 0.03 * rng.normal(size=rows)),
            "octet": 1.15 * np.exp(log + 0.06 * rng.normal(size=rows)),
            "od600": 12.0 * np.exp(0.8 * log + 0.15 * rng.normal(size=rows)),
        }
    )
    frame.loc[rng.permutation(rows)[titers:], "hplc"] = np.nan
    frame.loc[rng.permutation(rows)[rows // 2 :], "octet"] = np.nan
    return frame, np.exp(log)


@pytest.fixture(scope="module")
def joint():
    frame, _ = samples()
    return JointTiter("hplc", ["octet", "od600"]).fit(frame, draws=1000, tune=500, random_seed=1)


def test_the_bridge_between_two_assays_is_found(joint):
    assert joint.check().passed, str(joint.check())
    told = joint.bridge("octet", [2.0])
    assert told["eti_5"].iloc[0] < 2.3 < told["eti_95"].iloc[0]
    assert told["probability_higher"].iloc[0] > 0.99
    power = joint.summary().loc["slope[od600]"]
    assert power["eti_5"] - 0.05 < 0.8 < power["eti_95"] + 0.05


def test_titers_that_were_not_measured_are_estimated_with_honest_intervals(joint):
    frame, true = samples()
    drawn = joint.predict(noise=False)["hplc"].to_numpy().reshape(-1, len(frame))
    unread = frame["hplc"].isna().to_numpy()
    assert 0.82 <= coverage(drawn[:, unread], true[unread]) <= 0.97
    with_octet = unread & frame["octet"].notna().to_numpy()
    only_od = unread & frame["octet"].isna().to_numpy()
    spread = np.log(drawn).std(axis=0)
    assert spread[with_octet].mean() < 0.6 * spread[only_od].mean()


def test_a_saved_bridge_tells_the_same(joint, tmp_path):
    again = bayesbio.load(joint.save(tmp_path / "joint.nc"))
    assert again.hash == joint.hash and again.model == joint.model
    pd.testing.assert_frame_equal(again.bridge("octet", [2.0]), joint.bridge("octet", [2.0]))
    assert again.predict().equals(joint.predict())
    assert again.check().to_dict() == joint.check().to_dict()


def with_limits(frame, flags, uppers):
    """A table whose readings are known by limits."""
    table = as_table(frame, "hplc")
    columns = [dataclasses.replace(c, role="response") for c in table.columns]
    return table.replace(
        frame=frame, columns=columns, flags=pd.DataFrame(flags), uppers=pd.DataFrame(uppers)
    )


def test_a_titer_is_estimated_from_readings_known_by_limits(joint):
    frame = pd.DataFrame({"hplc": np.nan, "octet": [2.3, 2.3, 2.3], "od600": np.nan})
    table = with_limits(
        frame, {"octet": ["above", "between", "below"]}, {"octet": [np.nan, 2.5, np.nan]}
    )
    drawn = joint.predict(table, noise=False)["hplc"].to_numpy().reshape(-1, 3)
    above, between, below = drawn.T
    # Octet reads 15 % more than the reference, with an error of 6 %.
    assert np.median(above) > 2.2 > 2.0 > np.median(below)
    assert abs(np.median(between) - 2.4 / 1.15) < 0.05
    assert 0.05 < np.log(between).std() < 0.09


def test_a_reading_between_limits_needs_its_upper_one():
    frame, _ = samples(rows=30)
    flags = {"octet": np.where(frame["octet"].isna(), "", "between")}
    with pytest.raises(DataError, match="without an upper limit"):
        table = with_limits(frame, flags, {"octet": np.full(30, np.nan)})
        JointTiter("hplc", ["octet", "od600"]).fit(table, random_seed=0)


def test_a_new_sample_is_estimated_from_what_was_read_of_it(joint):
    new = joint.predict(pd.DataFrame({"od600": [12.0 * 2.0**0.8], "octet": [2.3]}), noise=False)[
        "hplc"
    ]
    assert new.dims == ("chain", "draw", "run")
    assert_allclose(float(new.median()), 2.0, rtol=0.06)


@pytest.mark.parametrize("flags", [["", "below", ""], ["", "above", "below"], ["", "between", ""]])
def test_the_likelihood_is_the_integral_over_the_titer(flags):
    value, flags = np.array([[0.4, -0.3, 0.2]]), np.array([flags])
    read = flags == ""
    low = np.where(np.isin(flags, ["above", "between"]), value, -np.inf)
    high = np.where(flags == "below", value, np.where(flags == "between", value + 0.5, np.inf))
    readings = AssayReadings(np.where(read, value, 0.0), read, low, high)
    error, start, rise = (
        np.array([0.2, 0.4, 0.7]),
        np.array([0.0, 0.1, -0.2]),
        np.array([1, 0.9, 2]),
    )
    found = marginal_log_likelihood(readings, np.array([0.1]), 0.8, error, start, rise)

    def density(t):
        p = stats.norm.pdf(t, 0.1, 0.8)
        for k in range(3):
            law = stats.norm(start[k] + rise[k] * t, error[k])
            p *= law.pdf(value[0, k]) if read[0, k] else law.cdf(high[0, k]) - law.cdf(low[0, k])
        return p

    assert_allclose(found[0], np.log(integrate.quad(density, -4, 4)[0]), rtol=2e-3)


def test_excluded_readings_do_not_count_whatever_their_value():
    frame = pd.DataFrame({"hplc": [1.0, -1.0], "octet": [2.0, 0.0]})
    flags = {"hplc": ["", "excluded"], "octet": ["", "between"]}
    uppers = {"octet": [np.nan, 3.0]}
    found = assay_readings(JointTiter("hplc", ["octet"]), with_limits(frame, flags, uppers))
    assert found.read.tolist() == [[True, True], [False, False]]
    assert found.limited.tolist() == [[False, False], [False, True]]
    assert_allclose(found.high[1], [np.inf, np.log(3.0)])  # between nothing and 3 is below 3


def test_too_few_shared_samples_are_said():
    frame, _ = samples(titers=2)
    with pytest.raises(DataError, match="share 2 rows; 3 or more"):
        JointTiter("hplc", ["octet"]).fit(frame, random_seed=0)
    with pytest.raises(DataError, match="no logarithm"):
        JointTiter("hplc", ["octet"]).fit(samples()[0].assign(octet=0.0), random_seed=0)
    with pytest.raises(DataError, match="'hplc' has 40 quantified readings, and they do not vary"):
        JointTiter("hplc", ["octet"], transform="identity").fit(
            samples(rows=40)[0].assign(hplc=0.0), random_seed=0
        )
    with pytest.raises(DataError, match="no column 'hplcs'.* Did you mean 'hplc'"):
        JointTiter("hplcs", ["octet"]).fit(frame, random_seed=0)
    with pytest.raises(ModelError, match="one or more other columns"):
        JointTiter("hplc", [])


def test_a_reading_beyond_those_fitted_is_flagged_or_refused(joint):
    far = pd.DataFrame({"octet": [1e6, float(joint.table.quantified("octet").median())]})
    assert joint.predict(far)["outside"].to_numpy().tolist() == [True, False]
    with pytest.raises(DataError, match="1 of 2 rows have readings beyond"):
        joint.predict(far, outside="refuse")

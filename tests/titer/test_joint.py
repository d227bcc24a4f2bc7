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
from bayesbio.titer.bridging import joint_log_likelihood
from bayesbio.titer.coding import as_table


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
    drawn = joint.predict()["hplc"].to_numpy().reshape(-1, len(frame))
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


def test_readings_between_limits_are_refused_by_a_bridge():
    frame, _ = samples(rows=30)
    table = as_table(frame, "hplc")
    columns = [dataclasses.replace(c, role="response") for c in table.columns]
    flags = pd.DataFrame({"octet": np.where(frame["octet"].isna(), "", "above")})
    with pytest.raises(DataError, match="'above' or 'between'"):
        JointTiter("hplc", ["octet", "od600"]).fit(table.replace(columns=columns, flags=flags))


def test_a_new_sample_is_estimated_from_what_was_read_of_it(joint):
    new = joint.predict(pd.DataFrame({"od600": [12.0 * 2.0**0.8], "octet": [2.3]}))["hplc"]
    assert new.dims == ("chain", "draw", "run")
    assert_allclose(float(new.median()), 2.0, rtol=0.06)


@pytest.mark.parametrize("below", [[False, True, False], [False, True, True]])
def test_the_likelihood_is_the_integral_over_the_titer(below):
    value = np.array([[0.4, -0.3, 0.2]])
    read, below = np.array([[True, False, False]]), np.array([below])
    read[0, 2] = not below[0, 2]
    error, start, rise = (
        np.array([0.2, 0.4, 0.7]),
        np.array([0.0, 0.1, -0.2]),
        np.array([1, 0.9, 2]),
    )
    found = joint_log_likelihood(value, read, below, np.array([0.1]), 0.8, error, start, rise)

    def density(t):
        p = stats.norm.pdf(t, 0.1, 0.8)
        for k in range(3):
            at = start[k] + rise[k] * t
            if read[0, k]:
                p *= stats.norm.pdf(value[0, k], at, error[k])
            elif below[0, k]:
                p *= stats.norm.cdf(value[0, k], at, error[k])
        return p

    assert_allclose(found[0], np.log(integrate.quad(density, -4, 4)[0]), rtol=2e-3)


def test_too_few_shared_samples_are_said():
    frame, _ = samples(titers=2)
    with pytest.raises(DataError, match="share 2 rows; 3 or more"):
        JointTiter("hplc", ["octet"]).fit(frame)
    with pytest.raises(DataError, match="no logarithm"):
        JointTiter("hplc", ["octet"]).fit(samples()[0].assign(octet=0.0))
    with pytest.raises(ModelError, match="one or more other columns"):
        JointTiter("hplc", [])

"""Titers estimated from whatever was read."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesbio
from bayesbio.errors import DataError
from bayesbio.inference import coverage
from tests.titer.assays.bridge_samples import samples, with_limits


def test_a_saved_bridge_tells_the_same(joint, tmp_path):
    again = bayesbio.load(joint.save(tmp_path / "joint.nc"))
    assert again.hash == joint.hash and again.model == joint.model
    pd.testing.assert_frame_equal(again.bridge("octet", [2.0]), joint.bridge("octet", [2.0]))
    assert again.predict().equals(joint.predict())
    assert again.check().to_dict() == joint.check().to_dict()


def test_titers_that_were_not_measured_are_estimated_with_honest_intervals(joint):
    frame, true = samples()
    drawn = joint.predict(noise=False)["hplc"].to_numpy().reshape(-1, len(frame))
    unread = frame["hplc"].isna().to_numpy()
    assert 0.82 <= coverage(drawn[:, unread], true[unread]) <= 0.97
    with_octet = unread & frame["octet"].notna().to_numpy()
    only_od = unread & frame["octet"].isna().to_numpy()
    spread = np.log(drawn).std(axis=0)
    assert spread[with_octet].mean() < 0.6 * spread[only_od].mean()


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


def test_a_new_sample_is_estimated_from_what_was_read_of_it(joint):
    new = joint.predict(pd.DataFrame({"od600": [12.0 * 2.0**0.8], "octet": [2.3]}), noise=False)[
        "hplc"
    ]
    assert new.dims == ("chain", "draw", "run")
    assert_allclose(float(new.median()), 2.0, rtol=0.06)


def test_a_reading_beyond_those_fitted_is_flagged_or_refused(joint):
    far = pd.DataFrame({"octet": [1e6, float(joint.table.quantified("octet").median())]})
    assert joint.predict(far)["outside"].to_numpy().tolist() == [True, False]
    with pytest.raises(DataError, match="1 of 2 rows have readings beyond"):
        joint.predict(far, outside="refuse")

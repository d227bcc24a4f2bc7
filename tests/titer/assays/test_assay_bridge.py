"""The bridge between assays."""

import numpy as np
import pytest

from bayesbio.errors import DataError, ModelError
from bayesbio.titer import JointTiter
from tests.titer.assays.bridge_samples import samples, with_limits


def test_the_bridge_between_two_assays_is_found(joint):
    assert joint.check().passed, str(joint.check())
    told = joint.bridge("octet", [2.0])
    assert told["eti_5"].iloc[0] < 2.3 < told["eti_95"].iloc[0]
    assert told["probability_higher"].iloc[0] > 0.99
    power = joint.summary().loc["slope[od600]"]
    assert power["eti_5"] - 0.05 < 0.8 < power["eti_95"] + 0.05


def test_a_reading_between_limits_needs_its_upper_one():
    frame, _ = samples(rows=30)
    flags = {"octet": np.where(frame["octet"].isna(), "", "between")}
    with pytest.raises(DataError, match="without an upper limit"):
        table = with_limits(frame, flags, {"octet": np.full(30, np.nan)})
        JointTiter("hplc", ["octet", "od600"]).fit(table, random_seed=0)


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

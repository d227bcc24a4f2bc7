"""Rows as a regression takes them."""

import numpy as np
import pandas as pd

from bayesbio.titer.factors.coded_rows import NOT_STATED, CodedRows, level_name
from bayesbio.titer.factors.factor_coding import Coding, FactorCode

CODING = Coding((FactorCode("ph", centre=7.0, spread=0.2), FactorCode("clone", levels=("A", "B"))))


def test_levels_that_were_not_fitted_and_groups_that_are_not_stated_keep_a_name():
    frame = pd.DataFrame({"ph": [7.2, 6.8], "clone": ["Z", "B"]})
    rows = CodedRows.of_frame(frame, CODING, ["site"])
    assert len(rows) == 2 and rows.unseen("clone") == ["Z"]
    assert rows.cells["ph"].round(6).tolist() == [1.0, -1.0]
    assert rows.names["site"].tolist() == [NOT_STATED] * 2
    second = rows.select(np.array([1]))
    assert second.names["clone"].tolist() == ["B"] and second.cells["clone"].tolist() == [1]


def test_a_level_that_is_a_number_keeps_all_its_digits():
    assert level_name(1234567.0) == "1234567" and level_name(0.1) == "0.1"
    assert level_name(None) == "(not recorded)"

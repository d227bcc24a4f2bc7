"""Coding of numbers and levels, and of what is missing."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.errors import DataError
from bayesbio.titer.factors.factor_coding import Coding, FactorCode, as_rows, as_table

FRAME = pd.DataFrame({"ph": [6.8, 7.2, 7.0], "clone": ["A", "B", None], "titer": [1.0, 2.0, 3.0]})


def test_numbers_are_standardised_and_missing_levels_form_a_group():
    coding, warnings = Coding.of_table(as_table(FRAME, "titer"), ["ph", "clone"])
    cells = coding.cells(FRAME)
    assert abs(cells["ph"].mean()) < 1e-12 and abs(cells["ph"].std() - 1.0) < 1e-12
    assert cells["clone"].tolist() == [0, 1, 2]
    assert "clone is missing in 1 of 3 rows" in " ".join(warnings)
    assert coding["ph"].decode(coding["ph"].encode([7.1]))[0] == pytest.approx(7.1)


def test_rows_beyond_the_range_or_the_levels_are_outside():
    coding, _ = Coding.of_table(as_table(FRAME, "titer"), ["ph", "clone"])
    rows = {"ph": [7.0, 7.3, 7.0], "clone": ["A", "B", "C"]}
    assert coding.outside(rows).tolist() == [False, True, True]


def test_what_cannot_be_coded_is_said():
    code = FactorCode("ph", "1")
    with pytest.raises(DataError, match="ph was fitted as a number"):
        code.encode(["high"])
    with pytest.raises(DataError, match="Rows came as int"):
        as_rows(3)
    with pytest.raises(DataError, match="A list came; expected a Table"):
        as_table([1.0], "titer")


def test_one_mapping_and_a_list_of_them_are_rows():
    assert len(as_rows({"ph": 7.0})) == 1 and len(as_rows([{"ph": 7.0}, {"ph": 7.1}])) == 2
    assert as_rows({"ph": [7.0, 7.1]})["ph"].tolist() == [7.0, 7.1]
    assert np.isnan(as_rows(pd.Series({"ph": np.nan}))["ph"][0])

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Table, TableColumn
from bayesbio.data.table_courses import runs_of_table
from bayesbio.errors import DataError

COURSES = pd.DataFrame(
    {"batch": ["A", "A", "B", "B"], "day": [0, 1, 0, 2], "titer": [0.0, 1.0, 0.1, 2.0]}
)
COLUMNS = [
    TableColumn("batch", "group", levels=("A", "B")),
    TableColumn("day", "factor"),
    TableColumn("titer", "response", "g/L"),
]


def test_a_table_with_times_holds_courses():
    runs, units = runs_of_table(Table(COURSES, COLUMNS))
    assert [run.name for run in runs] == ["A", "B"] and units == {"titer": "g/L"}
    assert_allclose(runs[1].times(), [0.0, 48.0])


def test_flags_of_a_table_stay_with_their_values():
    flags = pd.DataFrame({"titer": ["below", "excluded", "", ""]})
    runs, _ = runs_of_table(Table(COURSES, COLUMNS, flags))
    rows = runs[0].measurements
    assert rows[["value", "flag"]].values.tolist() == [[0.0, "below"]]


def test_without_times_each_row_is_a_run_read_once():
    frame = COURSES.iloc[[1, 3]][["batch", "titer"]]
    runs, _ = runs_of_table(Table(frame, [COLUMNS[0], COLUMNS[2]]))
    assert [run.times().tolist() for run in runs] == [[0.0], [0.0]]
    unnamed, _ = runs_of_table(Table(COURSES[["titer"]], [COLUMNS[2]]))
    assert [run.name for run in unnamed] == ["row 1", "row 2", "row 3", "row 4"]


def test_a_table_of_levels_holds_no_readings():
    with pytest.raises(DataError, match="no columns of numbers"):
        runs_of_table(Table(COURSES[["batch"]], COLUMNS[:1]))

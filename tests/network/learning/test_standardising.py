import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Table, TableColumn
from bayesbio.errors import DataError
from bayesbio.network import (
    Node,
    ProcessNetwork,
    fit_network,
)

PAIR = ProcessNetwork(["feed", "titer"], [("feed", "titer")])


RNG = np.random.default_rng(7)


FEED = RNG.normal(5.0, 1.0, 30)


ROWS = pd.DataFrame({"feed": FEED, "titer": 1.0 + 0.4 * FEED + RNG.normal(0, 0.2, 30)})


def interval_table(half, where):
    columns = [TableColumn("feed", "response"), TableColumn("titer", "response")]
    flags = pd.DataFrame({"titer": np.where(where, "between", "")})
    low = ROWS.assign(titer=ROWS["titer"] - half * where)
    return Table(low, columns, flags, uppers=pd.DataFrame({"titer": ROWS["titer"] + half}))


def test_an_interval_without_its_upper_limit_is_asked_for():
    table = interval_table(0.1, np.arange(len(ROWS)) == 2)
    with pytest.raises(DataError, match="'between' without its upper limit"):
        PAIR.fit(Table(table.frame, table.columns, table.flags))
    with pytest.raises(DataError, match="give the lower limit first"):
        table.replace(uppers=table.uppers - 10.0)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (ROWS[["feed"]], "'titer' has no data: the table has no such column"),
        (ROWS.assign(titer=np.nan), "every cell of its column is missing"),
        (ROWS.assign(feed=3.0), "'feed' has the same value in all 30 rows"),
        (ROWS.iloc[:2], "'titer' has 2 readings for 2 unknowns"),
        (ROWS.assign(feed="high"), "needs numbers"),
        (ROWS.assign(feed=np.inf), "infinite value"),
    ],
)
def test_tables_that_cannot_be_fitted_say_why(rows, sentence):
    with pytest.raises(DataError, match=sentence):
        fit_network(PAIR, rows)


def test_a_table_in_another_unit_is_refused():
    columns = [TableColumn("feed", "factor", "g/L"), TableColumn("titer", "response", "mg/L")]
    network = ProcessNetwork(["feed", Node("titer", unit="g/L")], [("feed", "titer")])
    with pytest.raises(DataError, match="'titer' has the unit 'g/L', but its values come in"):
        network.fit(Table(ROWS, columns))

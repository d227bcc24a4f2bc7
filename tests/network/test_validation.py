import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Table, TableColumn
from bayesbio.errors import DataError
from bayesbio.network import ProcessNetwork, leave_one_out


def test_prediction_from_the_middle_of_a_batch_uses_what_is_known_by_then():
    rng = np.random.default_rng(2)
    first = rng.normal(size=20)
    second = first + rng.normal(0, 0.5, 20)
    rows = pd.DataFrame({"y@24": first, "y@48": second, "y@72": second + rng.normal(0, 0.1, 20)})
    network = ProcessNetwork(list(rows), [("y@24", "y@48"), ("y@48", "y@72")])
    scores = leave_one_out(network, rows, "y@72", until=[24.0, 48.0], random_seed=1)
    assert len(scores) == 40
    early, late = (scores[scores["until"] == time] for time in (24.0, 48.0))
    assert late["crps"].mean() < 0.5 * early["crps"].mean()
    assert scores["covered"].mean() > 0.75


def test_each_run_is_predicted_by_the_others_and_flagged_readings_are_not_scored():
    rng = np.random.default_rng(3)
    feed = rng.normal(size=8)
    rows = pd.DataFrame({"run": list("ABCDEFGH"), "feed": feed, "titer": feed + rng.normal(size=8)})
    flags = pd.DataFrame({"titer": [""] * 7 + ["excluded"]})
    columns = [
        TableColumn("run", "group", levels=tuple("ABCDEFGH")),
        *(TableColumn(name, "response") for name in ("feed", "titer")),
    ]
    table = Table(rows, columns, flags)
    network = ProcessNetwork(["feed", "titer"], [("feed", "titer")])
    scores = leave_one_out(network, table, "titer", runs=[1, 7], random_seed=4)
    assert scores["run"].tolist() == ["B"]
    assert scores["until"].tolist() == [None]
    fitted = network.fit(table.select(np.arange(8) != 1), draws=250, random_seed=4)
    drawn = fitted.predict({"feed": feed[1]}, random_seed=5)["titer"].to_numpy()
    assert_allclose(
        scores.loc[0, ["eti_5", "eti_95"]].astype(float), np.quantile(drawn, [0.05, 0.95])
    )
    with pytest.raises(DataError, match="Two folds are called 'A'"):
        leave_one_out(network, rows.assign(run="A"), "titer")

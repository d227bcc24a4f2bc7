"""Observations are taken by the names of the nodes, in their units, and nothing is dropped."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Table, TableColumn
from bayesbio.errors import DataError, ModelError
from bayesbio.network import NetworkPosterior, Node, ProcessNetwork, fit_network

PAIR = ProcessNetwork([Node("glucose@24", unit="g/L"), "titer"], [("glucose@24", "titer")])
KNOWN = NetworkPosterior.from_parameters(
    PAIR,
    intercept={"glucose@24": 5.0, "titer": 0.0},
    coefficients={("glucose@24", "titer"): 2.0},
    variance={"glucose@24": 1.0, "titer": 0.04},
)


def table(unit="g/L", flags=("", ""), **columns):
    frame = pd.DataFrame({"run": ["A", "B"], "glucose@24": [3.0, 4.0], **columns})
    roles = [TableColumn("run", "group", levels=("A", "B"))]
    roles += [TableColumn(name, "response", unit) for name in frame.columns[1:]]
    return Table(frame, roles, pd.DataFrame({"glucose@24": list(flags)}))


@pytest.mark.parametrize("make", [dict, pd.DataFrame])
def test_an_unknown_name_is_refused_with_the_nearest_one(make):
    with pytest.raises(ModelError, match="Did you mean 'glucose@24'"):
        KNOWN.predict(make({"glucos@24": [3.0]}))
    with pytest.raises(ModelError, match="Did you mean 'titer'"):
        KNOWN.predict(make({"titre": [3.0]}))


def test_a_table_names_its_runs_and_may_hold_groups():
    told = KNOWN.predict(table(), targets="titer", noise=False)
    assert told["run"].values.tolist() == ["A", "B"]
    assert told["titer"].values.ravel().tolist() == pytest.approx([6.0, 8.0])


def test_censored_and_excluded_cells_are_not_taken_as_values():
    told = KNOWN.predict(table(flags=("below", "excluded")), targets="titer", noise=False)
    assert told["titer"].values.ravel().tolist() == pytest.approx([10.0, 10.0])
    assert told.attrs["warnings"] == ["1 censored values of glucose@24 are not used."]


def test_another_unit_is_refused():
    with pytest.raises(DataError, match="has the unit 'g/L', but its values come in 'mg/L'"):
        KNOWN.predict(table(unit="mg/L"))


def test_an_infinite_value_is_refused_and_not_forgotten():
    with pytest.raises(DataError, match="infinite value"):
        KNOWN.predict({"glucose@24": np.inf})


def test_extrapolation_is_flagged_run_by_run_or_refused():
    known = KNOWN.replace(observed_range=np.array([[2.0, 0.0], [6.0, 20.0]]))
    told = known.predict({"glucose@24": [3.0, 9.0]})
    assert told["outside"].values.tolist() == [False, True]
    for ask in (known.predict, lambda values, outside: known.intervene(values, outside=outside)):
        with pytest.raises(ModelError, match="outside the observed range"):
            ask({"glucose@24": 9.0}, outside="refuse")
    risk = known.intervene({"glucose@24": [1.0, 3.0]})
    assert risk["outside"].values.tolist() == [True, False]
    with pytest.raises(ModelError, match="use flag or refuse"):
        known.predict({"glucose@24": 3.0}, outside="maybe")


def test_readings_beyond_what_was_seen_are_flagged():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"u": rng.uniform(0, 1, 12), "y": rng.normal(size=12)})
    fitted = fit_network(ProcessNetwork(["u", "y"], [("u", "y")]), rows)
    assert fitted.predict({"u": 0.5}).attrs["warnings"] == []
    told = fitted.predict({"u": [0.5, 3.0]})
    assert told["outside"].values.tolist() == [False, True]
    assert "u of run 2 = 3 is outside the observed range" in told.attrs["warnings"][0]
    with pytest.raises(ModelError, match="u of new = 3 is outside"):
        fitted.predict({"u": 3.0}, outside="refuse")
    assert fitted.intervene({"u": [0.5, 4.0]}).attrs["warnings"]

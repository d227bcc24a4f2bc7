import copy
import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Event, Profile, Run
from bayesbio.data.run import FrozenFrame
from bayesbio.errors import DataError

ROWS = pd.DataFrame({"time_h": [0.0, 1.0], "quantity": "titer", "value": [0.1, 0.4]})


def run(**changes):
    events = [Event(12.0, "bolus", "glucose", 4.0)]
    profiles = {"feed_rate": Profile([(0.0, 0.0), (12.0, 0.1)], "step")}
    settings = {"clone": "A", "passage": np.int64(3)}
    return Run("R1", ROWS, settings, events, profiles).replace(**changes)


def test_runs_of_the_same_content_are_equal_and_hash_alike():
    assert run() == run() and hash(run()) == hash(run()) and run() in [run()]
    assert run(measurements=ROWS.iloc[::-1]) == run()
    assert run() != "R1"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "R2"},
        {"measurements": ROWS.assign(value=[0.1, 0.5])},
        {"settings": {"clone": "B", "passage": 3}},
        {"events": []},
        {"profiles": {}},
    ],
    ids=str,
)
def test_runs_of_other_content_are_not_equal(change):
    assert run(**change) != run()


def test_a_level_named_1_is_not_the_number_1():
    assert run(settings={"plate": "1"}) != run(settings={"plate": 1.0})
    assert run(settings={"plate": "1"}).hash != run(settings={"plate": 1.0}).hash


def test_copies_and_pickles_are_equal():
    assert copy.deepcopy(run()) == run() and pickle.loads(pickle.dumps(run())) == run()
    assert Run.from_dict(run().to_dict()) == run()


def test_measurements_cannot_be_changed_from_outside():
    made = run()
    rows = made.measurements
    rows.loc[0, "value"] = 99.0
    rows["value"] = 1.0
    assert made.measurements["value"].tolist() == [0.1, 0.4] and made == run()
    given = ROWS.copy()
    made = Run("R1", given)
    given.loc[0, "value"] = 99.0
    assert made.measurements["value"].tolist() == [0.1, 0.4]
    with pytest.raises(ValueError, match="read-only"):
        made.measurements["value"].to_numpy()[0] = 99.0


def test_an_unknown_flag_is_refused():
    with pytest.raises(DataError, match="flag 'belw' is unknown"):
        run(measurements=ROWS.assign(flag=["", "belw"]))


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    table: FrozenFrame = FrozenFrame()


def test_what_readers_change_stays_with_them():
    record = Record(pd.DataFrame({"a": [1.0, 2.0]}))
    copied = record.table
    copied.loc[0, "a"] = 9.0
    copied["b"] = 1
    assert record.table["a"].tolist() == [1.0, 2.0] and list(record.table) == ["a"]


def test_a_record_without_a_frame_holds_an_empty_one():
    assert Record().table.empty and Record(None).table.empty

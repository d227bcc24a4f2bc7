import dataclasses

import pandas as pd

from bayesbio.data.frozen_frame import FrozenFrame


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

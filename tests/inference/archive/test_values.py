"""The walk over dataclasses gives every value back, and takes classes from annotations alone."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesbio.errors import CalibrationError
from bayesbio.inference.archive.values import decode, encode, saved_parts


class Pair(NamedTuple):
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Law:
    power: float


@dataclasses.dataclass(frozen=True)
class Monod(Law):
    half: float = 1.0


class Converted:
    def __init__(self, text):
        self.text = text

    def to_dict(self):
        return {"text": self.text}

    @classmethod
    def from_dict(cls, content):
        return cls(content["text"])


class Hooked:
    def __init__(self, value, model):
        self.value, self.model = value, model

    def to_saved(self):
        return {"value": (self.value,)}

    @classmethod
    def from_saved(cls, saved, model=None):
        return cls(saved["value"][0], model)


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    laws: tuple[Law, ...]
    by_law: Mapping[Law, tuple[str, ...]]
    pair: Pair
    converted: Converted | None
    hooked: Hooked
    anything: Any
    scratch: Any = dataclasses.field(default=None, metadata={"saved": False})
    doubled: float = dataclasses.field(init=False, default=0.0)
    saved_parts: ClassVar = ()


def round_trip(value, cls=None, model=None):
    parts = saved_parts(cls) if cls else {}
    return decode(*encode(value, parts), parts, model=model)


def test_nested_dataclasses_subclasses_and_hooks_come_back():
    result = Result(
        laws=(Law(1.0), Monod(2.0, 3.0)),
        by_law={Monod(2.0): ("a", "b")},
        pair=Pair(1.0, 2.0),
        converted=Converted("µ"),
        hooked=Hooked(4, None),
        anything={"$": 1, 2: None},
        scratch=object(),
    )
    again = round_trip(result, Result, model="the model")
    assert again.laws == result.laws and type(again.laws[1]) is Monod
    assert again.by_law == result.by_law and again.pair == result.pair
    assert isinstance(again.pair, Pair)
    assert (again.converted.text, again.hooked.value, again.hooked.model) == ("µ", 4, "the model")
    assert again.anything == {"$": 1, 2: None} and again.scratch is None


@pytest.mark.parametrize(
    "value",
    [
        {"a": (1, 2.5, None, True, "x"), "b": [], "": {}},
        {("run", 1): {"set"}, 3: frozenset({1})},
        np.float64(0.1),
        float("inf"),
    ],
    ids=repr,
)
def test_plain_values_come_back(value):
    assert round_trip(value) == value


@pytest.mark.parametrize(
    "value",
    [
        np.array([np.nan, -0.0, np.inf]),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.array(1.5),
        np.empty((0, 3)),
        np.array([True, False]),
        np.array(["a", "Müller"]),
        np.array(["2026-01-01", "NaT"], "datetime64[ns]"),
        np.array([1 + 2j]),
    ],
    ids=lambda value: str(value.dtype),
)
def test_arrays_come_back_to_the_last_bit(value):
    again = round_trip({"x": {"/odd name": value}})["x"]["/odd name"]
    assert (again.dtype, again.shape) == (value.dtype, value.shape)
    assert again.tobytes() == value.tobytes()


def test_arrays_of_objects_come_back():
    value = np.array(["a", None, 1.5, ("b",)], dtype=object)
    assert round_trip(value).tolist() == value.tolist()


def test_frames_come_back_with_their_types_and_indices():
    frame = pd.DataFrame(
        {
            "number": [1.0, np.nan],
            "count": pd.array([1, None], dtype="Int64"),
            "name": ["a", None],
            "level": pd.Categorical(["low", "high"], ["low", "high"], ordered=True),
            "when": pd.to_datetime(["2026-01-01", "2026-01-02"]),
            "mixed": pd.Series(["a", 1], dtype=object),
        },
        index=pd.MultiIndex.from_tuples([("R1", 1.0), ("R2", 2.0)], names=["run", "time_h"]),
    )
    frame.attrs["verdict"] = "passed"
    again = round_trip(frame)
    pd.testing.assert_frame_equal(again, frame)
    assert again.attrs == frame.attrs
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"], index=pd.Index(["x"], name="run"))
    pd.testing.assert_frame_equal(round_trip(twice), twice)
    series = pd.Series([1.0, 2.0], index=["a", "b"], name="held")
    pd.testing.assert_series_equal(round_trip(series), series)


def test_datasets_and_trees_become_groups():
    dataset = xr.Dataset({"rate": ("draw", [0.1, 0.2])}, attrs={"units": "1/h"})
    tree = xr.DataTree.from_dict({"posterior": dataset, "sample_stats": dataset})
    description, groups = encode({"posterior": tree, "course": dataset, "nested": [tree]}, {})
    assert {"posterior", "sample_stats", "course", "nested/0/posterior"} <= set(groups)
    again = decode(description, groups, {})
    xr.testing.assert_identical(again["posterior"], tree)
    xr.testing.assert_identical(again["nested"][0], tree)
    xr.testing.assert_identical(again["course"], dataset)


def test_what_cannot_be_saved_names_the_field():
    with pytest.raises(CalibrationError, match=r"fit\.1\.rate holds a function"):
        encode({"fit": [0, {"rate": round_trip}]}, {})
    with pytest.raises(CalibrationError, match="anything holds a Unknown"):
        unknown = dataclasses.make_dataclass("Unknown", ["x"])(1)
        encode(Result((), {}, Pair(1, 2), None, Hooked(1, 2), unknown), saved_parts(Result))


def test_a_file_names_no_class_that_its_kind_does_not_hold():
    description = {"$": "object", "class": "Popen", "fields": {"args": "ls"}}
    with pytest.raises(CalibrationError, match="'Popen', which is no part"):
        decode(description, {}, saved_parts(Result))
    with pytest.raises(CalibrationError, match="'gadget', which this version does not know"):
        decode({"$": "gadget"}, {}, {})
    with pytest.raises(CalibrationError, match="fields power, new, which do not make"):
        fields = {"power": 1.0, "new": 2}
        decode({"$": "object", "class": "Law", "fields": fields}, {}, saved_parts(Result))


def test_two_classes_of_one_name_are_refused():
    other = dataclasses.make_dataclass("Law", ["x"])
    both = dataclasses.make_dataclass("Both", [("a", Law), ("b", other)])
    with pytest.raises(CalibrationError, match="two classes named Law"):
        saved_parts(both)

"""
Serialisation of results: a walk over frozen dataclasses that splits values into arrays and JSON.

Arrays, Datasets and DataTrees become groups of a tree, everything else plain JSON data that refers
to them. Reading takes classes only from the annotations of the class that is asked for, so a file
can name nothing that its kind does not hold, and nothing in it is executed.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import CalibrationError

_TAG = "$"  # the key that marks an object of this walk among the plain mappings
_ARRAYS = "arrays"  # the group in which plain arrays lie


def saved_parts(root: type) -> dict[str, type]:
    """
    Every class that a saved object of a class may hold: those its annotations name, by name.

    Subclasses of an annotated class belong to it. Where an annotation is too wide (``Any``, a
    protocol), the class lists more in its attribute ``saved_parts``.

    Parameters
    ----------
    root : type
        Class of the saved object.

    Returns
    -------
    dict
        Class name -> class.

    Raises
    ------
    CalibrationError
        When two different classes have one name.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Fit:
    ...     rate: float
    >>> list(saved_parts(Fit))
    ['Fit']
    """
    parts: dict[str, type] = {}
    waiting = [root]
    while waiting:
        cls = waiting.pop()
        known = parts.setdefault(cls.__name__, cls)
        if known is not cls:
            raise CalibrationError(
                f"{root.__name__} holds two classes named {cls.__name__} ({known.__module__}, "
                f"{cls.__module__}); a saved file could not say which. Rename one."
            )
        found = [*_annotated(cls), *getattr(cls, "saved_parts", ())]
        found += [sub for each in (cls, *found) for sub in each.__subclasses__()]
        waiting += [each for each in found if _is_part(each) and parts.get(each.__name__) != each]
    return parts


def encode(value: Any, parts: Mapping[str, type]) -> tuple[Any, dict[str, xr.Dataset]]:
    """
    Split an object into plain data and arrays.

    Parameters
    ----------
    value : object
        Plain values, tuples, mappings, arrays, frames, Datasets, DataTrees, and objects of `parts`.
    parts : mapping of str to type
        Classes that may occur, from `saved_parts`.

    Returns
    -------
    description : JSON-able
    groups : dict
        Path of a group -> Dataset.

    Raises
    ------
    CalibrationError
        When something in it cannot be stored; the message names the field.

    Examples
    --------
    >>> description, groups = encode({"rate": np.array([0.1, 0.2]), "runs": ("R1",)}, {})
    >>> decode(description, groups, {})
    {'rate': array([0.1, 0.2]), 'runs': ('R1',)}
    """
    writer = _Writer(parts)
    description = writer.node(value, "")
    if writer.arrays:
        writer.groups[_ARRAYS] = xr.Dataset(writer.arrays)
    return description, writer.groups


def decode(
    description: Any,
    groups: Mapping[str, xr.Dataset],
    parts: Mapping[str, type],
    *,
    model: Any = None,
) -> Any:
    """
    Rebuild what `encode` split.

    Parameters
    ----------
    description : JSON-able
    groups : mapping of path to Dataset
    parts : mapping of str to type
        Classes that may occur.
    model : process model, optional
        Handed to every `from_saved`.

    Raises
    ------
    CalibrationError
        When the description names a class or a field that does not exist here.

    Examples
    --------
    See `encode`.
    """
    return _Reader(groups, parts, model).value(description)


class _Writer:
    """Collects the arrays of an object while it is described."""

    def __init__(self, parts: Mapping[str, type]) -> None:
        self.parts = parts
        self.groups: dict[str, xr.Dataset] = {}
        self.arrays: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}

    def node(self, value: Any, path: str) -> Any:
        """Describe one value; its arrays go to the groups."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.generic) and value.dtype.kind in "bifuUS":
            return value.item()
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
            return self._pandas(value, path)
        if isinstance(value, xr.DataTree | xr.Dataset | xr.DataArray):
            return self._xarray(value, path)
        if isinstance(value, list):
            return [self.node(each, f"{path}.{i}") for i, each in enumerate(value)]
        if (name := type(value).__name__) in self.parts and self.parts[name] is type(value):
            return self._part(value, name, path)
        if isinstance(value, tuple | set | frozenset):
            kind = type(value).__name__
            if kind in ("tuple", "set", "frozenset"):
                return {_TAG: kind, "items": self.node(list(value), path)}
        if isinstance(value, Mapping):
            if all(isinstance(key, str) for key in value) and _TAG not in value:
                return {key: self.node(each, f"{path}.{key}") for key, each in value.items()}
            items = [[key, each] for key, each in value.items()]
            return {_TAG: "mapping", "items": self.node(items, path)}
        if isinstance(value, datetime | date | np.datetime64):
            return {_TAG: "time", "value": pd.Timestamp(value).isoformat()}
        raise CalibrationError(
            f"{path.lstrip('.') or 'the object'} holds a {type(value).__name__}, which cannot be "
            "saved. Annotate the field with its class, list the class in `saved_parts`, or give "
            "the class the methods `to_saved` and `from_saved`."
        )

    def _part(self, value: Any, name: str, path: str) -> Any:
        """Describe an object of a known class."""
        if hasattr(value, "to_saved"):
            content = dict(value.to_saved())
        elif _has_dict(type(value)):
            content = dict(value.to_dict())
        elif isinstance(value, tuple):
            content = value._asdict()  # type: ignore[attr-defined]
        else:
            content = {each.name: getattr(value, each.name) for each in _saved_fields(type(value))}
        # no names of user data among these keys: a plain mapping would be safe, but for the tag
        fields = {key: self.node(each, f"{path}.{key}") for key, each in content.items()}
        return {_TAG: "object", "class": name, "fields": fields}

    def _array(self, values: np.ndarray, path: str) -> Any:
        """Put an array of numbers or text into the group of arrays; other objects as a list."""
        if values.dtype.kind == "O":
            if any(not isinstance(each, str) for each in values.flat):
                items = self.node(list(values.ravel()), path)
                return {_TAG: "objects", "shape": list(values.shape), "items": items}
        elif values.dtype.kind not in "bifuUTmMc":
            raise CalibrationError(f"{path.lstrip('.')}: arrays of {values.dtype} cannot be saved.")
        name = _unused(_plain_name(path), self.arrays)
        stored = values
        if values.dtype.kind in "mM":
            stored = values.view(np.int64)
        elif values.dtype.kind == "c":
            stored = np.stack([values.real, values.imag], axis=-1)
        self.arrays[name] = (tuple(f"{name}_{i}" for i in range(stored.ndim)), stored)
        kind = "object" if values.dtype.kind in "OT" else values.dtype.str
        return {_TAG: "array", "name": name, "dtype": kind}

    def _pandas(self, value: Any, path: str) -> Any:
        if isinstance(value, pd.DataFrame):
            columns = [
                self._column(value.iloc[:, i], f"{path}.{label}")
                for i, label in enumerate(value.columns)
            ]
            return {
                _TAG: "frame",
                "labels": self._pandas(value.columns, f"{path}.columns"),
                "columns": columns,
                "index": self._pandas(value.index, f"{path}.index"),
                "attrs": self.node(dict(value.attrs), path),
            }
        if isinstance(value, pd.Series):
            return {
                _TAG: "series",
                "values": self._column(value, path),
                "index": self._pandas(value.index, f"{path}.index"),
                "name": self.node(value.name, path),
            }
        name = self.node(value.name, path)
        if isinstance(value, pd.RangeIndex):
            limits = [value.start, value.stop, value.step]
            return {_TAG: "range", "limits": limits, "name": name}
        if isinstance(value, pd.MultiIndex):
            levels = [
                self._column(value.get_level_values(i).to_series(), path)
                for i in range(value.nlevels)
            ]
            return {_TAG: "levels", "values": levels, "names": self.node(list(value.names), path)}
        return {_TAG: "index", "values": self._column(value.to_series(), path), "name": name}

    def _column(self, values: pd.Series, path: str) -> Any:
        """Describe one column: numbers as an array, the rest as a list with its type."""
        if isinstance(values.dtype, np.dtype) and values.dtype.kind in "bifumM":
            return self._array(values.to_numpy(), path)
        if isinstance(values.dtype, pd.CategoricalDtype):
            return {
                _TAG: "categories",
                "codes": self._array(values.cat.codes.to_numpy(), path),
                "categories": self._pandas(values.cat.categories, path),
                "ordered": values.cat.ordered,
            }
        items = [None if each is pd.NA else self.node(each, path) for each in values]
        return {_TAG: "column", "dtype": str(values.dtype), "items": items}

    def _xarray(self, value: xr.DataTree | xr.Dataset | xr.DataArray, path: str) -> Any:
        """Put a Dataset or a tree into groups, the posterior of a result on top of the file."""
        prefix = _plain_name(path).replace(".", "/")
        if isinstance(value, xr.DataArray):
            stored = value.to_dataset(name="values")
            prefix = _unused(prefix, self.groups)
            self.groups[prefix] = stored
            return {_TAG: "dataarray", "group": prefix, "name": self.node(value.name, path)}
        if isinstance(value, xr.Dataset):
            prefix = _unused(prefix, self.groups)
            self.groups[prefix] = value
            return {_TAG: "dataset", "group": prefix}
        nodes = {
            node.path.removeprefix(value.path).strip("/"): node.to_dataset(inherit=False)
            for node in value.subtree
        }
        top = nodes[""]
        bare = not top.variables and not top.attrs
        if bare:
            del nodes[""]
        taken = {*(group.split("/")[0] for group in self.groups), _ARRAYS}
        if path == ".posterior" and bare and not taken & {name.split("/")[0] for name in nodes}:
            prefix = ""
        elif prefix in self.groups or any(g.startswith(f"{prefix}/") for g in self.groups):
            prefix = _unused(prefix, {group.split("/")[0] for group in self.groups})
        for name, dataset in nodes.items():
            self.groups[f"{prefix}/{name}".strip("/")] = dataset
        return {_TAG: "tree", "group": prefix, "nodes": list(nodes)}


class _Reader:
    """Rebuilds objects of known classes from plain data and arrays."""

    def __init__(
        self, groups: Mapping[str, xr.Dataset], parts: Mapping[str, type], model: Any
    ) -> None:
        self.groups = {path.strip("/"): dataset for path, dataset in groups.items()}
        self.parts, self.model = parts, model

    def value(self, node: Any) -> Any:
        """Rebuild one value."""
        if isinstance(node, list):
            return [self.value(each) for each in node]
        if not isinstance(node, dict):
            return node
        if _TAG not in node:
            return {key: self.value(each) for key, each in node.items()}
        build = _BUILDERS.get(node[_TAG])
        if build is None:
            raise CalibrationError(
                f"The file holds a {node[_TAG]!r}, which this version does not know. It was saved "
                "by a newer bayesbio: update, then load it again."
            )
        return build(self, node)

    def part(self, node: Mapping[str, Any]) -> Any:
        name, cls = node["class"], self.parts.get(node["class"])
        if cls is None:
            raise CalibrationError(
                f"The file holds a {name!r}, which is no part of what is loaded; it has "
                f"{', '.join(sorted(self.parts))}. Load it with the version that saved it."
            )
        fields = {key: self.value(each) for key, each in node["fields"].items()}
        if hasattr(cls, "from_saved"):
            return cls.from_saved(fields, self.model)
        if _has_dict(cls):
            return cls.from_dict(fields)  # type: ignore[attr-defined]
        try:
            return cls(**fields)
        except TypeError as error:
            raise CalibrationError(
                f"The file holds a {name} with the fields {', '.join(fields)}, which do not make "
                f"one here ({error}). Load it with the version that saved it."
            ) from error

    def array(self, node: Mapping[str, Any]) -> np.ndarray:
        values = self.groups[_ARRAYS][node["name"]].to_numpy()
        if node["dtype"] == "object":
            return values.astype(object)
        dtype = np.dtype(node["dtype"])
        if dtype.kind == "c":
            return (values[..., 0] + 1j * values[..., 1]).astype(dtype)
        return values.view(dtype) if dtype.kind in "mM" else values.astype(dtype, copy=False)

    def objects(self, node: Mapping[str, Any]) -> np.ndarray:
        values = np.empty(node["shape"], dtype=object)
        for i, each in enumerate(self.value(node["items"])):
            values.flat[i] = each
        return values

    def column(self, node: Mapping[str, Any]) -> Any:
        return pd.Series(self.value(node["items"]), dtype=node["dtype"]).array

    def categories(self, node: Mapping[str, Any]) -> Any:
        return pd.Categorical.from_codes(
            self.array(node["codes"]), self.value(node["categories"]), ordered=node["ordered"]
        )

    def frame(self, node: Mapping[str, Any]) -> pd.DataFrame:
        index = self.value(node["index"])
        columns = [pd.Series(self.value(each), index=index) for each in node["columns"]]
        frame = pd.DataFrame(dict(enumerate(columns)), index=index)
        frame.columns = self.value(node["labels"])
        frame.attrs = self.value(node["attrs"])
        return frame

    def series(self, node: Mapping[str, Any]) -> pd.Series:
        index, name = self.value(node["index"]), self.value(node["name"])
        return pd.Series(self.value(node["values"]), index=index, name=name)

    def levels(self, node: Mapping[str, Any]) -> pd.MultiIndex:
        values = [self.value(each) for each in node["values"]]
        return pd.MultiIndex.from_arrays(values, names=self.value(node["names"]))

    def tree(self, node: Mapping[str, Any]) -> xr.DataTree:
        prefix = node["group"]
        return xr.DataTree.from_dict(
            {f"/{name}": self.groups[f"{prefix}/{name}".strip("/")] for name in node["nodes"]}
        )


_BUILDERS: dict[str, typing.Callable[[_Reader, Mapping[str, Any]], Any]] = {
    "tuple": lambda reader, node: tuple(reader.value(node["items"])),
    "set": lambda reader, node: set(reader.value(node["items"])),
    "frozenset": lambda reader, node: frozenset(reader.value(node["items"])),
    "mapping": lambda reader, node: dict(reader.value(node["items"])),
    "time": lambda reader, node: pd.Timestamp(node["value"]),
    "object": _Reader.part,
    "array": _Reader.array,
    "objects": _Reader.objects,
    "column": _Reader.column,
    "categories": _Reader.categories,
    "frame": _Reader.frame,
    "series": _Reader.series,
    "levels": _Reader.levels,
    "range": lambda reader, node: pd.RangeIndex(*node["limits"], name=reader.value(node["name"])),
    "index": lambda reader, node: pd.Index(
        reader.value(node["values"]), name=reader.value(node["name"])
    ),
    "dataset": lambda reader, node: reader.groups[node["group"]],
    "dataarray": lambda reader, node: reader.groups[node["group"]]["values"].rename(
        reader.value(node["name"])
    ),
    "tree": _Reader.tree,
}


def _saved_fields(cls: type) -> list[dataclasses.Field[Any]]:
    """Fields that the constructor takes, but for those marked ``metadata={"saved": False}``."""
    return [
        each for each in dataclasses.fields(cls) if each.init and each.metadata.get("saved", True)
    ]


def _is_part(cls: type) -> bool:
    """Whether objects of a class are described field by field, or by methods of their own."""
    if cls.__module__.split(".")[0] in ("numpy", "pandas", "xarray", "builtins", "typing"):
        return False
    return (
        dataclasses.is_dataclass(cls)
        or hasattr(cls, "from_saved")
        or _has_dict(cls)
        or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
    )


def _has_dict(cls: type) -> bool:
    """Whether a class converts itself to plain data and back."""
    static = inspect.getattr_static(cls, "from_dict", None)
    return isinstance(static, classmethod | staticmethod) and hasattr(cls, "to_dict")


def _annotated(cls: type) -> list[type]:
    """Every class named in the annotations of a class and of those it comes from."""
    found: list[type] = []
    for owner in cls.__mro__:
        namespace = vars(sys.modules.get(owner.__module__, types))
        for name, text in _annotations(owner).items():
            holder = types.SimpleNamespace(__annotations__={name: text})
            try:
                hint = typing.get_type_hints(holder, dict(namespace))[name]
            except (NameError, TypeError, AttributeError):  # imported for the type checker alone
                continue
            found += _classes_in(hint)
    return found


def _annotations(cls: type) -> dict[str, Any]:
    try:
        return dict(inspect.get_annotations(cls))
    except NameError:
        return {}


def _classes_in(hint: Any) -> Iterator[type]:
    """Every class in a type hint, such as Term and Design in tuple[Term | Design, ...]."""
    arguments = typing.get_args(hint)
    if not arguments and isinstance(hint, type):
        yield hint
    for each in arguments:
        yield from _classes_in(each)


def _plain_name(path: str) -> str:
    """Name that netCDF takes for a variable or a group, from the path of a field."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", path.strip(".")) or "value"


def _unused(name: str, taken: Any) -> str:
    """Make the name unique among those taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free

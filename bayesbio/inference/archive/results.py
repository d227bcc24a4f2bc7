"""
Saved results: any frozen dataclass as one file, and back.

A result class needs one line to save itself, and one entry in the table `bayesbio.KINDS`, which
says the class of each kind::

    def save(self, path):
        return save_result(path, self, kind="titer")

`bayesbio.load` looks the kind up there, takes the classes of nested objects from the annotations of
the fields, and calls the constructors. What is saved are the fields that the constructor takes
(but for those marked ``field(metadata={"saved": False})``): plain values, tuples, sets, mappings
(any keys), NumPy arrays, pandas frames, xarray Datasets and DataTrees, nested dataclasses, named
tuples, and classes with ``to_dict`` and ``from_dict`` (`Table`, `Campaign`, `Noise`). A DataTree in
the field ``posterior`` lies on top of the file, where ArviZ expects it. A class that has to do more
(a process model, kept as its name) gives two methods::

    def to_saved(self) -> dict: ...                  # instead of the fields; values as above
    @classmethod
    def from_saved(cls, saved, model=None): ...      # model: what was given to bayesbio.load

Annotations too wide to tell the class (``Any``, a protocol) are completed by a class attribute
``saved_parts: ClassVar = (Monod, Haldane)``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from bayesbio.errors import BayesbioError, CalibrationError
from bayesbio.inference.archive.files import content_hash, write_archive
from bayesbio.inference.archive.values import decode, encode, saved_parts


def save_result(path: str | os.PathLike[str], result: Any, kind: str) -> Path:
    """
    Save a frozen dataclass as one ``.nc`` file that `bayesbio.load` reads.

    Parameters
    ----------
    path : path
        File to write; an existing one is replaced.
    result : object
        What to save. Its verdict, hash, data hash and seed, where it has them, stand in the card of
        the file (see `archive_card`).
    kind : str
        Its key in `bayesbio.KINDS`.

    Returns
    -------
    Path

    Raises
    ------
    CalibrationError
        When a field cannot be stored, or the file not be written.

    Examples
    --------
    >>> import dataclasses, tempfile
    >>> import numpy as np
    >>> from bayesbio.inference import read_archive
    >>> @dataclasses.dataclass(frozen=True)
    ... class Fit:
    ...     rate: np.ndarray
    ...     runs: tuple[str, ...]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_result(Path(folder) / "fit.nc", Fit(np.array([0.1, 0.2]), ("R1",)), "fit")
    ...     tree, kind, content = read_archive(path)
    >>> result_from_archive(Fit, tree, content)
    Fit(rate=array([0.1, 0.2]), runs=('R1',))
    """
    description, groups = encode(result, saved_parts(type(result)))
    content = {**_card_of(result), "object": description}
    write_archive(path, xr.DataTree.from_dict(groups), kind=kind, content=content)
    return Path(path)


def result_from_archive[Result](
    cls: type[Result], tree: xr.DataTree, content: Mapping[str, Any], model: Any = None
) -> Result:
    """
    Rebuild what `save_result` wrote, from what `read_archive` gives.

    Parameters
    ----------
    cls : type
        Class of the result.
    tree : DataTree
    content : mapping
    model : process model, optional
        Handed to every `from_saved`.

    Raises
    ------
    CalibrationError
        When the file does not hold such a result, or one of another version.

    Examples
    --------
    See `save_result`.
    """
    if "object" not in content:
        raise CalibrationError(
            f"The file holds no {cls.__name__} that this version can rebuild: it was saved by an "
            "early version. Load it with that one, or fit again."
        )
    groups = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    try:
        result = decode(content["object"], groups, saved_parts(cls), model=model)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CalibrationError(
            f"The file holds a {cls.__name__} that this version cannot rebuild "
            f"({type(error).__name__}: {error}). Load it with the version that saved it."
        ) from error
    if not isinstance(result, cls):
        raise CalibrationError(f"The file holds a {type(result).__name__}, not a {cls.__name__}.")
    return result


def result_hash(result: Any) -> str:
    """
    Content hash of a result: every array and every plain value that `save_result` would write.

    Examples
    --------
    >>> import dataclasses
    >>> @dataclasses.dataclass(frozen=True)
    ... class Fit:
    ...     rate: float
    >>> result_hash(Fit(0.1)) == result_hash(Fit(0.1)), result_hash(Fit(0.1)) == result_hash(Fit(1))
    (True, False)
    """
    description, groups = encode(result, saved_parts(type(result)))
    return content_hash(groups, json.dumps(description, sort_keys=True))


def _card_of(result: Any) -> dict[str, Any]:
    """Give what a reader of the file wants to know before loading it."""
    card: dict[str, Any] = {
        name: getattr(result, name)
        for name in ("hash", "data_hash", "random_seed")
        if isinstance(getattr(result, name, None), str | int)
    }
    if hasattr(result, "check"):
        try:
            verdict = result.check()
            card["verdict"] = {"passed": bool(verdict.passed), "text": str(verdict)}
        except BayesbioError as error:  # the draws are saved all the same
            card["verdict"] = {"passed": False, "text": f"The checks could not be made: {error}"}
    return card

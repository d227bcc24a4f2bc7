"""One file per posterior: written whole, checked when read, nothing in it is executed."""

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.errors import CalibrationError
from bayesbio.inference.archive.environment import lock_hash_of, versions

FORMAT = 1
_META = "bayesbio"
# Arrays smaller than this are not worth compressing.
_SMALL = 512


def write_archive(
    path: str | os.PathLike[str], tree: xr.DataTree, *, kind: str, content: Mapping[str, Any]
) -> None:
    """
    Write a tree of arrays with its description to one netCDF-4 file.

    The file appears whole or not at all. Any netCDF tool can open it (ArviZ:
    ``xarray.open_datatree``); the attribute ``bayesbio`` holds kind, content, the versions at work
    with their hash, and the hash of everything, as JSON.

    Parameters
    ----------
    path : path
        File to write; an existing one is replaced.
    tree : DataTree
        Numbers, truth values and texts; attributes may be anything JSON knows.
    kind : str
        What the file holds, such as "calibration".
    content : mapping
        Whatever is needed to rebuild the object: JSON-able.

    Raises
    ------
    CalibrationError
        When the content, an attribute or an array cannot be stored, or the folder not be written.

    Examples
    --------
    >>> tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"rate": ("draw", [0.1, 0.2])})})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_archive(Path(folder) / "fit.nc", tree, kind="calibration", content={"model": "m"})
    ...     again, kind, content = read_archive(Path(folder) / "fit.nc")
    >>> kind, content, again["posterior/rate"].values.tolist()
    ('calibration', {'model': 'm'}, [0.1, 0.2])
    """
    path = Path(path)
    stored = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    attributes = {place: _attributes_of(dataset) for place, dataset in stored.items()}
    try:
        described = json.dumps(
            {
                "kind": kind,
                "content": content,
                "attributes": attributes,
                "versions": versions(),
                "lock_hash": lock_hash_of(versions()),
            },
            default=_plain,
        )
    except (TypeError, ValueError) as error:
        raise CalibrationError(
            f"{path.name} was not written: its description is not plain data ({error})."
        ) from error
    meta = {
        "format": FORMAT,
        "described": described,
        "hash": content_hash(stored, described),
    }
    bare = {place: _bare(dataset) for place, dataset in stored.items()}
    whole = xr.DataTree.from_dict(bare)
    whole.attrs[_META] = json.dumps(meta)
    encoding = {place: _encoding(dataset) for place, dataset in bare.items()}
    try:
        _write_whole(whole, encoding, path)
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # netCDF: full disk, quota
        refuge = Path(tempfile.gettempdir()) / f"rescued-{os.getpid()}-{path.name}"
        try:
            _write_whole(whole, encoding, refuge)
        except (OSError, ValueError, TypeError, RuntimeError):
            where = (
                "Nothing is lost while this process lives: make room, or save it to another path."
            )
        else:
            where = f"It was saved as {os.fspath(refuge)!r} instead: move it from there."
        raise CalibrationError(
            f"{os.fspath(path)!r} could not be written: {error}. {where}"
        ) from error


def _write_whole(tree: xr.DataTree, encoding: Mapping[str, Any], path: Path) -> None:
    """Write beside the target, with the permissions of any new file, then put it in place."""
    draft = path.parent / f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part"
    try:
        tree.to_netcdf(draft, engine="netcdf4", encoding=encoding)
        os.replace(draft, path)
    finally:
        with suppress(OSError):
            draft.unlink()


def read_archive(path: str | os.PathLike[str]) -> tuple[xr.DataTree, str, dict[str, Any]]:
    """
    Read what `write_archive` wrote, and check that nothing has changed.

    Parameters
    ----------
    path : path
        File to read.

    Returns
    -------
    tree : DataTree
        The arrays, equal to the last bit.
    kind : str
    content : dict

    Raises
    ------
    CalibrationError
        When the file is missing, truncated, not an archive, changed since, or of a newer format.

    Examples
    --------
    >>> tree, kind, content = read_archive("posterior.nc")  # doctest: +SKIP
    >>> kind  # doctest: +SKIP
    'calibration'
    """
    tree, description = _read(path)
    for place, attributes in description["attributes"].items():
        for variable, values in attributes.items():
            target = tree[place][variable] if variable else tree[place]
            target.attrs = values
    return xr.DataTree.from_dict(tree), description["kind"], description["content"]


def archive_card(path: str | os.PathLike[str]) -> dict[str, Any]:
    """
    Read what a saved file says of itself: what it holds, and with what it was made.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        kind; content; versions (of the packages that matter) and lock_hash (of these versions),
        both empty where an early version saved it.

    Raises
    ------
    CalibrationError
        As `read_archive`.

    Examples
    --------
    >>> card = archive_card("posterior.nc")  # doctest: +SKIP
    >>> card["content"]["verdict"]["passed"], card["lock_hash"][:8]  # doctest: +SKIP
    (True, '0d6a7bb1')
    """
    _, description = _read(path)
    return {"versions": {}, "lock_hash": ""} | {
        name: value for name, value in description.items() if name != "attributes"
    }


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, xr.Dataset], dict[str, Any]]:
    """Read the groups and the description of a file, and check that nothing has changed."""
    name = os.fspath(path)
    if not Path(path).is_file():
        raise CalibrationError(f"There is no file {name!r}. Check the path.")
    try:
        with xr.open_datatree(
            path,
            engine="netcdf4",
            mask_and_scale=False,
            decode_times=False,
            decode_timedelta=False,
        ) as opened:
            tree = opened.load()
    except Exception as error:
        # netCDF reports a broken file as any of half a dozen exceptions.
        raise CalibrationError(
            f"{name!r} is damaged, cut short, or no netCDF-4 file ({type(error).__name__}). Copy "
            "or save it again."
        ) from error
    if _META not in tree.attrs:
        raise CalibrationError(
            f"{name!r} is a netCDF file, but not one that bayesbio saved. Load it with "
            "xarray.open_datatree, or give the file written by .save(...)."
        )
    try:
        meta = json.loads(tree.attrs.pop(_META))
        version = int(meta["format"])
        if version > FORMAT:
            raise CalibrationError(
                f"{name!r} has format {version}; this version reads up to {FORMAT}. It was saved "
                "by a newer bayesbio: update, then load it again."
            )
        described, expected = meta["described"], meta["hash"]
    except (KeyError, TypeError, ValueError) as error:
        raise CalibrationError(
            f"{name!r}: the description inside the file is damaged. Copy or save it again."
        ) from error
    stored = {node.path: _restored(node.to_dataset(inherit=False)) for node in tree.subtree}
    if content_hash(stored, described) != expected:
        raise CalibrationError(
            f"{name!r} was changed after it was saved: content and hash do not match. Use the "
            "original file, or save it again."
        )
    return stored, json.loads(described)


def content_hash(stored: Mapping[str, xr.Dataset], described: str) -> str:
    """SHA-256 of every array (group, name, type, shape, bytes) and of the description."""
    digest = hashlib.sha256(described.encode())
    for place in sorted(stored):
        dataset = stored[place]
        for name in sorted(map(str, dataset.variables)):
            variable = dataset.variables[name]
            for part in _fingerprint(variable):
                digest.update(f"{place}|{name}|{len(part)}|".encode())
                digest.update(part)
    return digest.hexdigest()


def _fingerprint(variable: xr.Variable) -> Iterator[bytes]:
    """Describe one array in bytes that do not depend on how it is held in memory."""
    values = variable.to_numpy()
    yield json.dumps([list(variable.dims), list(values.shape)]).encode()
    if _is_text(values):
        yield json.dumps(values.astype(object).ravel().tolist(), default=str).encode()
    else:
        plain = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
        yield plain.dtype.str.encode()
        yield plain.tobytes()


def _attributes_of(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Attributes of a group ("") and of each of its variables."""
    own = {"": dict(dataset.attrs)} if dataset.attrs else {}
    return own | {
        str(name): dict(variable.attrs)
        for name, variable in dataset.variables.items()
        if variable.attrs
    }


def _bare(dataset: xr.Dataset) -> xr.Dataset:
    """Copy that netCDF stores as it is: plain texts, attributes that netCDF knows."""
    bare = dataset.copy()
    bare.attrs = _storable(dataset.attrs)
    for name, variable in dataset.variables.items():
        values = variable.to_numpy()
        if _is_text(values):
            bare = bare.assign({name: (variable.dims, values.astype(object))})
        bare[name].attrs = _storable(variable.attrs)
        bare[name].encoding = {}
    return bare


def _storable(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes that netCDF can hold, for other tools; ours come from the description."""
    return {
        str(name): value
        for name, value in attributes.items()
        if isinstance(value, (str, int, float)) and not isinstance(value, bool)
    }


def _encoding(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Fast compression for what is large; no fill values, so that every bit comes back."""
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        if variable.dtype == object:
            continue
        encoding[str(name)] = {"_FillValue": None}
        if variable.size > _SMALL and variable.ndim:
            encoding[str(name)] |= {"zlib": True, "complevel": 1, "shuffle": True}
    return encoding


def _restored(dataset: xr.Dataset) -> xr.Dataset:
    """Forget how the arrays lay in the file."""
    fresh = dataset.copy()
    fresh.attrs = {}
    for variable in fresh.variables.values():
        variable.attrs, variable.encoding = {}, {}
    return fresh


def _is_text(values: np.ndarray) -> bool:
    """Whether an array holds texts, in whichever of numpy's and pandas' forms."""
    return values.dtype.kind in "UTO"


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy as JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r:.60}")

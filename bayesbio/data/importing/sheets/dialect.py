"""A dialect: the words with which a laboratory or an instrument writes its sheets, as data."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bayesbio.data.vocabulary.quantities import key
from bayesbio.errors import DataError, did_you_mean

SHIPPED = Path(__file__).parents[1] / "dialects"
PARTS: dict[str, Any] = {
    "name": str,
    "headers": dict,
    "time_units": dict,
    "units": dict,
    "joined_units": dict,
    "cells": dict,
    "flags": dict,
    "event_kinds": dict,
    "interpolations": dict,
    "sheets": dict,
    "columns": dict,
    "recognise": dict,
    "archive": (dict, list),
    "renames": dict,
    "letters": dict,
    "doses": dict,
    "table": dict,
    "long": dict,
}
ORDERING = (  # roles of the columns that order a table, as they stand in [headers]
    "run", "time", "moment", "inoculation", "replicate", "flag", "excluded", "sd", "value_upper",
    "quantity", "value", "unit",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Dialect:
    """
    The words of one kind of sheet.

    A dialect is a TOML file with the parts of ``dialects/generic.toml``, each optional: what it
    lists is added to the words that every import knows. ``[columns]`` maps headers as the argument
    ``columns`` of `bayesbio.data.read_campaign` does.

    Parameters
    ----------
    name : str
    headers : mapping of role to keys of column names
        The likeliest first.
    time_units : mapping of key to unit
        Names of time columns that state their unit.
    unit_words : set of str
        What may stand as a unit behind a name without brackets.
    joined_units : mapping of text to unit
        ``gL`` is g/L.
    cells : mapping of text in lower case to kind
        Texts in place of a number: missing, undetected, over_range or out_of_range.
    flags, event_kinds, interpolations : mapping of text in lower case to word of the house
    sheets : mapping of str to pattern
        Titles that name no run (``plain``), sheets of feeds, marks of excluded rows, rows that are
        no samples (``footer``).
    columns : mapping of header to quantity
        Such as ``{"Glc-04": "glucose [mM]"}``; a name that begins with ^ is a pattern.
    archive : mapping of number to mapping
        Of a file without a header: ``header``, the place of each column, counted from 1, and its
        name; ``rows``, a pattern by place that rows of results match. There may be several
        (``[[archive]]``): the one that most rows match holds.
    renames : mapping of pattern to str
        What is rewritten in the names of a header, in this order.
    letters : mapping of short name to mapping
        What it ``means`` ``beside`` some quantities and ``without`` others, where its largest
        number lies ``from`` one number ``to`` another.
    doses : mapping of role to keys of column names
        Of a pharmacometric table: which column is the subject, the dose, the reading, ...
    table : mapping
        How the table stands in the sheet: ``header_rows``, ``repeated`` (patterns of headers that
        come again for the next quantity, and what they are called below each other),
        ``sample_times`` (the day in the name of a sample goes before dates), ``report`` (the keys
        of reports of one sample a file).
    long : mapping
        Of a file with one row a reading whose code names the quantity: which columns are the
        ``run``, ``time`` and ``quantity``, what ``codes`` mean, and which column holds the
        ``values`` of a quantity (``bioreactors/biolector.toml``).

    Examples
    --------
    >>> words = dialect_named(None)
    >>> words.cells["n.d."], words.flags["<"], words.is_ordering("Batch ID")
    ('undetected', 'below', True)
    """

    name: str
    headers: Mapping[str, tuple[str, ...]]
    time_units: Mapping[str, str]
    unit_words: frozenset[str]
    joined_units: Mapping[str, str]
    cells: Mapping[str, str]
    flags: Mapping[str, str]
    event_kinds: Mapping[str, str]
    interpolations: Mapping[str, str]
    sheets: Mapping[str, re.Pattern[str]]
    columns: Mapping[str, Any]
    archive: Mapping[str, Mapping[str, Mapping[str, str]]]
    renames: Mapping[str, str]
    letters: Mapping[str, Mapping[str, Any]]
    doses: Mapping[str, list[str]]
    table: Mapping[str, Any]
    long: Mapping[str, Any]

    @functools.cached_property
    def ordering(self) -> frozenset[str]:
        """Keys of every column name that orders a table."""
        named = {word for role in ORDERING for word in self.headers[role]}
        return frozenset(named | set(self.time_units))

    @functools.cached_property
    def _like(self) -> dict[re.Pattern[str], Any]:
        return {re.compile(name): to for name, to in self.columns.items() if name[:1] == "^"}

    def target_like(self, header: str) -> Any:
        """Give what a header is by a pattern of [columns], one that begins with ^; else None."""
        return next((to for rule, to in self._like.items() if rule.fullmatch(header)), None)

    def is_ordering(self, text: str) -> bool:
        """Whether a name is one that orders a table: run, time, replicate, value, ..."""
        return key(text) in self.ordering

    def is_a(self, role: str, text: str) -> bool:
        """Whether a name is listed for a role of [headers]."""
        return key(text) in self.headers[role]

    def is_time(self, text: str) -> bool:
        """Whether a name is that of elapsed time."""
        return self.is_a("time", text) or key(text) in self.time_units


def dialect_named(given: str | os.PathLike[str] | None) -> Dialect:
    """
    Load a dialect: a shipped one by its name, one of your own by the path of its TOML file.

    Raises
    ------
    DataError
        If there is no such dialect, or its file cannot be read.
    """
    if given is None:
        return _dialect(())
    text = os.fspath(given)
    shipped = {each.stem: each for each in SHIPPED.rglob("*.toml")}
    path = Path(text) if text.endswith(".toml") else shipped.get(text, Path(text))
    if not path.is_file():
        names = sorted(shipped)
        raise DataError(
            f"There is no dialect {text!r}; shipped are {', '.join(names)}. Give one of them, or "
            f"the path of a .toml file.{did_you_mean(text, names)}"
        )
    return (
        _dialect((str(path), path.stat().st_mtime_ns)) if path.stem != "generic" else _dialect(())
    )


def recognised(texts: Iterable[str]) -> str | None:
    """
    Name the shipped dialect of a file by texts that stand in it; None where there is none.

    A dialect is recognised where each of the patterns of its ``[recognise]`` is found in some text.

    Examples
    --------
    >>> recognised(["0", "#ARC-FILE#", "CEDEX BIO HT"])
    'cedex_bio_ht'
    """
    seen = list(texts)
    for name, patterns in _marks().items():
        if all(any(pattern.search(text) for text in seen) for pattern in patterns):
            return name
    return None


@functools.cache
def _marks() -> dict[str, list[re.Pattern[str]]]:
    """Patterns by which shipped dialects are recognised."""
    found = {}
    for path in sorted(SHIPPED.rglob("*.toml")):
        patterns = _content(path)["recognise"].get("patterns", [])
        if patterns:
            found[path.stem] = [re.compile(pattern) for pattern in patterns]
    return found


@functools.lru_cache(maxsize=32)
def _dialect(file: tuple[Any, ...]) -> Dialect:
    content = _content(SHIPPED / "generic.toml")
    if file:
        content = _merged(content, _content(Path(file[0])))
    headers = {
        role: tuple(
            dict.fromkeys(name.lower() if role == "filler" else key(name) for name in names)
        )
        for role, names in content["headers"].items()
    }
    return Dialect(
        content["name"],
        headers,
        {key(name): unit for name, unit in _turned(content["time_units"]).items()},
        frozenset(content["units"]["behind_a_name"]),
        _turned(content["joined_units"]),
        {text.lower(): kind for text, kind in _turned(content["cells"]).items()},
        {
            text.lower(): "" if flag == "none" else flag
            for text, flag in {**_turned(content["flags"]), "": "none"}.items()
        },
        _turned(content["event_kinds"]),
        _turned(content["interpolations"]),
        {name: re.compile(pattern, re.IGNORECASE) for name, pattern in content["sheets"].items()},
        content["columns"],
        content["archive"],
        content["renames"],
        content["letters"],
        content["doses"],
        content["table"],
        content["long"],
    )


def _content(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"The dialect {path} is no TOML file ({error}); correct it.") from error
    for part, value in content.items():
        if part not in PARTS or not isinstance(value, PARTS[part]):
            raise DataError(
                f"The dialect {path.name} has the part {part!r}; expected "
                f"{', '.join(PARTS)}, as in generic.toml.{did_you_mean(part, PARTS)}"
            )
    archives = content.get("archive", {})
    if isinstance(archives, list):
        content["archive"] = {str(number): each for number, each in enumerate(archives)}
    return {"name": path.stem, **{part: {} for part in list(PARTS)[1:]}, **content}


def _merged(general: dict[str, Any], special: dict[str, Any]) -> dict[str, Any]:
    """Add the words of a dialect to the general ones: its own go first."""
    merged: dict[str, Any] = {"name": special["name"]}
    for part in list(PARTS)[1:]:
        merged[part] = dict(general[part])
        for name, value in special[part].items():
            if part == "headers" and name not in general[part]:
                raise DataError(
                    f"The dialect {special['name']!r} lists headers of the role {name!r}; expected "
                    f"{', '.join(general[part])}.{did_you_mean(name, general[part])}"
                )
            known = general[part].get(name)
            merged[part][name] = [*value, *(known or [])] if isinstance(value, list) else value
    return merged


def _turned(lists: Mapping[str, list[str]]) -> dict[str, str]:
    """Give what each listed text stands for; the first listing holds."""
    turned: dict[str, str] = {}
    for meaning, texts in lists.items():
        for text in texts:
            turned.setdefault(text, meaning)
    return turned

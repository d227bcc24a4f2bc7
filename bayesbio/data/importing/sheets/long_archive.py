"""Files with one row a reading, where a code names the quantity and says which column holds it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

from bayesbio.data.findings import warning
from bayesbio.data.importing.sheets.cells import Cell, is_blank, plain_text
from bayesbio.data.importing.sheets.dialect import Dialect
from bayesbio.data.importing.sheets.files import Sheet
from bayesbio.data.importing.sheets.plates import unit_of

HEAD = 5000  # rows in which the header is looked for


def names_of_codes(sheet: Sheet, rules: dict[str, Any]) -> dict[str, dict[str, str]]:
    """
    Find what codes mean: in lines such as '[02_name] pH', or in a table of codes and names.

    Returns
    -------
    mapping of pattern of a column to mapping of code to name
        Codes without leading zeros.
    """
    found: dict[str, dict[str, str]] = {}
    for column, pattern in rules.get("codes", {}).items():
        rule = re.compile(pattern)
        for row in sheet.rows[:HEAD]:
            match = rule.fullmatch(" ".join(filter(None, map(plain_text, row))))
            if match:
                found.setdefault(column, {})[match[1].lstrip("0")] = match[2]
    legend = rules.get("legend", ())
    for top, row in enumerate(sheet.rows[:HEAD] if legend else ()):
        texts = [plain_text(cell) for cell in row]
        if not set(legend[:2]) <= set(texts):
            continue
        places = [texts.index(name) for name in legend if name in texts]
        for below in sheet.rows[top + 1 :]:
            cells = [plain_text(below[place]) for place in places]
            if not cells[0].isdigit():
                break
            name = f"{cells[1]} gain {cells[2]}" if len(cells) > 2 and cells[2] else cells[1]
            found.setdefault(rules["quantity"], {})[cells[0].lstrip("0")] = name
        break
    for codes in found.values():
        _renamed(codes, rules)
    return found


def _renamed(codes: dict[str, str], rules: dict[str, Any]) -> None:
    """Give codes the names of the dialect; a second one of a name keeps its gain."""
    plain = {code: plain_name(name, rules) for code, name in codes.items()}
    for code, name in codes.items():
        gain = re.search(r" gain (\S+)$", name)
        again = list(plain.values()).count(plain[code]) > 1
        codes[code] = f"{plain[code]}_gain_{gain[1]}" if again and gain else plain[code]


def plain_name(name: str, rules: dict[str, Any]) -> str:
    r"""
    Give a channel the name of the dialect.

    Examples
    --------
    >>> plain_name("GFP gain 75", {"names": {"(GFP).*": "fluorescence"}})
    'fluorescence'
    """
    for old, new in rules.get("names", {}).items():
        if match := re.fullmatch(old, name):
            return match.expand(new)
    return name


def channel_names(sheet: Sheet, dialect: Dialect) -> Callable[[str], str]:
    """Give what turns the code or the header of a channel into its name."""
    rules = dict(dialect.long)
    codes = names_of_codes(sheet, rules).get(rules.get("quantity", ""), {})

    def name(text: str) -> str:
        known = codes.get(text.lstrip("0"))
        if known is None:
            return plain_name(text, rules)
        return f"{known} phase" if known in rules.get("raw", ()) else known

    return name


def long_archive(sheet: Sheet, dialect: Dialect) -> Sheet | None:
    """
    Give such a file as a long table; None where the dialect says nothing of it or it is another.

    Parameters
    ----------
    sheet : Sheet
    dialect : Dialect
        Its ``[long]`` says which columns are the run, the time and the quantity, which rows are
        readings, and which column holds the value of a quantity.
    """
    rules = dict(dialect.long)
    for top, row in enumerate(sheet.rows[:HEAD] if rules else ()):
        texts = [re.sub(r"\s*[\[(].*", "", plain_text(cell)) for cell in row]
        if all(_place(texts, pattern) is not None for pattern in rules["header"]):
            return _table(sheet, top, texts, rules)
    return None


def _place(texts: Sequence[str], pattern: str) -> int | None:
    """Find the first column whose name matches."""
    rule = re.compile(pattern, re.IGNORECASE)
    return next((place for place, text in enumerate(texts) if rule.fullmatch(text)), None)


def _table(sheet: Sheet, top: int, texts: Sequence[str], rules: dict[str, Any]) -> Sheet:
    codes = names_of_codes(sheet, rules)
    run, time, kind = (_place(texts, rules[role]) for role in ("run", "time", "quantity"))
    content = _place(texts, rules.get("content", "-"))
    kept = {
        place: re.compile(pattern)
        for name, pattern in rules.get("rows", {}).items()
        if (place := _place(texts, name)) is not None
    }
    values = {re.compile(p): _place(texts, name) for p, name in rules["values"].items()}
    assert run is not None and time is not None and kind is not None
    rows: list[tuple[Cell, ...]] = []
    numbers, lost = [], dict[str, None]()
    for number, row in zip(sheet.numbers[top + 1 :], sheet.rows[top + 1 :], strict=True):
        if is_blank(row[run]) or not all(
            rule.fullmatch(plain_text(row[place])) for place, rule in kept.items()
        ):
            continue
        well, code = plain_text(row[run]), plain_text(row[kind])
        name = codes.get(rules["quantity"], {}).get(code.lstrip("0"), code)
        place = next((found for rule, found in values.items() if rule.fullmatch(name)), None)
        if place is None or is_blank(row[place]):
            lost[name] = None
            continue
        well = codes.get(rules["run"], {}).get(well.lstrip("0"), well)
        group = (row[content],) if content is not None else ()
        rows.append((well, row[time], name, row[place], unit_of(name), *group))
        numbers.append(number)
    stated = re.search(r"[\[(](.+)[\])]", plain_text(sheet.rows[top][time]))
    unit = stated[1] if stated else rules.get("time_unit", "h")
    header: tuple[str, ...] = ("run", f"time ({unit})", "quantity", "value", "unit")
    header = (*header, "content") if content is not None else header
    findings = [
        warning(
            f"{sheet.name} holds {name} without its calibration; it was not used.",
            "Export it with calibrated values.",
        )
        for name in lost
    ]
    return dataclasses.replace(
        sheet,
        rows=(header, *rows),
        numbers=(0, *numbers),
        headed=True,
        findings=(*sheet.findings, *findings),
        places=(),
    )

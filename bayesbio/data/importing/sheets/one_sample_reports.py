"""Reports of one sample a file, a key and its value in each line, as one table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bayesbio.data.importing.sheets.cells import Cell, is_blank, plain_text
from bayesbio.data.importing.sheets.dialect import Dialect
from bayesbio.data.importing.sheets.files import Sheet

FEWEST = 3  # keys that make a report


def one_table(sheets: Sequence[Sheet], dialect: Dialect) -> list[Sheet]:
    """
    Put reports of one sample each below each other; other sheets stay as they are.

    Parameters
    ----------
    sheets : sequence of Sheet
    dialect : Dialect
        Its ``[table]`` lists the keys of a ``report``.

    Examples
    --------
    >>> from bayesbio.data.importing.sheets.dialect import dialect_named
    >>> rows = (("Image", "R1-D0"), ("Viability (%)", "97"), ("Live (cells/ml)", "1E6"))
    >>> one_table([Sheet("a", rows, (1, 2, 3))], dialect_named("cell_counters"))[0].rows[1]
    ('R1-D0', '97', '1E6')
    """
    keys = dialect.table.get("report", ())
    found: dict[str, dict[str, Cell]] = {}
    for sheet in sheets if keys else ():
        pairs = dict(filter(None, map(_pair, sheet.rows)))
        named = {key: pairs[key] for key in keys if key in pairs}
        if len(named) >= FEWEST:
            found[sheet.name] = named
    if not found:
        return list(sheets)
    header = tuple(key for key in keys if any(key in named for named in found.values()))
    rows = [tuple(named.get(key) for key in header) for named in found.values()]
    numbers = tuple(range(len(rows) + 1))
    others = [sheet for sheet in sheets if sheet.name not in found]
    name = next(iter(found)) if len(found) == 1 else "reports"
    return [Sheet(name, (header, *rows), numbers, headed=True), *others]


def _pair(row: Sequence[Cell]) -> tuple[str, Cell] | None:
    """Split a line into its key and its value, by a cell or a colon."""
    filled = [cell for cell in row if not is_blank(cell)]
    if not filled or not isinstance(filled[0], str):
        return None
    if match := re.fullmatch(r"([^:]{2,60}?)\s*:\s+(\S.*)", filled[0].strip()):
        return match[1].strip(), match[2].strip()
    return (plain_text(filled[0]), filled[1]) if len(filled) > 1 else None

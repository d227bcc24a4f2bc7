"""From a file to a block of cells: delimiters, encodings, preambles, header and unit rows."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import difflib
import io
import re
import statistics
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bayesbio.data.importing.sheets import cells as reading_cells
from bayesbio.data.importing.sheets.cells import FORMAT_WORDS, Cell, is_blank, read_cell, to_number
from bayesbio.data.importing.sheets.headers import RUN_WORDS
from bayesbio.data.vocabulary import lookup as vocabulary
from bayesbio.data.vocabulary import units
from bayesbio.errors import DataError

DELIMITERS = (";", "\t", ",", "|")
EXCEL = (".xlsx", ".xlsm", ".xltx")
TEXT = (".csv", ".tsv", ".txt", ".dat", ".asc")
MEASURED = re.compile(r"[<>≤≥]?\s*(?!10?\s*[eE^]\s*\d|10\s*\(|10\s*\*\*)\d[\d.,]*\s*(%|[A-Za-z°])")
HEADER_WITHIN = 200  # rows searched for the header


@dataclasses.dataclass(frozen=True)
class Sheet:
    """One rectangle of cells: a text file or a sheet of a workbook."""

    name: str
    rows: tuple[tuple[Cell, ...], ...]
    delimiter: str = ""
    headed: bool = False  # the first row is certainly the header


@dataclasses.dataclass(frozen=True)
class Block:
    """A sheet taken apart: preamble, names, units and rows of data."""

    name: str
    header: tuple[str, ...]
    units: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: tuple[int, ...]  # row numbers in the file, counted from 1
    preamble: dict[str, Cell]
    decimal: str

    def column(self, place: int) -> list[Cell]:
        """Give the cells of one column."""
        return [row[place] for row in self.rows]


def read_sheets(path: Path) -> list[Sheet]:
    """
    Read a CSV file, or every sheet of an Excel workbook, as cells.

    Raises
    ------
    DataError
        If the file is missing, empty or of another kind.
    """
    if not path.exists():
        raise DataError(_missing_file(path))
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty; expected a header row and one row a sample.")
    if path.suffix.lower() in EXCEL:
        return _workbook(path)
    if path.suffix.lower() in (".xls", ".ods", ".xlsb"):
        raise DataError(
            f"{path.name} is a {path.suffix} file, which is not read here; save it as "
            ".xlsx or .csv."
        )
    return [_text_sheet(path)]


def _missing_file(path: Path) -> str:
    folder = path.parent if path.parent.exists() else None
    names = sorted(p.name for p in folder.iterdir()) if folder else []
    close = difflib.get_close_matches(path.name, names, n=1)
    hint = f" Did you mean {close[0]}?" if close else " Check the folder and the spelling."
    return f"There is no file or folder {path}.{hint}"


def _workbook(path: Path) -> list[Sheet]:
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
            book = openpyxl.load_workbook(path, data_only=True)
    except Exception as error:  # zip, XML and openpyxl errors alike mean an unreadable file
        raise DataError(
            f"{path.name} cannot be opened as an Excel workbook ({error}); open it in "
            "Excel and save "
            "it again as .xlsx, or export it as CSV."
        ) from error
    sheets = []
    for page in book.worksheets:
        rows = [tuple(_shown(cell) for cell in row) for row in page.iter_rows()]
        if page.sheet_state == "visible" and any(not is_blank(c) for row in rows for c in row):
            sheets.append(Sheet(page.title, _rectangle(rows)))
    if not sheets:
        raise DataError(f"{path.name} is empty; expected a header row and one row a sample.")
    return sheets


def _shown(cell: Any) -> Cell:
    """Give the value of a cell; one formatted as percent says so, as 0.985 is shown as 98.5 %."""
    value = cell.value
    if isinstance(value, (int, float)) and "%" in str(cell.number_format):
        return f"{value * 100.0:.12g} %"
    return value


def _text_sheet(path: Path) -> Sheet:
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = raw.decode("utf-16")
    elif b"\x00" in raw[:1000]:
        raise DataError(f"{path.name} is not a text file; expected CSV or an Excel .xlsx workbook.")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError(f"{path.name} is empty; expected a header row and one row a sample.")
    declared = re.match(r"sep=(.)\n", text, re.IGNORECASE)
    if declared:
        delimiter = declared.group(1)
        text = "\n" + text[declared.end() :]
    else:
        delimiter = _delimiter(text)
    rows = [tuple(row) for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    return Sheet(path.stem, _rectangle(rows), delimiter)


def _delimiter(text: str) -> str:
    """Find the sign that splits most lines into the same number of fields."""
    best, best_score = ",", 0.0
    lines = [line for line in text.split("\n") if line.strip()][:400]
    for place, sign in enumerate(DELIMITERS):
        counts = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
        wide = [count for count in counts if count > 1]
        if not wide:
            continue
        usual = statistics.mode(wide)
        share = sum(count == usual for count in counts) / len(counts)
        score = share * (1.0 + 0.02 * min(usual, 20)) - 0.01 * place
        if score > best_score + (0.25 if sign == "," else 0.0):
            best, best_score = sign, score
    return best


def _rectangle(rows: Sequence[tuple[Cell, ...]]) -> tuple[tuple[Cell, ...], ...]:
    width = max((len(row) for row in rows), default=0)
    return tuple(row + (None,) * (width - len(row)) for row in rows)


def sheet_of_frame(frame: pd.DataFrame, name: str = "table") -> Sheet:
    """Give a DataFrame as a sheet; a named index becomes columns."""
    if any(label is not None for label in frame.index.names):
        frame = frame.reset_index()
    rows: list[tuple[Cell, ...]] = [tuple(str(column) for column in frame.columns)]
    columns = []
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        columns.append([_plain(value) for value in column.tolist()])
    rows += list(zip(*columns, strict=True)) if columns else []
    return Sheet(name, tuple(rows), headed=True)


def _plain(value: Cell) -> Cell:
    if isinstance(value, str):
        return value
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, pd.Timedelta):
        return value.to_pytimedelta()
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return None
    return value


def take_apart(sheet: Sheet, understood: Callable[[str], bool]) -> Block | None:
    """
    Find header, unit row, data and preamble of a sheet; None if it holds no table.

    Parameters
    ----------
    sheet : Sheet
    understood : callable
        Tells whether a text is the name of a column that is known.
    """
    rows = list(sheet.rows)
    if sheet.headed:
        top: int | None = 0
    else:
        rows = [_uncomment(row) for row in rows]
        top = _header_row(rows, understood)
    if top is None:
        return None
    header = tuple(_label(cell) for cell in rows[top])
    width = max((place + 1 for place, name in enumerate(header) if name), default=0)
    body_width = max(
        (p + 1 for row in rows[top + 1 :] for p, c in enumerate(row) if not is_blank(c)), default=0
    )
    width = max(width, body_width)
    header = header[:width]
    first = top + 1
    while first < len(rows) and all(is_blank(cell) for cell in rows[first]):
        first += 1
    unit_texts = ("",) * width
    if first < len(rows) and _is_unit_row(rows[first][:width], header):
        unit_texts = tuple(_label(cell) for cell in rows[first][:width])
        first += 1
    kept, numbers = [], []
    for number, row in enumerate(rows[first:], first + 1):
        cells = row[:width]
        if all(is_blank(cell) for cell in cells):
            continue
        if tuple(_label(cell) for cell in cells) == header:
            continue  # the header again, as on a new printed page
        kept.append(cells)
        numbers.append(number)
    decimal = reading_cells.decimal_sign((cell for row in kept for cell in row), sheet.delimiter)
    preamble = _preamble(rows[:top])
    return Block(sheet.name, header, unit_texts, tuple(kept), tuple(numbers), preamble, decimal)


def _uncomment(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Drop the sign of a comment line, keeping what it says."""
    if row and isinstance(row[0], str) and re.match(r"\s*(#+|//|%%)\s*\S", row[0]):
        return (re.sub(r"^\s*(#+|//|%%)\s*", "", row[0]), *row[1:])
    return row


def _label(cell: Cell) -> str:
    if is_blank(cell):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return re.sub(r"\s+", " ", str(cell)).strip()


def _header_row(rows: list[tuple[Cell, ...]], understood: Callable[[str], bool]) -> int | None:
    """Find the row whose texts are understood best; else the first full row of texts."""
    best, best_score = None, 0.0
    usual = _usual_width(rows)
    fallback = None
    for place, row in enumerate(rows[:HEADER_WITHIN]):
        filled = [cell for cell in row if not is_blank(cell)]
        texts = [c for c in filled if isinstance(c, str) and read_cell(c).kind == "text"]
        moments = sum(reading_cells.to_moment(cell) is not None for cell in filled)
        if not texts or len(texts) - moments < 0.6 * len(filled):
            continue
        if fallback is None and len(filled) >= max(2, usual - 1) and place + 1 < len(rows):
            fallback = place
        known = sum(understood(_label(text)) for text in texts)
        if known < min(2, usual):
            continue
        score = known + 0.001 * len(texts)
        if score > best_score:
            best, best_score = place, score
    return best if best is not None else fallback


def _usual_width(rows: list[tuple[Cell, ...]]) -> int:
    widths = [sum(not is_blank(cell) for cell in row) for row in rows]
    widths = [width for width in widths if width > 0]
    return statistics.mode(sorted(widths, reverse=True)) if widths else 0


def _is_unit_row(cells: Sequence[Cell], header: Sequence[str]) -> bool:
    """Tell whether a row holds units: at least one, and nothing but units, dashes and formats."""
    for cell, name in zip(cells, header, strict=False):
        if vocabulary.key(name) in RUN_WORDS and re.match(r"\s*\w", str(cell or "")):
            return False  # run 'A' of clone 'K' is not in ampere and kelvin
    texts = [_label(cell) for cell in cells if not is_blank(cell)]
    if not texts or any(isinstance(c, (int, float, dt.datetime)) for c in cells if not is_blank(c)):
        return False
    sure = 0
    for text in texts:
        inside = text.strip("[](){} ")
        if to_number(inside) is not None or MEASURED.match(inside):
            return False
        if FORMAT_WORDS.fullmatch(inside) or not inside:
            continue
        if not units.is_unit(inside):
            sure -= 1
            continue
        sure += 1
    return sure >= 1 and sure >= 0.5 * len(texts)


def _preamble(rows: list[tuple[Cell, ...]]) -> dict[str, Cell]:
    """Read pairs of key and value above the header: side by side, or split by a colon."""
    found: dict[str, Cell] = {}
    for row in rows:
        filled = [cell for cell in row if not is_blank(cell)]
        if not filled or not isinstance(filled[0], str):
            continue
        text = filled[0].strip()
        if len(filled) >= 2:
            for name, value in zip(filled[::2], filled[1::2], strict=False):
                if isinstance(name, str):
                    found.setdefault(name.strip().rstrip(":= "), value)
        elif match := re.match(r"([^:=]{2,40})\s*[:=]\s+?(.+)|([^:=]{2,40})[:=](\S.*)", text):
            name = match.group(1) or match.group(3)
            found.setdefault(name.strip(), (match.group(2) or match.group(4)).strip())
    return found

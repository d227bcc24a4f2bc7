"""From a file to sheets of cells: delimiters, encodings, workbooks, and what they cost to read."""

from __future__ import annotations

import csv
import dataclasses
import re
import statistics
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from bayesbio.data.findings import Finding, warning
from bayesbio.data.importing.sheets.cells import Cell, is_blank
from bayesbio.errors import DataError, nearest_name

DELIMITERS = (";", "\t", ",", "|")
EXCEL = (".xlsx", ".xlsm", ".xltx")
TEXT = (".csv", ".tsv", ".txt", ".dat", ".asc")
NOT_READ = (".xls", ".ods", ".xlsb")
SNIFFED = 400  # lines from which the delimiter is found
UNPACKED = 1_000_000_000  # bytes of a workbook without its compression
SPARSE = 20  # cells of the rectangle for each that is there
END = "\x00end of file\x00"  # a line behind the last one: it is read as a record of its own
FREE = 100_000  # cells of a rectangle that is never refused


@dataclasses.dataclass(frozen=True)
class Sheet:
    """One rectangle of cells without blank rows: a text file or a sheet of a workbook."""

    name: str
    rows: tuple[tuple[Cell, ...], ...]
    numbers: tuple[int, ...]  # row numbers in the file, counted from 1
    delimiter: str = ""
    headed: bool = False  # the first row is certainly the header
    findings: tuple[Finding, ...] = ()
    places: tuple[int, ...] = ()  # of the columns in the file, counted from 0


def read_sheets(path: Path) -> list[Sheet]:
    """
    Read a CSV file, or every visible sheet of an Excel workbook, as cells.

    Raises
    ------
    DataError
        If the file is missing, empty or of another kind.
    """
    if not path.exists():
        names = [each.name for each in path.parent.iterdir()] if path.parent.exists() else []
        near = nearest_name(path.name, sorted(names))
        hint = f"Did you mean {near}?" if near else "Check the folder and the spelling."
        raise DataError(f"There is no file or folder {path}. {hint}")
    if path.suffix.lower() in NOT_READ:
        raise DataError(
            f"{path.name} is a {path.suffix} file, which is not read here; save it as "
            ".xlsx or .csv."
        )
    sheets = []
    if path.stat().st_size:
        excel = path.suffix.lower() in EXCEL
        sheets = _workbook(path) if excel else [_text_sheet(path)]
    if not any(sheet.rows for sheet in sheets):
        raise DataError(f"{path.name} is empty; expected a header row and one row a sample.")
    return sheets


def sheet_of_frame(frame: pd.DataFrame, name: str = "table") -> Sheet:
    """Give a DataFrame as a sheet; a named index becomes columns."""
    if any(label is not None for label in frame.index.names):
        frame = frame.reset_index()
    columns = [[_plain(v) for v in frame.iloc[:, i].tolist()] for i in range(frame.shape[1])]
    header = tuple(str(column) for column in frame.columns)
    rows = (header, *zip(*columns, strict=True))
    return Sheet(name, rows, tuple(range(1, len(rows) + 1)), headed=True)


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


def _sheet(
    name: str, cells: Iterable[tuple[int, dict[int, Cell]]], delimiter: str = "", *findings: Finding
) -> Sheet:
    """
    Make a rectangle of the cells that are there: columns and rows without any are left out.

    Raises
    ------
    DataError
        If a few rows are so much longer than the others that the rectangle would be nearly empty.
    """
    filled = [(number, row) for number, row in cells if row]
    columns = sorted({column for _, row in filled for column in row})
    count = sum(len(row) for _, row in filled)
    if len(columns) * len(filled) > max(SPARSE * count, FREE):
        number, longest = max(filled, key=lambda each: len(each[1]))
        usual = statistics.median(len(row) for _, row in filled)
        raise DataError(
            f"Row {number} of {name} has {len(longest)} cells, where rows have {usual:g}; expected "
            "rows of about the same length. Delete what does not belong to the table."
        )
    rows = tuple(tuple(map(row.get, columns)) for _, row in filled)
    numbers = tuple(number for number, _ in filled)
    return Sheet(name, rows, numbers, delimiter, findings=findings, places=tuple(columns))


def _workbook(path: Path) -> list[Sheet]:
    book, formulas = _opened(path, data_only=True), None
    with zipfile.ZipFile(path) as packed:
        parts = [name for name in packed.namelist() if name.startswith("xl/worksheets/")]
        if any(b"<f" in packed.read(name) for name in parts if name.endswith(".xml")):
            formulas = _opened(path, data_only=False)
    sheets = []
    for page in book.worksheets:
        if page.sheet_state != "visible":
            continue
        rows: dict[int, dict[int, Cell]] = {}
        for cell in _cells(page):
            value = _shown(cell)
            if not is_blank(value):
                rows.setdefault(cell.row, {})[cell.column] = value
        lost = []
        if formulas is not None:
            lost = [
                cell.coordinate
                for cell in _cells(formulas[page.title])
                if cell.data_type == "f" and cell.column not in rows.get(cell.row, {})
            ]
        findings = [_lost_formulas(page.title, lost)] if lost else []
        sheets.append(_sheet(page.title, sorted(rows.items()), "", *findings))
    return [sheet for sheet in sheets if sheet.rows]


def _opened(path: Path, *, data_only: bool) -> Any:
    import openpyxl

    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > UNPACKED:
            raise DataError(
                f"{path.name} holds {size / 1e9:.1f} GB once unpacked; workbooks up to "
                f"{UNPACKED / 1e9:g} GB are read. Export the table as CSV."
            )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
            return openpyxl.load_workbook(path, data_only=data_only)
    except DataError:
        raise
    except Exception as error:  # zip, XML and openpyxl errors alike mean an unreadable file
        raise DataError(
            f"{path.name} cannot be opened as an Excel workbook ({error}); open it in Excel and "
            "save it again as .xlsx, or export it as CSV."
        ) from error


def _cells(page: Any) -> Iterable[Any]:
    """
    Give the cells of a sheet that are in the file.

    ``iter_rows`` goes through the whole rectangle up to the last one: 17 thousand million cells
    where somebody once typed into the last cell of the sheet.
    """
    return page._cells.values()


def _lost_formulas(sheet: str, cells: list[str]) -> Finding:
    listed = ", ".join(cells[:5]) + (", ..." if len(cells) > 5 else "")
    return warning(
        f"Sheet {sheet!r}: {len(cells)} cells ({listed}) hold a formula without a stored value; "
        "they were read as empty.",
        "Open the workbook in Excel or LibreOffice, save it there, and read it again.",
    )


def _shown(cell: Any) -> Cell:
    """Give the value of a cell; one formatted as percent says so, as 0.985 is shown as 98.5 %."""
    value = cell.value
    if isinstance(value, int | float) and "%" in str(cell.number_format):
        return f"{value * 100.0:.12g} %"
    return value


def _text_sheet(path: Path) -> Sheet:
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = raw.decode("utf-16", errors="replace")
    elif b"\x00" in raw:
        raise DataError(f"{path.name} is not a text file; expected CSV or an Excel .xlsx workbook.")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    declared = re.match(r"sep=(.)\n", text, re.IGNORECASE)
    if declared:
        text = "\n" + text[declared.end() :]
    limit = csv.field_size_limit(max(len(text), csv.field_size_limit()))
    try:
        delimiter = declared.group(1) if declared else _delimiter(text)
        if not declared and delimiter not in text and (spaced := _spaced(text)):
            text, delimiter = spaced, "\t"
        rows = [
            (number, {index: cell for index, cell in enumerate(row) if not is_blank(cell)})
            for number, row in enumerate(_records(text, delimiter, path.name), 1)
        ]
    except csv.Error as error:
        raise DataError(
            f"{path.name} cannot be taken apart into cells ({error}); save it as CSV again."
        ) from error
    finally:
        csv.field_size_limit(limit)
    return _sheet(path.stem, rows, delimiter)


def _records(text: str, delimiter: str, name: str) -> Iterator[list[str]]:
    """
    Give the records of a CSV text; a quote that is never closed is said, with its line.

    An unclosed quote swallows the lines below it, to the end of the file or to the next quote,
    which then stands in front of a text rather than a delimiter.
    """
    lines = text.removesuffix("\n").split("\n")
    reader = csv.reader((f"{line}\n" for line in (*lines, END)), delimiter=delimiter)
    last = 0
    for record in reader:
        first, last = last + 1, reader.line_num
        if record == [END]:
            return
        opened = 0
        if last > len(lines):
            opened = last + 1 - next(cell for cell in record if END in cell).count("\n")
        elif last > first and not _is_strict(lines[first - 1 : last], delimiter):
            start = next(cell for cell in record if "\n" in cell).split("\n")[0]
            opened = next(n for n in range(first, last) if start in lines[n - 1])
        if opened:
            raise DataError(
                f"{name}: a quote that is opened in line {opened} ({lines[opened - 1][:60]!r}) is "
                "never closed; expected quotes in pairs around a cell. Close it or delete it."
            )
        yield record


def _is_strict(lines: list[str], delimiter: str) -> bool:
    try:
        list(csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True


def _spaced(text: str) -> str:
    """Give a table whose columns are parted by spaces, each line alike, with tabs; else nothing."""
    lines = [line.split() for line in text.split("\n") if line.strip()]
    widths = {len(line) for line in lines}
    if len(lines) < 3 or len(widths) != 1:
        return ""
    return "\n".join("\t".join(line) for line in lines) if min(widths) > 2 else ""


def _delimiter(text: str) -> str:
    """Find the sign that splits most lines into the same number of fields."""
    lines = [line for line in text.split("\n", 4 * SNIFFED)[: 4 * SNIFFED] if line.strip()]
    best = _splitting(lines[:SNIFFED])
    if not best or sum(best in line for line in lines[:SNIFFED]) < 0.05 * len(
        lines[:SNIFFED]
    ):  # a long preamble: the table stands at the end
        tail = [line for line in text[-100_000:].split("\n")[1:] if line.strip()]
        best = _splitting(tail) or best
    return best or ","


def _splitting(lines: list[str]) -> str:
    """Give the sign that splits most of these lines; blank if none does."""
    best, best_score = "", 0.0
    for rank, sign in enumerate(DELIMITERS):
        counts = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
        wide = [count for count in counts if count > 1]
        if not wide:
            continue
        usual = statistics.mode(wide)
        share = sum(count == usual for count in counts) / len(counts)
        score = share * (1.0 + 0.02 * min(usual, 20)) - 0.01 * rank
        if score > best_score + (0.25 if sign == "," and best else 0.0):
            best, best_score = sign, score
    return best

"""From sheets as instruments write them to sheets with one header row and one row a sample."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bayesbio.data.findings import warning
from bayesbio.data.importing.sheets.cells import (
    Cell,
    is_blank,
    plain_text,
    to_clock,
    to_duration,
    to_moment,
    to_number,
)
from bayesbio.data.importing.sheets.curves import courses_of, curves_of
from bayesbio.data.importing.sheets.dialect import Dialect
from bayesbio.data.importing.sheets.files import Sheet
from bayesbio.data.importing.sheets.long_archive import channel_names, long_archive
from bayesbio.data.importing.sheets.one_sample_reports import one_table
from bayesbio.data.importing.sheets.plates import (
    WELL,
    Plate,
    Well,
    as_rows,
    checked,
    measured,
    wells_in_rows,
)
from bayesbio.data.importing.sheets.vessels import vessels_apart
from bayesbio.data.vocabulary.quantities import Vocabulary

TITLE = re.compile(r"\[[^\[\]]+\]")
NUMBERED = re.compile(r"(?P<word>[A-Za-z][A-Za-z ]*?)[\s_#.-]*(?P<number>\d{1,3}|[A-H])")
BEGINS = re.compile(r"[A-P](\d\d?)?$")  # a row of a plate, or a well
ABSCISSA = re.compile(r"ml|l|cv|min|minutes|s|sec|h", re.IGNORECASE)  # of a chromatogram
CORRECTED = re.compile(r"^blank\b[:\s-]*|\s*\[?\bblank[ -]?(corrected|subtracted)\b\]?", re.I)
SEARCHED = 200  # rows in which the head of a table is looked for
LONGEST_NAME = 120  # characters of a header; a longer text is prose
FEWEST = 3  # columns, or rows, that make a table


def reshaped(sheets: Sequence[Sheet], dialect: Dialect, words: Vocabulary) -> list[Sheet]:
    """
    Bring sheets into the form of a table: sections apart, archives headed, wells below each other.

    Parameters
    ----------
    sheets : sequence of Sheet
    dialect : Dialect
        Its ``[archive]`` and ``[renames]`` are followed.
    words : Vocabulary
        Tells names of quantities from names of runs.

    Returns
    -------
    list of Sheet

    Raises
    ------
    DataError
        For a chromatogram over volume, whose curves have no time.
    """
    found = []
    for sheet in one_table(sheets, dialect) if "report" in dialect.table else sheets:
        if dialect.long and (archive := long_archive(sheet, dialect)) is not None:
            found.append(archive)
            continue
        channels = channel_names(sheet, dialect) if dialect.long else None
        for section in _sections(sheet, words):
            section = _stacked(_one_header(_headed(section, dialect), dialect), dialect)
            section = _renamed(section, dialect)
            paired = sum(ABSCISSA.fullmatch(plain_text(c)) is not None for c in _head(section))
            if paired > 1 and (curves := curves_of(section)):
                found.append(courses_of(section, curves))
                continue
            plate = None
            if any(BEGINS.match(plain_text(row[0])) for row in section.rows if row):
                plate = wells_in_rows(section, dialect, channels)
            plate = plate or _runs_below_each_other(section, dialect, words)
            if plate is None:
                apart = vessels_apart(section, dialect, words) if _repeats(section) else None
                found.append(apart or section)
            else:
                found.append(_long(section, checked(plate, dialect)))
    return found


def _repeats(sheet: Sheet) -> bool:
    """Whether names of a header differ in nothing but a number or a letter."""
    for row in sheet.rows[:30]:
        names = [cell.strip() for cell in row if isinstance(cell, str) and len(cell) < LONGEST_NAME]
        shapes = [re.sub(r"\d+|\b[A-H]\b", "#", name) for name in names if re.match(r"\w", name)]
        shapes = [shape for shape in shapes if re.search(r"[^\W\d_]", shape)]
        if len(set(shapes)) < len(shapes):
            return True
    return False


def _sections(sheet: Sheet, words: Vocabulary) -> list[Sheet]:
    """Give the tables between titles such as [TrackData1]; the sheet itself where there is none."""
    titled = _titled(sheet, words)
    if titled:
        return titled
    titles = [
        (number, filled[0].strip("[] "))
        for number, row in enumerate(sheet.rows)
        if len(filled := _first_two(row)) == 1 and TITLE.fullmatch(filled[0])
    ]
    if len(titles) < 2:
        return [sheet]
    ends = [number for number, _ in titles[1:]] + [len(sheet.rows)]
    found = []
    for (start, title), end in zip(titles, ends, strict=True):
        rows = sheet.rows[start + 1 : end]
        numeric = [row for row in rows if _count_numbers(row) >= FEWEST]
        if len(numeric) >= FEWEST:
            found.append(
                dataclasses.replace(
                    sheet,
                    name=_common_prefix(rows[0]) or title,
                    rows=rows,
                    numbers=sheet.numbers[start + 1 : end],
                )
            )
    return found or [sheet]


def _titled(sheet: Sheet, words: Vocabulary) -> list[Sheet]:
    """Give the tables of a header that comes again, each under the name of its run."""
    first: dict[str, int] = {}
    for number, row in enumerate(sheet.rows[:SEARCHED]):
        if row and isinstance(row[0], str) and _count_texts(row) >= 2 and not _count_numbers(row):
            first.setdefault(row[0], number)
    for top in first.values():
        count = len(sheet.rows)
        tops = [n for n in range(top, count) if _is_like(sheet.rows[n], sheet.rows[top], words)]
        if len(tops) < 2:
            continue
        starts, lines = [], []
        for number in tops:
            start = number
            while start and _count_numbers(sheet.rows[start - 1]) < 2:
                start -= 1
            filled = [c for row in sheet.rows[start:number] for c in row if not is_blank(c)]
            starts.append(start)
            lines.append([plain_text(cell) for cell in filled])
        common = set(lines[0]).intersection(*lines)
        titles = [([line for line in own if line not in common] or [""])[-1] for own in lines]
        bare = [_bare(title) for title in titles]
        if len(set(titles)) < len(titles) or any(not b or words.find_all(b) for b in bare):
            continue
        ends = [*starts[1:], count]
        return [
            dataclasses.replace(
                sheet,
                name=re.sub(r"^[^:]*:\s*", "", title),
                rows=sheet.rows[start:end],
                numbers=sheet.numbers[start:end],
            )
            for title, start, end in zip(titles, starts, ends, strict=True)
        ]
    return []


def _is_like(row: Sequence[Cell], header: Sequence[Cell], words: Vocabulary) -> bool:
    """Whether a row is a header that begins like another and is understood for the most part."""
    texts = _count_texts(row)
    if row[0] != header[0] or texts < 2 or _count_numbers(row):
        return False
    return 2 * sum(bool(words.find_all(_bare(cell))) for cell in row) >= texts - 1


def _bare(cell: Cell) -> str:
    """Give a name without its unit."""
    return re.sub(r"[\[(].*", "", plain_text(cell)[:LONGEST_NAME]).strip()


def _common_prefix(header: Sequence[Cell]) -> str:
    """Find what most names of a header begin with, such as 'Unit 1' of 'Unit 1.pH1.PV'."""
    fronts = [plain_text(cell).split(".")[0] for cell in header if "." in plain_text(cell)]
    front, count = (Counter(fronts).most_common(1) or [("", 0)])[0]
    return front if count > 0.6 * sum(not is_blank(cell) for cell in header) else ""


def _headed(sheet: Sheet, dialect: Dialect) -> Sheet:
    """Give an archive without a header the one of its dialect, and keep its rows of results."""
    best: tuple[tuple[str, ...], list[tuple[Cell, ...]], list[int]] | None = None
    for archive in dialect.archive.values():
        names = {int(place): name for place, name in archive["header"].items()}
        kept = {int(place): re.compile(pattern) for place, pattern in archive["rows"].items()}
        places = [place + 1 for place in sheet.places]
        rows, numbers = [], []
        for row, number in zip(sheet.rows, sheet.numbers, strict=True):
            cell = dict(zip(places, row, strict=True))
            if all(rule.fullmatch(plain_text(cell.get(place))) for place, rule in kept.items()):
                rows.append(tuple(cell.get(place) for place in names))
                numbers.append(number)
        if best is None or len(rows) > len(best[1]):
            best = tuple(names.values()), rows, numbers
    if best is None:
        return sheet
    header, rows, numbers = best
    return dataclasses.replace(
        sheet, rows=(header, *rows), numbers=(0, *numbers), headed=True, places=()
    )


def _one_header(sheet: Sheet, dialect: Dialect) -> Sheet:
    """Join the rows of a header that stands in several."""
    count = dialect.table.get("header_rows", 1)
    for top in range(min(SEARCHED, len(sheet.rows) - count) if count > 1 else 0):
        head = sheet.rows[top : top + count]
        if all(_count_texts(row) >= FEWEST and not _count_numbers(row) for row in head):
            joined = tuple(
                " ".join(filter(None, map(plain_text, column))) or None
                for column in zip(*head, strict=True)
            )
            rows = (*sheet.rows[:top], joined, *sheet.rows[top + count :])
            numbers = (*sheet.numbers[: top + 1], *sheet.numbers[top + count :])
            return dataclasses.replace(sheet, rows=rows, numbers=numbers)
    return sheet


def _stacked(sheet: Sheet, dialect: Dialect) -> Sheet:
    """Put groups of columns that come again for the next quantity below each other."""
    groups = {re.compile(p, re.IGNORECASE): n for p, n in dialect.table.get("repeated", {}).items()}
    for top, head in enumerate(sheet.rows[:SEARCHED] if groups else ()):
        texts = [plain_text(cell) for cell in head]
        found = [[i for i, text in enumerate(texts) if rule.fullmatch(text)] for rule in groups]
        if len({len(places) for places in found}) != 1 or len(found[0]) < 2:
            continue
        taken = {place for places in found for place in places}
        others = [place for place, text in enumerate(texts) if text and place not in taken]
        rows: list[tuple[Cell, ...]] = [(*(texts[place] for place in others), *groups.values())]
        numbers = [sheet.numbers[top]]
        for row, number in zip(sheet.rows[top + 1 :], sheet.numbers[top + 1 :], strict=True):
            for group in zip(*found, strict=True):
                rows.append((*(row[place] for place in others), *(row[place] for place in group)))
                numbers.append(number)
        return dataclasses.replace(
            sheet, rows=tuple(rows), numbers=tuple(numbers), headed=True, places=()
        )
    return sheet


def _renamed(sheet: Sheet, dialect: Dialect) -> Sheet:
    """Rewrite the names of a header as the dialect says."""
    rules = [(re.compile(pattern), name) for pattern, name in dialect.renames.items()]
    for number, row in enumerate(sheet.rows[:SEARCHED] if rules else ()):
        renamed = []
        for cell in row:
            text = cell
            for rule, name in rules:
                text = rule.sub(name, text) if isinstance(text, str) else text
            renamed.append(text)
        if tuple(renamed) != tuple(row) and _count_texts(row) >= FEWEST:
            rows = (*sheet.rows[:number], tuple(renamed), *sheet.rows[number + 1 :])
            return dataclasses.replace(sheet, rows=rows)
    return sheet


def _first_two(row: Sequence[Cell]) -> list[str]:
    """Give the texts of the first two cells that are there."""
    there = itertools.filterfalse(is_blank, row)
    return [plain_text(cell) for cell in itertools.islice(there, 2)]


def _head(sheet: Sheet) -> list[Cell]:
    """Give the cells of the first rows."""
    return [cell for row in sheet.rows[:10] for cell in row]


def _long(sheet: Sheet, plate: Plate) -> Sheet:
    """Give the readings of a plate as a long table."""
    header, rows, numbers = as_rows(plate)
    said = warning(f"{sheet.name}: {'; '.join(plate.said)}.")
    return dataclasses.replace(
        sheet,
        rows=(header, *rows),
        numbers=(0, *numbers),
        headed=True,
        findings=(*sheet.findings, said),
        places=(),
    )


def _runs_below_each_other(sheet: Sheet, dialect: Dialect, words: Vocabulary) -> Plate | None:
    """Put runs that stand in columns, such as the wells of a plate, below each other."""
    wells: list[Well] = []
    said, title = [], "time"
    tables = list(_tables_of_runs(sheet, dialect, words))
    names = {top: _title(sheet, top) for top, *_ in tables}
    raw = {CORRECTED.sub("", text).strip() for text in names.values() if CORRECTED.search(text)}
    if raw & set(names.values()):
        said.append("blank-corrected readings were taken, raw ones left out")
    for top, time, columns in tables:
        if names[top] in raw:
            continue
        name, how = _measured(sheet, top, words)
        said.append(f"{len(columns)} runs in columns ({_some(columns.values())}) of {name}{how}")
        for number in range(top + 1, len(sheet.rows)):
            row = sheet.rows[number]
            if not _is_time(row[time]) or all(is_blank(row[place]) for place in columns):
                break
            wells += [
                Well(run, row[time], name, row[place], "", sheet.numbers[number])
                for place, run in columns.items()
            ]
        head = plain_text(sheet.rows[top][time])
        title = head if dialect.is_time(head) or re.search(r"[\[(]", head) else "time"
    return Plate(title, wells, said) if wells else None


def _title(sheet: Sheet, top: int) -> str:
    """Give the line above a table where it is one text, such as 'Blank OD:600'."""
    filled = [plain_text(cell) for cell in sheet.rows[top - 1] if not is_blank(cell)] if top else []
    return filled[0] if len(filled) == 1 else ""


def _tables_of_runs(
    sheet: Sheet, dialect: Dialect, words: Vocabulary
) -> Iterator[tuple[int, int, dict[int, str]]]:
    """Find header rows of one time and at least three runs: row, place of the time, runs."""
    for number, row in enumerate(sheet.rows[: None if len(sheet.rows) < 5000 else SEARCHED]):
        texts = {place: plain_text(cell) for place, cell in enumerate(row) if isinstance(cell, str)}
        names = {place: text for place, text in texts.items() if text.strip()}
        times = [place for place, text in names.items() if _heads_a_time(text, dialect)]
        if not times:
            continue
        wells = {place: text for place, text in names.items() if WELL.fullmatch(text)}
        runs = wells if len(wells) >= FEWEST else _numbered(names, dialect, words)
        others = len(names) - len(runs) - len(times)
        spreads = any(dialect.is_a("sd", text.rstrip("0123456789_ -")) for text in names.values())
        if len(runs) >= FEWEST and (not others or (runs is wells and not spreads)):
            yield number, times[0], runs


def _heads_a_time(text: str, dialect: Dialect) -> bool:
    bare = re.sub(r"[\[(].*", "", text).strip()
    return dialect.is_time(bare) or dialect.is_a("moment", bare)


def _numbered(names: dict[int, str], dialect: Dialect, words: Vocabulary) -> dict[int, str]:
    """Find columns such as 'Flask 1', 'Flask 2': a word for a run and its number."""
    found = {}
    for place, text in names.items():
        match = NUMBERED.fullmatch(text.strip())
        word = match["word"].strip() if match else ""
        if word and dialect.is_a("run", word) and not words.find_all(text):
            found[place] = text.strip()
    return found


def _measured(sheet: Sheet, top: int, words: Vocabulary) -> tuple[str, str]:
    """Say what a table of runs in columns holds: from the line above, the header or the title."""
    above = [plain_text(cell) for row in sheet.rows[max(0, top - 1) : top] for cell in row]
    beside = [plain_text(cell) for cell in sheet.rows[top]]
    for text in (*filter(None, above), sheet.name, *filter(None, beside)):
        bare = re.sub(r"\s*[\[(].*", "", text).strip()
        if words.find_all(bare) and not (text in beside and "t" in bare.lower()[:1]):
            return text, ""
    return measured(sheet.rows, top, sheet.name)


def _is_time(cell: Cell) -> bool:
    if is_blank(cell):
        return False
    read = (to_number, to_duration, to_clock, to_moment)
    return not isinstance(cell, str) or any(each(cell) is not None for each in read)


def _count_numbers(row: Sequence[Cell]) -> int:
    return sum(
        not isinstance(cell, str) or to_number(cell) is not None
        for cell in row
        if not is_blank(cell)
    )


def _count_texts(row: Sequence[Cell]) -> int:
    return sum(isinstance(cell, str) and to_number(cell) is None for cell in row)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + (", ..." if len(listed) > 3 else "")

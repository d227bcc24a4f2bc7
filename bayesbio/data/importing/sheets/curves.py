"""Chromatograms: pairs of columns, an abscissa and a signal, each curve with its own points."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bayesbio.data.importing.sheets.cells import Cell, is_blank, plain_text, to_number
from bayesbio.data.importing.sheets.files import Sheet
from bayesbio.data.vocabulary import units
from bayesbio.errors import DataError

HEAD = 10  # rows in which the units of the pairs are looked for
VOLUMES, TIMES = ("ml", "l", "cv"), ("min", "minutes", "s", "sec", "h")
FEWEST = 2  # pairs that make a chromatogram


@dataclasses.dataclass(frozen=True)
class Curve:
    """One curve of a chromatogram: its points, with the units of both axes."""

    chromatogram: str
    name: str
    abscissa: str  # unit
    unit: str
    points: tuple[tuple[float, Cell], ...]

    def __str__(self) -> str:
        first, last = self.points[0][0], self.points[-1][0]
        unit = f" [{self.unit}]" if self.unit else ""
        return (
            f"{self.name}{unit}, {len(self.points)} points from {first:g} to {last:g} "
            f"{self.abscissa}"
        )

    @property
    def is_timed(self) -> bool:
        """Whether it is over time."""
        return self.abscissa.lower() in TIMES

    @property
    def is_text(self) -> bool:
        """Whether it names fractions or steps rather than giving numbers."""
        return not any(_number(value) is not None for _, value in self.points)


def curves_of(sheet: Sheet) -> list[Curve]:
    """
    Take a chromatogram apart into its curves; an empty list for any other sheet.

    Examples
    --------
    >>> head = ("UV", None, "Cond", None), ("ml", "mAU", "ml", "mS/cm")
    >>> rows = (*head, ("0", "2", "0", "15"), ("0.1", "3", "0.2", "16"))
    >>> [str(curve) for curve in curves_of(Sheet("SEC", rows, (1, 2, 3, 4)))][0]
    'UV [mAU], 2 points from 0 to 0.1 ml'
    """
    for top, row in enumerate(sheet.rows[:HEAD]):
        texts = [plain_text(cell) for cell in row]
        places = [place for place, text in enumerate(texts) if _is_abscissa(text)]
        paired = [place for place in places if place + 1 < len(texts) and place + 1 not in places]
        if top and len(paired) >= FEWEST and len(paired) == len(places):
            return _curves(sheet, top, paired)
    return []


def _is_abscissa(text: str) -> bool:
    return text.lower() in (*VOLUMES, *TIMES)


def _curves(sheet: Sheet, top: int, places: Sequence[int]) -> list[Curve]:
    above = [plain_text(cell) for cell in sheet.rows[top - 2]] if top > 1 else []
    found, title = [], ""
    for place in places:
        title = next((text for text in above[place : place + 2] if text), title)
        points = []
        for row in sheet.rows[top + 1 :]:
            at = _number(row[place])
            if at is not None and not is_blank(row[place + 1]):
                points.append((at, row[place + 1]))
        if points:
            pair = sheet.rows[top - 1][place : place + 2]
            name = next((plain_text(cell) for cell in pair if not is_blank(cell)), "signal")
            abscissa, unit = (plain_text(cell) for cell in sheet.rows[top][place : place + 2])
            curve = Curve(title or sheet.name, name, abscissa, unit, tuple(points))
            named = curve.is_text or not units.is_unit(unit)
            found.append(dataclasses.replace(curve, unit="") if named else curve)
    return found


def _number(cell: Cell) -> float | None:
    return to_number(cell) if isinstance(cell, str) else cell


def courses_of(sheet: Sheet, curves: Sequence[Curve]) -> Sheet:
    """
    Give curves over time as a long table, one run a chromatogram; fractions are left out.

    Raises
    ------
    DataError
        If they are over volume, and no curve of the flow says the time.
    """
    rows: list[tuple[Cell, ...]] = [("run", "time (h)", "quantity", "value", "unit")]
    for curve in curves:
        if curve.is_text:
            continue
        for at, value in curve.points:
            if not curve.is_timed:
                raise DataError(over_volume(sheet, curves))
            hours = float(units.convert(at, curve.abscissa, "h"))
            rows.append((curve.chromatogram, hours, curve.name, value, curve.unit))
    numbers = tuple(range(len(rows)))
    return Sheet(sheet.name, tuple(rows), numbers, headed=True, findings=sheet.findings)


def over_volume(sheet: Sheet, curves: Sequence[Curve]) -> str:
    """Say what a chromatogram holds, and what can be done with it."""
    names = dict.fromkeys(curve.chromatogram for curve in curves)
    held = "; ".join(
        f"{name}: {', '.join(str(c) for c in curves if c.chromatogram == name)}" for name in names
    )
    return (
        f"{sheet.name} is a chromatogram, each curve over a volume of its own, and runs are over "
        f"time. It holds {held}. Its curves are read as a table (read_table), one row a volume. To "
        "fit a column to it, export it over minutes (in UNICORN: time as base of the x-axis)."
    )


def table_of_curves(sheet: Sheet) -> tuple[Sheet, list[str], list[str]] | None:
    """
    Give a chromatogram as a table: one row a volume, one column a curve, fractions carried on.

    Returns
    -------
    sheet : Sheet
    texts : list of str
        Headers of columns of texts, such as fractions.
    curves : list of str
        Headers of the curves.

    None for any other sheet.
    """
    curves = curves_of(sheet)
    if not curves:
        return None
    signals = list(dict.fromkeys((curve.name, curve.unit, curve.is_text) for curve in curves))
    at = "Time" if curves[0].is_timed else "Volume"
    names = [f"{name} ({unit})" if unit else name for name, unit, _ in signals]
    rows: list[tuple[Cell, ...]] = [("chromatogram", f"{at} ({curves[0].abscissa})", *names)]
    for chromatogram in dict.fromkeys(curve.chromatogram for curve in curves):
        own = {
            (c.name, c.unit, c.is_text): dict(c.points)
            for c in curves
            if c.chromatogram == chromatogram
        }
        last: dict[tuple[str, str, bool], Cell] = {}
        for place in sorted({place for points in own.values() for place in points}):
            cells = []
            for signal in signals:
                value = own.get(signal, {}).get(place)
                if signal[2]:  # a fraction goes on to the next one
                    value = last[signal] = value or last.get(signal)
                cells.append(value)
            rows.append((chromatogram, place, *cells))
    numbers = tuple(range(len(rows)))
    told = {name: is_text for name, (_, _, is_text) in zip(names, signals, strict=True)}
    texts = ["chromatogram", *(name for name in names if told[name])]
    page = Sheet(sheet.name, tuple(rows), numbers, headed=True, findings=sheet.findings)
    return page, texts, [name for name in names if not told[name]]

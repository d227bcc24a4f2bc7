"""Feeds by name: what they hold, from a sheet in any of three forms, and what a dose brings in."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from bayesbio.data.findings import ColumnUse
from bayesbio.data.importing.columns import ReadOptions
from bayesbio.data.importing.entries import Entries
from bayesbio.data.importing.sheets.cells import Cell, is_blank, plain_text, to_number
from bayesbio.data.importing.sheets.files import Sheet
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import Quantity, key
from bayesbio.errors import UnitError

SEARCHED = 30  # rows in which the head of a sheet of feeds is looked for
BY_VOLUME = ("percent", "%")  # grams in 100 mL, as solutions are labelled


@dataclasses.dataclass(frozen=True)
class Feed:
    """
    A feed and what a litre of it holds.

    Parameters
    ----------
    name : str
    contents : mapping of quantity to amount in a litre [amount unit of the quantity/L]
    words : mapping of quantity to Quantity

    Examples
    --------
    >>> Feed("Feed A", {"glucose": 70.0}).contents["glucose"]
    70.0
    """

    name: str
    contents: Mapping[str, float]
    words: Mapping[str, Quantity] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        """Its contents in words."""
        listed = (
            f"{name} {amount:.4g} {self.words[name].unit if name in self.words else ''}".strip()
            for name, amount in self.contents.items()
        )
        return ", ".join(listed)


def find_feed(
    text: str, feeds: Mapping[tuple[str, str], Feed], options: ReadOptions, run: str = ""
) -> Feed | None:
    """Find a feed by a name as it stands in a header: that of a run before that of all runs."""
    name = options.feed_key(text)
    found = feeds.get((run, name)) or feeds.get(("", name))
    if found is None and not run:
        return next((feed for (_, named), feed in feeds.items() if named == name), None)
    return found


def read_feeds(
    sheet: Sheet, options: ReadOptions, entries: Entries, *, sure: bool = False
) -> dict[tuple[str, str], Feed]:
    """
    Read a sheet that says what feeds hold: feeds by run (blank for all) and reduced name.

    One row a component (name, component, concentration, unit), one row a feed, or one column a
    feed with the components below each other; ``sure`` where a user named it. Empty where the
    sheet is another.
    """
    titled = sure or bool(options.dialect.sheets["compositions"].fullmatch(key(sheet.name)))
    for number, row in enumerate(sheet.rows[:SEARCHED]):
        names = [plain_text(cell) for cell in row]
        place: dict[str, int | None] = {
            role: next((i for i, n in enumerate(names) if options.dialect.is_a(role, n)), None)
            for role in ("feed_name", "quantity", "value", "unit")
        }
        body = sheet.rows[number + 1 :]
        if any(options.dialect.is_time(n) or options.dialect.is_a("moment", n) for n in names):
            return {}
        if titled and place["feed_name"] is None:
            place["feed_name"] = next((i for i, n in enumerate(names) if key(n) == "name"), None)
        reader = _Reader(sheet.name, options, entries)
        if place["feed_name"] is not None and None not in (place["quantity"], place["value"]):
            reader.read_long(body, {role: i for role, i in place.items() if i is not None})
        elif titled and place["quantity"] is not None and place["value"] is None:
            reader.read_matrix(body, names, place["quantity"], place["unit"])
        elif titled and (components := _components(names, options)):
            reader.read_rows(body, place["feed_name"] or 0, names, components)
        elif titled and _components([plain_text(r[0]) for r in body if r], options):
            if not any(map(bool, names[1:])):
                continue
            reader.read_columns(sheet.rows)
        else:
            continue
        if reader.feeds:
            reader.report()
        return reader.feeds
    return {}


def _components(names: Sequence[str], options: ReadOptions) -> list[int]:
    """Give the places of the headers that name a component with a unit of concentration."""
    found = []
    for place, name in enumerate(names):
        header = options.headers.read(name)
        if header.words and header.unit and re.search(r"/|^[munk]?M$|%", header.unit):
            found.append(place)
    return found


@dataclasses.dataclass
class _Reader:
    """Reads one sheet of feeds."""

    sheet: str
    options: ReadOptions
    entries: Entries
    feeds: dict[tuple[str, str], Feed] = dataclasses.field(default_factory=dict)

    def read_long(self, rows: Iterable[Sequence[Cell]], place: Mapping[str, int]) -> None:
        """One row a component; the name of a feed holds until the next."""
        name = ""
        for row in rows:
            cell = {role: row[i] if i < len(row) else None for role, i in place.items()}
            name = plain_text(cell["feed_name"]) or name
            component = plain_text(cell["quantity"])
            if name and component:
                self.add("", name, component, plain_text(cell.get("unit")), cell["value"])

    def read_rows(
        self, rows: Iterable[Sequence[Cell]], first: int, names: list[str], places: list[int]
    ) -> None:
        """One row a feed."""
        for row in rows:
            name = plain_text(row[first])
            for place in places:
                if name and place != first:
                    self.add("", name, names[place], "", row[place])

    def read_matrix(
        self, rows: Iterable[Sequence[Cell]], names: list[str], what: int, unit: int | None
    ) -> None:
        """One row a component, one column a feed, and perhaps a column of units."""
        for row in rows:
            component = plain_text(row[what])
            stated = plain_text(row[unit]) if unit is not None else ""
            for place, name in enumerate(names):
                if component and name and place not in (what, unit):
                    head = self.options.headers.read(name)
                    feed = re.sub(r"\s*[\[(].*", "", name) if head.unit else name
                    self.add("", feed, component, stated or head.unit or "", row[place])

    def read_columns(self, rows: Sequence[Sequence[Cell]]) -> None:
        """One column a feed; a row of runs above says whose feed it is."""
        dialect = self.options.dialect
        heads = {plain_text(row[0]): row for row in rows if row}
        components = set(_components(list(heads), self.options))
        above = [name for number, name in enumerate(heads) if number not in components]
        named = next((n for n in above if dialect.is_a("feed_name", n)), None)
        named = named if named is not None else next(n for n in above if any(heads[n][1:]))
        whose = next((n for n in above if n != named and _names_runs(n, self.options)), None)
        for number, component in enumerate(heads):
            if number not in components:
                continue
            for place in range(1, len(heads[component])):
                name = plain_text(heads[named][place])
                run = "" if whose is None else plain_text(heads[whose][place])
                if name:
                    self.add(run, name, component, "", heads[component][place])

    def report(self) -> None:
        """Say of each feed what it holds."""
        told = dict.fromkeys((feed.name, str(feed)) for feed in self.feeds.values())
        for name, contents in told:
            note = f"feed with {contents}" if contents else "feed that holds nothing known"
            self.entries.uses.append(ColumnUse(name, "feed", note=note, sheet=self.sheet))

    def add(self, run: str, name: str, component: str, unit: str, given: Cell) -> None:
        """Add one component to a feed."""
        asked = (run, self.options.feed_key(name))
        known = self.feeds.get(asked, Feed(name, {}))
        self.feeds[asked] = known
        amount = given if isinstance(given, int | float) else to_number(plain_text(given))
        if is_blank(given) or amount == 0:
            return
        header = self.options.headers.read(component, unit or None)
        where = f"{component!r} of feed {name!r} in {self.sheet}"
        if amount is None:
            self.entries.fail(
                f"The concentration of {where} is {plain_text(given)!r}; expected a number.",
                "Correct the cell, or leave it empty.",
            )
            return
        if not header.words:
            self.entries.warn(
                f"{where} is not in the vocabulary; it was left out.",
                "Name it as the column of its readings is named.",
            )
            return
        word = header.words[0]
        stated = header.unit or unit or word.unit
        if not header.unit and not unit:
            self.entries.warn(
                f"The concentration of {where} has no unit; it was read in {stated}.",
                "Give the unit in a column 'unit'.",
            )
        try:
            by_volume = units.spell(stated) in BY_VOLUME
            value = amount * 10.0 if by_volume else _convert(amount, stated, word)
        except UnitError as problem:
            self.entries.fail(
                f"The concentration of {where} is given in {stated!r}: {problem}",
                f"Give it in a unit like {word.unit}.",
                subject="unit",
            )
            return
        contents = dict(known.contents) | {word.name: float(f"{float(value):.12g}")}
        self.feeds[asked] = Feed(name, contents, dict(known.words) | {word.name: word})


def _convert(amount: float, unit: str, word: Quantity) -> float:
    slope, offset = units.conversion(unit, word.unit, word)
    return amount * slope + offset


def _names_runs(text: str, options: ReadOptions) -> bool:
    return key(text) == "id" or options.dialect.is_a("run", text)


STOCK = re.compile(
    r"(?P<what>[^\d]+?)[\s_]*(?P<amount>\d+(?:[.,]\d+)?)\s*(?P<unit>%|g/l|mg/ml|mm|m|mol/l|mmol/l)"
    r"(?:\s*(?:stock|solution|w/v|\(w/v\)))*",
    re.IGNORECASE,
)


def stock_of(name: str, options: ReadOptions) -> dict[str, float]:
    """
    Read what a litre of a stock holds from its name, such as 'Glucose 400 g/L'; empty if nothing.

    Examples
    --------
    >>> from bayesbio.data.vocabulary.quantities import shipped
    >>> stock_of("Glucose 45%", ReadOptions(shipped()))
    {'glucose': 450.0}
    """
    match = STOCK.fullmatch(name.strip())
    words = options.headers.read(match["what"].strip(" _-")).words if match else ()
    if match is None or not words or not words[0].unit.endswith("/L"):
        return {}
    amount, unit = float(match["amount"].replace(",", ".")), match["unit"]
    if unit == "%":
        return {words[0].name: amount * 10.0}
    try:
        return {words[0].name: float(f"{_convert(amount, unit, words[0]):.12g}")}
    except UnitError:
        return {}

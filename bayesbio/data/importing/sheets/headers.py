"""What a header says: the name, the unit, the replicate, and whether it is a spread or a mean."""

from __future__ import annotations

import re
from typing import NamedTuple

from bayesbio.data.importing.sheets.blocks import LONGEST_HEADER
from bayesbio.data.importing.sheets.cells import FORMAT_WORDS, to_number
from bayesbio.data.importing.sheets.dialect import Dialect, dialect_named
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import Quantity, Vocabulary

AROUND_A_FEED = frozenset(("before", "after", "pre", "post", "start", "end", "new", "old"))
PARTS = (
    (
        re.compile(
            r"[\s_\-.(]*(?<![A-Za-z])(?:sd|std|stdev|std\.?\s?dev\.?|stddev|standard "
            r"deviation|s\.d\.)\)?$",
            re.I,
        ),
        "sd",
    ),
    (re.compile(r"[\s_\-.(]*(?<![A-Za-z])(?:mean|avg\.?|average|mw|mittelwert)\)?$", re.I), "mean"),
    (re.compile(r"[\s_\-.(]*(?<![A-Za-z])(?:flag|qualifier|censored)\)?$", re.I), "flag"),
    (re.compile(r"[\s_\-.(]*(?<![A-Za-z])(?:upper|value_upper)\)?$", re.I), "upper"),
    (
        re.compile(
            r"[\s_\-.(]*(?<![A-Za-z])(?:cv|cv%|rsd|sem|std\.?\s?err\.?|standard error|ci)\)?$", re.I
        ),
        "other",
    ),
)
FRONT_PARTS = ((re.compile(r"^(?:sd|stdev|std\.?|std dev)\s*(?:of|[_\s])\s*", re.I), "sd"),)
REPLICATE = re.compile(
    r"(?P<base>.*?)[\s_\-.#(]*(?:(?:replicate|repl?|tech|measurement|aliquot|no|dup|duplicate|r)\.?"
    r"[\s_\-.#]*)?(?P<number>\d{1,2}|(?<=[\s_\-.(])(?:III|II|I|[ABCabc]))\)?$",
    re.IGNORECASE,
)
SYMBOL_AND_UNIT = re.compile(  # 'Penicillin concentration(P:g/L)', 'PAA flow(F:PAA flow (L/h))'
    r"(?P<name>[^()\[\]{}]+?)\s*\(\w+:(?:[^()]*\()?(?P<unit>[^()]*?)\)+"
)
ORDINAL_LETTERS = ("A", "B", "C", "a", "b", "c")
ORDINALS = {"a": 1, "b": 2, "c": 3, "i": 1, "ii": 2, "iii": 3}
SINGLE = frozenset(("C", "K", "M", "V", "d", "s", "m", "cell", "cells", "U", "W", "J", "l", "rel"))


class Header(NamedTuple):
    """
    What a header says.

    ``name`` is the text without its unit; ``unit`` is None if none was given; ``bad_unit`` is what
    stood where a unit belongs and is none; ``part`` is blank, sd, mean, flag, upper or other.
    """

    name: str
    unit: str | None = None
    words: tuple[Quantity, ...] = ()
    replicate: int = 0
    part: str = ""
    bad_unit: str = ""
    note: str = ""


class Headers:
    """
    Reader of headers in the words of a vocabulary and a dialect; each header is read once.

    Examples
    --------
    >>> from bayesbio.data.vocabulary.quantities import shipped
    >>> headers = Headers(shipped())
    >>> header = headers.read("VCD_1e6_per_mL")
    >>> header.words[0].name, header.unit
    ('viable_cell_density', '1e6/mL')
    >>> headers.read("Lac (g/L) 2").replicate
    2
    """

    def __init__(self, vocabulary: Vocabulary, dialect: Dialect | None = None) -> None:
        self.vocabulary = vocabulary
        self.dialect = dialect if dialect is not None else dialect_named(None)
        self._read: dict[tuple[str, str | None], Header] = {}

    def read(self, text: str, unit: str | None = None) -> Header:
        """
        Read a header.

        Parameters
        ----------
        text : str
            Such as ``Glc [mM]``, ``VCD_1e6_per_mL`` or ``Lac (g/L) 2``. A text of more than 120
            characters is prose and has no unit.
        unit : str, optional
            A unit from a row of units; one in the header itself goes first.

        Returns
        -------
        Header
        """
        text = re.sub(r"\s+", " ", text).strip()
        asked = (text, unit)
        if asked not in self._read:
            self._read[asked] = self._understand(text, unit)
        return self._read[asked]

    def _understand(self, text: str, unit: str | None) -> Header:
        if unit is not None:
            unit = _bare(unit)
            unit = None if FORMAT_WORDS.fullmatch(unit) and unit != "-" else unit or None
        if len(text) > LONGEST_HEADER or self.dialect.is_ordering(text):
            return Header(text, unit)
        if match := SYMBOL_AND_UNIT.fullmatch(text):
            stated = re.sub(r"\^\{(-?\d)\}", r"^\1", match["unit"])
            stated = stated if units.is_unit(stated) else ""
            return self.read(f"{match['name']} ({stated})" if stated else match["name"], unit)
        if match := re.fullmatch(r"%\s*(?:of\s+)?([A-Za-z].*)", text):
            return self.read(f"{match.group(1)} (%)", unit)
        if not re.search(r"[\[({%]", text) and (words := self.vocabulary.find_all(text)):
            return Header(text, unit, words)
        name, own, qualifier, bad = self._split(text)
        unit = own if own is not None else unit
        header = self._resolve(name)
        if not header.words and qualifier and (words := self.vocabulary.find_all(qualifier)):
            header = Header(name, words=words)
        return header._replace(unit=unit, bad_unit="" if unit is not None else bad)

    def _split(self, text: str) -> tuple[str, str | None, str, str]:
        """Split a header into name, unit, what else stood in brackets, and what is no unit."""
        unit: str | None = None
        qualifier, bad = "", ""
        rest = text
        for start, end in reversed(_groups(text)):
            group, inside = text[start:end], text[start + 1 : end - 1].strip()
            named = bool(text[:start].strip())
            if re.fullmatch(r"\d{1,2}", inside) and named:
                rest = rest.replace(group, f" {inside} ", 1)
                continue
            stated = self._unit_of(inside) if unit is None and named else None
            if stated is not None:
                unit = stated
            elif FORMAT_WORDS.fullmatch(inside):
                pass
            elif _looks_like_unit(inside) or self._only_a_unit(text[start], inside):
                bad = inside
            else:
                qualifier = inside
            rest = rest.replace(group, " ", 1)
        rest = re.sub(r"\s+", " ", rest).strip(" ,;:-/") if rest != text else rest
        if unit is None and not bad and (cut := self._tail_unit(rest)) is not None:
            return cut[0], cut[1], qualifier, ""
        return rest or text, unit, qualifier, bad

    def _unit_of(self, text: str) -> str | None:
        """Give a text as a unit, trying to drop a word after it, or None."""
        if not text or (to_number(text) is not None and text != "1"):
            return None
        if units.is_unit(text):
            return text
        first = text.split(" ")[0].rstrip(",;")
        if " " in text and "/" in first and units.is_unit(first) and text.split(" ")[-1].isalpha():
            return first
        return self._from_underscores(re.split(r"[_\s]+", text))

    def _only_a_unit(self, bracket: str, inside: str) -> bool:
        """Tell whether what stands in brackets can be nothing but a unit, known or not."""
        pieces = inside.lower().split()
        if not pieces or all(piece in self._filler for piece in pieces):
            return False
        if self.vocabulary.find_all(inside) or self.dialect.is_ordering(inside):
            return False
        if not re.fullmatch(r"[A-Za-z. ]+", inside):
            return False
        return bracket == "[" or bool(re.fullmatch(r"[a-z]{1,12}", inside))

    @property
    def _filler(self) -> tuple[str, ...]:
        return self.dialect.headers["filler"]

    def _fits(self, name: str, unit: str) -> bool:
        words = self._resolve(name).words
        return any(units.same_dimension(unit, word.unit, of=word) for word in words)

    def _is_known(self, name: str) -> bool:
        return bool(self._resolve(name).words) or self.dialect.is_ordering(name)

    def _tail_unit(self, text: str) -> tuple[str, str] | None:
        """Find a unit at the end of a header: after a comma, a slash, a space or underscores."""
        for sign in (r"\s*[,;:]\s*", r"\s+/\s+", r"\s+in\s+", r"\s+-\s+", r"\s*\|\s*"):
            match = re.fullmatch(rf"(.+?){sign}(.+)", text)
            if match and units.is_unit(match.group(2)) and to_number(match.group(2)) is None:
                return match.group(1), match.group(2)
        match = re.fullmatch(r"([^/]+)/(.+)", text)
        if (
            match
            and to_number(match.group(2)) is None
            and units.is_unit(match.group(2))
            and self._is_known(match.group(1))
        ):
            return match.group(1).strip(), match.group(2).strip()
        pieces = text.split(" ")
        for count in range(1, len(pieces)):
            before, after = " ".join(pieces[:count]), " ".join(pieces[count:])
            if to_number(after) is not None or not units.is_unit(after):
                continue
            if after in ORDINAL_LETTERS and not self._fits(before, after):
                continue  # the second count of 'VCD B' is not in bel
            apart = after not in SINGLE and after in self.dialect.unit_words
            if apart or "/" in after or self._is_known(before):
                return before, after
        pieces = [piece for piece in re.split(r"[_\s]+", text) if piece]
        for count in range(1, len(pieces)):
            before, tail = "_".join(pieces[:count]), pieces[count:]
            joined = self._from_underscores(tail)
            if joined is None:
                continue
            if len(tail) > 1 or tail[0] not in SINGLE or self._is_known(before):
                return before, joined
        return None

    def _from_underscores(self, pieces: list[str]) -> str | None:
        """Join g_L, mL_h, 1e6_per_mL, 1e6_cells_mL to a unit, or give None."""
        words = [piece for piece in pieces if piece]
        if len(words) == 1 and words[0] in self.dialect.joined_units:
            return self.dialect.joined_units[words[0]]
        if not words or any(w.lower() != "per" and not self._is_unit_word(w) for w in words):
            return None
        parts: list[str] = []
        below = False
        for number, word in enumerate(words):
            if word.lower() == "per":
                below = True
                continue
            text = re.sub(r"^(mm|cm|m)([23])$", r"\1^\2", word)
            counts = number > 0 and re.fullmatch(
                r"1[eE]\d|10e\d|[eE]6|mio|million", words[number - 1]
            )
            if number == 0:
                parts.append(text)
            elif counts and word.lower() in ("cell", "cells") and not below:
                parts.append(f" {text}")
            else:
                parts.append(f"/{text}")
            below = False
        text = "".join(parts)
        return text if units.is_unit(text) else None

    def _is_unit_word(self, word: str) -> bool:
        return word in self.dialect.unit_words or bool(re.fullmatch(r"10?[eE^]\d{1,2}", word))

    def _resolve(self, name: str) -> Header:
        """Find the quantity behind a name: as it stands, or without replicate, part and filler."""
        if words := self.vocabulary.find_all(name):
            return Header(name, words=words)
        for pattern, part in (*PARTS, *FRONT_PARTS):
            bare = pattern.sub("", name)
            if bare and bare != name:
                inner = self._resolve(bare)
                if inner.words:
                    return inner._replace(part=part)
        match = REPLICATE.fullmatch(name)
        if match and match["base"].strip(" _-"):
            number, base = match["number"].lower(), match["base"].strip(" _-.")
            if words := self.vocabulary.find_all(base) or self._without_filler(base):
                return Header(base, words=words, replicate=ORDINALS.get(number) or int(number))
        if words := self._without_filler(name):
            return Header(name, words=words, note="fill words left out")
        return Header(name)

    def _without_filler(self, name: str) -> tuple[Quantity, ...]:
        """Find a name after dropping the words of instruments and methods."""
        pieces = [piece for piece in re.split(r"[\s_\-.]+", name) if piece]
        rest = [
            piece
            for piece in pieces
            if piece.lower().strip(".,") not in self._filler and not re.fullmatch(r"\d{3,}", piece)
        ]
        if not rest or len(rest) == len(pieces):
            return ()
        lower = {piece.lower() for piece in pieces}
        if "feed" in lower and not lower & AROUND_A_FEED:  # 'Feed A glucose' is what the feed holds
            named = [piece for piece in rest if piece.lower() != "in"]
            if words := self.vocabulary.find_all(f"feed {' '.join(named)}"):
                return words
        return self.vocabulary.find_all(" ".join(rest))


def _bare(text: str) -> str:
    """Take the brackets off a unit."""
    text = text.strip()
    if len(text) > 1 and text[0] + text[-1] in ("[]", "{}", "()"):
        return text[1:-1].strip()
    return text


def _groups(text: str) -> list[tuple[int, int]]:
    """Give the indexs of the outermost brackets."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    outer, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        if letter in pairs:
            start = index if depth == 0 else start
            depth += 1
        elif letter in pairs.values() and depth:
            depth -= 1
            if depth == 0:
                outer.append((start, index + 1))
    return outer


def _looks_like_unit(text: str) -> bool:
    """Tell whether something in brackets was meant as a unit."""
    return bool(re.search(r"\w/\w|\^|%|\bper\b|\d[eE]\d|[a-zA-Z]-1\b", text)) and len(text) <= 25


def snake(text: str) -> str:
    """
    Turn a header into a name of the house: lower case with underscores.

    Examples
    --------
    >>> snake("Cell Line"), snake("pCO2-out")
    ('cell_line', 'pco2_out')
    """
    text = re.sub(r"[^0-9A-Za-zäöüÄÖÜ]+", "_", text.strip()).strip("_").lower()
    return text or "unnamed"

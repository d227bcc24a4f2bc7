"""What a header says: the name, the unit, the replicate, and whether it is a spread or a mean."""

from __future__ import annotations

import re
from typing import NamedTuple

from bayesbio.data.importing.sheets.cells import FORMAT_WORDS, to_number
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.lookup import Quantity, Vocabulary, key


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _keys(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key(word) for word in text.split(";") if key(word)))


RUN_WORDS = _keys(
    "run; run id; run no; run number; run name; run #; batch id; batch; batch no; batch number;"
    "batch name; batch record; experiment id; experiment; experiment no; experiment name;"
    " exp; exp id;"
    "exp no; cultivation; cultivation id; culture id; culture; culture no; reactor id; reactor;"
    "reactor no; bioreactor id; bioreactor; bioreactor no; vessel id; vessel; vessel no; "
    "fermenter id;"
    "fermenter; fermentor; fermentor id; fermentation id; fermentation; fermentation no; "
    "unit id; tank;"
    "lot; lot id; lot no; lot number; flask; flask id; shake flask; Ansatz; Charge; "
    "Chargennummer; Lauf;"
    "Versuch; Reaktor; BR; process id; process; order; order id; job; study id; unit operation id;"
    "bioreactor name; reactor name; subject; sample group; well; well id; series; scale "
    "id; cell culture id"
)
TIME_UNITS = {
    **dict.fromkeys(_keys("hour; hours; hrs; hr; h; elapsed hours; culture hours; Stunden"), "h"),
    **dict.fromkeys(
        _keys(
            "day; days; culture day; process day; working day; WD; day of culture; cultivation day;"
            "elapsed days; Tag; Tage; Kulturtag; day no; day number; days in culture; "
            "batch day; run day;"
            "elapsed day; production day; d; DoC; sample day; study day"
        ),
        "d",
    ),
    **dict.fromkeys(_keys("minute; minutes; elapsed minutes; mins; Minuten"), "min"),
    **dict.fromkeys(_keys("seconds; second; elapsed seconds; secs"), "s"),
    **dict.fromkeys(_keys("week; weeks"), "week"),
    **dict.fromkeys(_keys("year; years"), "year"),
}
TIME_WORDS = _keys(
    "time; t; elapsed time; elapsed; age; culture age; batch age; run time; runtime; process time;"
    "fermentation time; ferm time; culture time; cultivation time; culture duration; "
    "duration; batch time;"
    "elapsed fermentation time; EFT; time elapsed; time since inoculation; Zeit;"
    "Prozesszeit; Kulturzeit; Kulturdauer; Fermentationszeit; Laufzeit; sample age; tiempo;"
    "temps; time after inoculation; hours post inoculation; hpi; post inoculation; "
    "reaction time; process age;"
    "time from inoculation; TIME.PV; AGE.PV; age of culture; experiment time; culture "
    "period; sampling time;"
    "sample time; timepoint; time point; retention time"
)
MOMENT_WORDS = _keys(
    "date; date time; datetime; timestamp; time stamp; sampling date; sample date; sample datetime;"
    "sample date time; sampling datetime; collection date; collected; collected at; collected on;"
    "collection time; collection date time; date of sampling; date sampled; sampled; "
    "sampled at; sampled on;"
    "sampling date time; Datum; Uhrzeit; Datum Uhrzeit; Zeitstempel; Probenahme; "
    "Probenahmezeit; clock time;"
    "time of day; PDatTime; date and time; UTC; timestamp utc; local time; absolute time;"
    " clock; draw time;"
    "sampling time; sample time; run date time; Probenahmedatum; fecha; date/time; start "
    "date; logged at"
)
ORIGIN_WORDS = _keys(
    "inoculation; inoculation time; inoculation date; inoculated; inoculated at; "
    "inoculation datetime;"
    "inoculation date time; time of inoculation; inoc time; inoc date; inoculum time; Inokulation;"
    "Inokulationszeit; Animpfen; Animpfzeit; batch start inoculation; t0; date of inoculation;"
    "inoculated on; inoculation timestamp"
)
START_WORDS = _keys(
    "start time; start; started; start date; batch start; run start; process start; "
    "started at; start date time; Startzeit; start of batch; start of run; culture start;"
    " Start Datum; batch start time"
)
REPLICATE_WORDS = _keys(
    "replicate; rep; repl; replicate no; tech rep; technical replicate; replicate number;"
    " repeat; measurement no; injection; aliquot; Wiederholung; rep no; replicates; "
    "duplicate"
)
FLAG_WORDS = _keys(
    "flag; flags; qualifier; censored; censor; modifier; result flag; result qualifier; "
    "limit flag; sign; result modifier; prefix; detection; inequality; comparator"
)
SD_WORDS = _keys("sd; std; stdev; std dev; standard deviation; value sd; stddev; result sd")
UPPER_WORDS = _keys("value_upper; upper; upper value")
QUANTITY_WORDS = _keys(
    "quantity; analyte; parameter; test; test name; component; assay; assay name; "
    "variable; measurement; measurand; analysis; parameter name; attribute; compound; "
    "analyte name; property; characteristic; metric; Parameter Bezeichnung; "
    "Prufparameter; Analyt; tag; tag name; channel; signal; measurement name; measured "
    "quantity; metabolite; test code; analysis name"
)
VALUE_WORDS = _keys(
    "value; result; results; numeric result; reported result; result value; measured "
    "value; reading; concentration; conc; Wert; Ergebnis; final result; numeric value; "
    "Messwert; entry; formatted entry; reported value; test result; amount; raw value; "
    "process value"
)
UNIT_WORDS = _keys(
    "unit; units; uom; unit of measure; result unit; result units; Einheit; units of "
    "measure; reported units; unit of measurement; eng units; engineering units; display "
    "unit"
)
IGNORED_WORDS = _keys(
    "sample; sample id; sample no; sample number; sample name; sample #; no; number; nr; "
    "index; idx; row; row no; seq; sequence; id; #; count; record; record id; line; "
    "entry no; operator; analyst; user; user name; comment; comments; remark; remarks; "
    "note; notes; status; instrument; instrument id; serial no; serial number; approved "
    "by; reviewed by; dilution; dilution factor; file; file name; barcode; position; "
    "plate; tube; vial; result status; method; sample type; Bemerkung; Kommentar; Probe; "
    "Probennummer; Probe Nr; Proben ID; unnamed 0; test id; sample position; cells "
    "counted; images; counted images; background; background intensity; alarm; alarms; "
    "event; events; limit; specification; spec; spec min; spec max; lower limit; upper "
    "limit; loq; lod; detection limit; lims id; request id; order no; project; year; "
    "month; sampled by; tested by; result entered; result entered on; tested on; test "
    "date; analysis date; approved on; department; site of test; phase; sample point; "
    "reported on; date reported; entered on; week no"
)
NOISE_WORDS = _words(
    "ysi nova bioprofile cedex vicell vi-cell vi cell countess hplc offline online "
    "off-line on-line inline at-line offgas conc conc. concentration measured "
    "measurement value values level result results reading actual pv avg average mean "
    "residual sample medium broth supernatant reactor vessel bioreactor culture final "
    "total offl onl calc calculated enzymatic uplc ic gc biolector ambr external "
    "internal current probe sensor raw process corrected biochem analyzer analyser flex "
    "flex2 cubian cedexbio bio hires c xr nc200 nc-200 nucleocounter daily elisa octet "
    "protein a trypan blue filtered manual lab before after feed prefeed postfeed pre "
    "post start end new old estimated corr duplicate mab igg"
)
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
ORDINALS = {"a": 1, "b": 2, "c": 3, "i": 1, "ii": 2, "iii": 3}
UNDERSCORE_UNITS = _words(
    "g mg kg ug ng pg L mL uL l ml ul dL mol mmol umol nmol mM uM nM M h hr hrs hour "
    "hours d day days min "
    "mins s sec pct percent perc C degC K rpm RPM bar mbar psi kPa Pa nm um mm cm m U IU "
    "mU cells cell 1e6 "
    "10e6 1E6 million e6 E6 1e5 1e9 mio W kW mS uS pF mAU AU mV V vvm slpm lpm mOsm "
    "mOsmol ppm rel Da kDa J kJ mmHg "
    "g/L mg/L mL/h m2 m3 cm2 1e6cells years year NTU L/h"
)
JOINED_UNITS = {
    **dict.fromkeys(("gL", "gl", "gPerL"), "g/L"),
    **dict.fromkeys(("mgL", "mgl"), "mg/L"),
    **dict.fromkeys(("mmolL", "mmoll"), "mmol/L"),
    **dict.fromkeys(("mLh", "mlh"), "mL/h"),
}
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


def understand(text: str, vocabulary: Vocabulary, unit: str | None = None) -> Header:
    """
    Read a header.

    Parameters
    ----------
    text : str
        The header, such as ``Glc [mM]``, ``VCD_1e6_per_mL`` or ``Lac (g/L) 2``.
    vocabulary : Vocabulary
    unit : str, optional
        A unit from a row of units; one in the header itself goes first.

    Returns
    -------
    Header

    Examples
    --------
    >>> from bayesbio.data.vocabulary.lookup import shipped
    >>> header = understand("VCD_1e6_per_mL", shipped())
    >>> header.words[0].name, header.unit
    ('viable_cell_density', '1e6/mL')
    >>> understand("Lac (g/L) 2", shipped()).replicate
    2
    """
    text = re.sub(r"\s+", " ", text).strip()
    if unit is not None:
        unit = _bare(unit)
        unit = None if FORMAT_WORDS.fullmatch(unit) and unit != "-" else unit or None
    if is_structure(text):
        return Header(text, unit)
    if match := re.fullmatch(r"%\s*(?:of\s+)?([A-Za-z].*)", text):
        return understand(f"{match.group(1)} (%)", vocabulary, unit)
    if not re.search(r"[\[({%]", text) and (words := vocabulary.find_all(text)):
        return Header(text, unit, words)
    name, own, qualifier, bad = _split(text, vocabulary)
    unit = own if own is not None else unit
    found = _resolve(name, vocabulary)
    if not found.words and qualifier and vocabulary.find_all(qualifier):
        found = Header(name, words=vocabulary.find_all(qualifier))
    return found._replace(unit=unit, bad_unit="" if unit is not None else bad)


def _bare(text: str) -> str:
    """Take the brackets off a unit."""
    text = text.strip()
    if len(text) > 1 and text[0] + text[-1] in ("[]", "{}", "()"):
        return text[1:-1].strip()
    return text


def _split(text: str, vocabulary: Vocabulary) -> tuple[str, str | None, str, str]:
    """Split a header into name, unit, what else stood in brackets, and what is no unit."""
    unit: str | None = None
    qualifier, bad = "", ""
    rest = text
    for group in reversed(_groups(text)):
        inside = text[group[0] + 1 : group[1] - 1].strip()
        before = text[: group[0]]
        if re.fullmatch(r"\d{1,2}", inside) and before.strip():
            rest = rest.replace(text[group[0] : group[1]], f" {inside} ", 1)
            continue
        if unit is None and before.strip() and (found := _unit_of(inside)) is not None:
            unit = found
        elif FORMAT_WORDS.fullmatch(inside):
            pass
        elif _looks_like_unit(inside) or _only_a_unit(text[group[0]], inside, vocabulary):
            bad = inside
        else:
            qualifier = inside
        rest = rest.replace(text[group[0] : group[1]], " ", 1)
    rest = re.sub(r"\s+", " ", rest).strip(" ,;:-/") if rest != text else rest
    if unit is not None or bad:
        return rest or text, unit, qualifier, bad
    cut = _tail_unit(rest, vocabulary)
    if cut is not None:
        return cut[0], cut[1], qualifier, ""
    return rest or text, None, qualifier, ""


def _groups(text: str) -> list[tuple[int, int]]:
    """Give the places of the outermost brackets."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    found, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        if letter in pairs:
            start = place if depth == 0 else start
            depth += 1
        elif letter in pairs.values() and depth:
            depth -= 1
            if depth == 0:
                found.append((start, place + 1))
    return found


def _unit_of(text: str) -> str | None:
    """Give a text as a unit, trying to drop a word after it, or None."""
    if not text or to_number(text) is not None and text != "1":
        return None
    if units.is_unit(text):
        return text
    first = text.split(" ")[0].rstrip(",;")
    if " " in text and "/" in first and units.is_unit(first) and text.split(" ")[-1].isalpha():
        return first
    if (joined := _from_underscores(re.split(r"[_\s]+", text))) is not None:
        return joined
    return None


def _looks_like_unit(text: str) -> bool:
    """Tell whether something in brackets was meant as a unit."""
    return bool(re.search(r"\w/\w|\^|%|\bper\b|\d[eE]\d|[a-zA-Z]-1\b", text)) and len(text) <= 25


def _only_a_unit(bracket: str, inside: str, vocabulary: Vocabulary) -> bool:
    """Tell whether what stands in brackets can be nothing but a unit, known or not."""
    pieces = inside.lower().split()
    if not pieces or all(piece in NOISE_WORDS for piece in pieces) or vocabulary.find_all(inside):
        return False
    if is_structure(inside) or not re.fullmatch(r"[A-Za-z. ]+", inside):
        return False
    return bracket == "[" or bool(re.fullmatch(r"[a-z]{1,12}", inside))


def _tail_unit(text: str, vocabulary: Vocabulary) -> tuple[str, str] | None:
    """Find a unit at the end of a header: after a comma, a slash, a space or underscores."""
    for sign in (r"\s*[,;:]\s*", r"\s+/\s+", r"\s+in\s+", r"\s+-\s+", r"\s*\|\s*"):
        match = re.fullmatch(rf"(.+?){sign}(.+)", text)
        if match and units.is_unit(match.group(2)) and to_number(match.group(2)) is None:
            return match.group(1), match.group(2)
    match = re.fullmatch(r"([^/]+)/(.+)", text)
    if match and units.is_unit(match.group(2)) and to_number(match.group(2)) is None:
        known = bool(_resolve(match.group(1), vocabulary).words) or is_structure(match.group(1))
        if known:
            return match.group(1).strip(), match.group(2).strip()
    pieces = text.split(" ")
    for place in range(1, len(pieces)):
        before, after = " ".join(pieces[:place]), " ".join(pieces[place:])
        if to_number(after) is not None or not units.is_unit(after):
            continue
        known = bool(_resolve(before, vocabulary).words) or is_structure(before)
        if known or (after not in SINGLE and after in UNDERSCORE_UNITS) or "/" in after:
            return before, after
    pieces = [piece for piece in re.split(r"[_\s]+", text) if piece]
    for place in range(1, len(pieces)):
        before, tail = "_".join(pieces[:place]), pieces[place:]
        found = _from_underscores(tail)
        if found is None:
            continue
        known = bool(_resolve(before, vocabulary).words) or is_structure(before)
        if known or len(tail) > 1 or tail[0] not in SINGLE:
            return before, found
    return None


def _from_underscores(pieces: list[str]) -> str | None:
    """Join g_L, mL_h, 1e6_per_mL, 1e6_cells_mL to a unit, or give None."""
    words = [p for p in pieces if p]
    if len(words) == 1 and words[0] in JOINED_UNITS:
        return JOINED_UNITS[words[0]]
    if not words or any(w.lower() != "per" and not _is_unit_word(w) for w in words):
        return None
    parts: list[str] = []
    below = False
    for place, word in enumerate(words):
        if word.lower() == "per":
            below = True
            continue
        text = re.sub(r"^(mm|cm|m)([23])$", r"\1^\2", word)
        counts = place > 0 and re.fullmatch(r"1[eE]\d|10e\d|[eE]6|mio|million", words[place - 1])
        if place == 0:
            parts.append(text)
        elif counts and word.lower() in ("cell", "cells") and not below:
            parts.append(f" {text}")
        else:
            parts.append(f"/{text}")
        below = False
    text = "".join(parts)
    return text if units.is_unit(text) else None


def _is_unit_word(word: str) -> bool:
    return word in UNDERSCORE_UNITS or bool(re.fullmatch(r"10?[eE^]\d{1,2}", word))


def is_structure(text: str) -> bool:
    """
    Tell whether a name is one that orders a table: run, time, replicate, value, ...

    Examples
    --------
    >>> is_structure("Batch ID"), is_structure("glucose")
    (True, False)
    """
    return key(text) in STRUCTURE


STRUCTURE = frozenset(
    (
        *RUN_WORDS,
        *TIME_WORDS,
        *TIME_UNITS,
        *MOMENT_WORDS,
        *ORIGIN_WORDS,
        *REPLICATE_WORDS,
        *FLAG_WORDS,
        *QUANTITY_WORDS,
        *VALUE_WORDS,
        *UNIT_WORDS,
        *SD_WORDS,
        *UPPER_WORDS,
    )
)


def _resolve(name: str, vocabulary: Vocabulary) -> Header:
    """Find the quantity behind a name: as it stands, or without replicate, part and fill words."""
    if words := vocabulary.find_all(name):
        return Header(name, words=words)
    for pattern, part in (*PARTS, *FRONT_PARTS):
        bare = pattern.sub("", name)
        if bare and bare != name:
            inner = _resolve(bare, vocabulary)
            if inner.words:
                return inner._replace(part=part)
    match = REPLICATE.fullmatch(name)
    if match and match["base"].strip(" _-"):
        number = match["number"].lower()
        base = match["base"].strip(" _-.")
        words = vocabulary.find_all(base) or _without_noise(base, vocabulary)
        if words:
            return Header(base, words=words, replicate=ORDINALS.get(number) or int(number))
    if words := _without_noise(name, vocabulary):
        return Header(name, words=words, note="fill words left out")
    return Header(name)


def _without_noise(name: str, vocabulary: Vocabulary) -> tuple[Quantity, ...]:
    """Find a name after dropping the words of instruments and methods."""
    pieces = [piece for piece in re.split(r"[\s_\-.]+", name) if piece]
    kept = [
        piece
        for piece in pieces
        if piece.lower().strip(".,") not in NOISE_WORDS and not re.fullmatch(r"\d{3,}", piece)
    ]
    if not kept or len(kept) == len(pieces):
        return ()
    lower = {piece.lower() for piece in pieces}
    if "feed" in lower and not lower & AROUND_A_FEED:  # 'Feed A glucose' is what the feed holds
        named = [piece for piece in kept if piece.lower() != "in"]
        if words := vocabulary.find_all(f"feed {' '.join(named)}"):
            return words
    return vocabulary.find_all(" ".join(kept))


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

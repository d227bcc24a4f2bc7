"""Wide tables: one column per quantity, with replicates, means, spreads and flags beside it."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from bayesbio.data.findings import Finding
from bayesbio.data.importing.sheets import headers
from bayesbio.data.importing.sheets.cells import is_blank
from bayesbio.data.importing.sheets.columns import MEASURED, Plan, plan_quantity
from bayesbio.data.importing.sheets.structure import run_name
from bayesbio.data.importing.values import FLAG_SIGNS, Reader, read_flag
from bayesbio.data.vocabulary.lookup import key

FEED_SHEET = re.compile(r"(daily)?(feed|bolus|addition|fütterung|zugabe|zufütterung)")


class WideReader(Reader):
    """One column per quantity."""

    def read(self) -> None:
        """Read every column that holds a quantity; say what the others are."""
        plans = self._plans()
        self._several_of_one(plans)
        flags = {p.word.name: p for p in plans if p.part == "flag" and p.word is not None}
        spreads = {
            (p.word.name, p.replicate): p for p in plans if p.part == "sd" and p.word is not None
        }
        uppers = {p.word.name: p for p in plans if p.part == "upper" and p.word is not None}
        for plan in plans:
            if plan.part in ("flag", "sd", "upper", "other"):
                roles = {"flag": "flag", "sd": "sd", "upper": "value_upper", "other": "not used"}
                plan.role = roles[plan.part]
            elif plan.role in MEASURED and plan.word is not None:
                name = plan.word.name
                spread = spreads.get((name, plan.replicate), spreads.get((name, 0)))
                self._read_column(plan, flags.get(name), spread, uppers.get(name))
            elif plan.role == "covariate":
                self._read_covariate(plan)
        self.gathered.uses += [plan.use(self.block.name) for plan in plans]

    def _plans(self) -> list[Plan]:
        plans = []
        taken = self.layout.taken()
        kept_runs = self.runs
        for place, header in enumerate(self.block.header):
            if place in taken:
                continue
            if not header:
                if self.survey.is_numeric(place):
                    self.gathered.warn(
                        f"Column {place + 1} of {self.block.name} holds numbers but has "
                        "no name; it "
                        "was not used.",
                        "Give it a header to use it.",
                    )
                continue
            plan, findings = self._plan(place, header, kept_runs)
            plan.place = place
            plan.role = self.role(plan)
            self._added_each_time(plan)
            self.gathered.findings += findings
            self.unit_note(plan)
            plans.append(plan)
        return plans

    def _added_each_time(self, plan: Plan) -> None:
        """Tell volumes added each time from a counter, which never goes back."""
        if plan.word is None or plan.word.name != "cumulative_feed" or plan.role != "measurement":
            return
        counts: dict[str, list[float]] = {}
        for row in sorted(self.keep, key=lambda row: (self.runs[row], self.times[row])):
            reading = self.survey.readings[plan.place][row]
            if reading.kind == "number":
                counts.setdefault(self.runs[row], []).append(reading.value)
        falls = any(np.diff(series).min(initial=0.0) < 0.0 for series in counts.values())
        rests = all(series[0] > 0.0 and np.ptp(series) == 0.0 for series in counts.values())
        if falls or (rests and max(map(len, counts.values()), default=0) > 1):
            plan.role, plan.word = "bolus", self.options.words.find("volume")
            how = "goes up and down" if falls else "is the same each time"
            plan.note = f"{how}, so volume added each time"

    def _plan(self, place: int, header: str, runs: list[str]) -> tuple[Plan, list[Finding]]:
        survey, options = self.survey, self.options
        if self.only == "profile" and key(header) == "interpolation":
            return Plan(place, header, note="linear or step"), []
        constant = survey.constant_in(place, runs)
        role = options.role_of(header, None)
        if role == "not used":
            return Plan(place, header, note="left out as told"), []
        if survey.is_empty(place):
            return Plan(place, header, note="empty"), []
        found = headers.understand(header, options.words)
        marks = found.part in ("flag",) and bool(found.words)
        if survey.is_moment(place) and not survey.is_numeric(place):
            return Plan(place, header, note="another time"), []
        name = key(found.name)
        if (
            role is None
            and (name in headers.TIME_WORDS or name in headers.TIME_UNITS)
            and not found.words
        ):
            return Plan(place, header, note="another time"), []
        if marks:
            return Plan(place, header, word=found.words[0], part="flag", role="measurement"), []
        if not survey.is_numeric(place):
            return self._text_column(place, header, constant, role, bool(found.words))
        values = survey.numbers(place)
        if found.words and constant:
            several = len(set(runs)) > 1 and len(values) >= 3 * len(set(runs))
            constant = several and len(np.unique(values)) > 1
        unit = self.block.units[place] or survey.cell_unit(place)
        dosed = bool(FEED_SHEET.match(key(self.block.name)))
        return plan_quantity(header, unit, values, options, constant=constant, dosed=dosed)

    def _text_column(
        self, place: int, header: str, constant: bool, role: str | None, known: bool
    ) -> tuple[Plan, list[Finding]]:
        plan = Plan(
            place, header, name=headers.snake(headers.understand(header, self.options.words).name)
        )
        undetected = self.survey.count(place, "undetected") > 0
        texts = self.survey.count(place, "text")
        if known and (undetected or self.survey.count(place, "number")) and texts == 0:
            return plan_quantity(header, self.block.units[place], np.array([]), self.options)
        ignored = key(header) in headers.IGNORED_WORDS
        if role == "covariate" or (constant and not ignored):
            plan.role = "covariate"
            return plan, []
        plan.note = "text"
        if ignored:
            return plan, [
                Finding(
                    "warning",
                    "",
                    None,
                    f"Column {header!r} is not used: it holds text about single samples.",
                    "",
                )
            ]
        return plan, [
            Finding(
                "warning",
                "",
                None,
                f"Column {header!r} is not used: it holds text that changes within a run.",
                "Text that is the same throughout a run would be kept as a covariate.",
            )
        ]

    def _several_of_one(self, plans: list[Plan]) -> None:
        """Give replicate numbers to columns of one quantity; drop a mean beside them."""
        by_name: dict[tuple[str, str], list[Plan]] = {}
        for plan in plans:
            if plan.role in ("bolus", "sample"):  # two feeds at one time add up
                continue
            if plan.role in MEASURED and plan.word is not None and plan.part in ("", "mean"):
                by_name.setdefault((plan.word.name, plan.role), []).append(plan)
        for same in by_name.values():
            if len(same) < 2:
                continue
            self._number(same)

    def _number(self, same: list[Plan]) -> None:
        numbered = [p for p in same if p.replicate and p.part == ""]
        plain = [p for p in same if not p.replicate or p.part == "mean"]
        if numbered and len(plain) >= 1:
            for plan in plain:
                if plan.part == "mean" or self._is_mean(plan, numbered):
                    plan.role, plan.note = "not used", "mean of the replicate columns"
            plain = [plan for plan in plain if plan.role != "not used"]
        elif any(p.part == "mean" for p in plain) and any(p.part == "" for p in plain):
            for plan in plain:
                if plan.part == "mean":
                    plan.role, plan.note = "not used", "mean of the other column"
            plain = [plan for plan in plain if plan.role != "not used"]
        kept = [p for p in same if p in numbered or p in plain]
        for plan in plain:
            twin = next(
                (
                    o
                    for o in kept
                    if o is not plan
                    and o.role != "not used"
                    and o.place < plan.place
                    and self._same_values(o, plan)
                ),
                None,
            )
            if twin is not None:
                plan.role, plan.note = "not used", f"the same values as {twin.header!r}"
        kept = [p for p in kept if p.role != "not used"]
        stated = [p.replicate for p in kept]
        if len(kept) > 1 and (0 in stated or len(set(stated)) < len(stated)):
            for number, plan in enumerate(sorted(kept, key=lambda p: p.place), 1):
                plan.replicate = number
            if any(not p.header.startswith(kept[0].header.split(".")[0]) for p in kept):
                names = ", ".join(repr(p.header) for p in kept)
                self.gathered.warn(
                    f"Columns {names} all hold "
                    f"{kept[0].word.name if kept[0].word else ''}; they were "
                    "read as its replicates.",
                    "Leave one out with roles={'<column>': 'ignore'} if that is not so.",
                )

    def _house_values(self, plan: Plan) -> np.ndarray:
        assert plan.word is not None
        return np.array(
            [
                self.convert(r._replace(unit=""), plan.unit, plan.word).value
                if r.kind == "number"
                else math.nan
                for r in self.survey.readings[plan.place]
            ]
        )

    def _is_mean(self, plan: Plan, numbered: list[Plan]) -> bool:
        values = np.array([self._house_values(p) for p in numbered])
        mean = self._house_values(plan)
        there = np.isfinite(values).sum(axis=0)
        total = np.where(np.isfinite(values), values, 0.0).sum(axis=0)
        both = (there > 0) & np.isfinite(mean)
        if not both.any():
            return True
        expected = total[both] / there[both]
        return bool(np.mean(np.isclose(mean[both], expected, rtol=0.02, atol=1e-3)) > 0.8)

    def _same_values(self, one: Plan, other: Plan) -> bool:
        if one.unit == other.unit:
            return False
        first, second = self._house_values(one), self._house_values(other)
        both = np.isfinite(first) & np.isfinite(second)
        return bool(both.any() and np.allclose(first[both], second[both], rtol=0.05, atol=1e-9))

    def _read_column(
        self, plan: Plan, flag: Plan | None, spread: Plan | None, upper: Plan | None
    ) -> None:
        undetected = 0
        setting: dict[str, set[float]] = {}
        place = plan.place
        for row in self.keep:
            reading = self.survey.readings[place][row]
            if reading.kind == "undetected":
                undetected += 1
            if reading.kind == "text":
                self.text_in_number(row, plan, self.block.rows[row][place])
            if reading.kind != "number":
                continue
            if flag is not None:
                reading = reading._replace(flag=self._flag(row, flag) or reading.flag)
            if spread is not None:
                reading = reading._replace(sd=self._number_in(row, spread, reading.sd))
            if upper is not None:
                reading = reading._replace(upper=self._number_in(row, upper, reading.upper))
            row_flag = self.layout.places.get("flag")
            if row_flag is not None and not reading.flag:
                cell = str(self.block.rows[row][row_flag] or "").strip().lower()
                if FLAG_SIGNS.get(cell) == "excluded":
                    reading = reading._replace(flag="excluded")
            replicate = plan.replicate or self.replicate(row)
            self.add(row, plan, reading, plan.unit, replicate)
            setting.setdefault(self.runs[row], set()).add(reading.value)
        self.undetected(plan, undetected)
        if plan.role == "setting" and any(len(values) > 1 for values in setting.values()):
            name = plan.word.name if plan.word else plan.header
            run = next(run for run, values in setting.items() if len(values) > 1)
            self.gathered.warn(
                f"Column {plan.header!r} ({name}) changes within the run; it was read as "
                "a measurement "
                "rather than a setting.",
                "Keep one value a run if it is a setting.",
                run,
            )
            plan.role = "measurement"
            for entry in self.gathered.entries:
                if entry.column == plan.header and entry.role == "setting":
                    entry.role = "measurement"

    def _flag(self, row: int, flag: Plan) -> str:
        cell = self.block.rows[row][flag.place]
        return read_flag(cell, self.gathered, self.runs[row], self.block.numbers[row])

    def _number_in(self, row: int, plan: Plan, default: float) -> float:
        reading = self.survey.readings[plan.place][row]
        return reading.value if reading.kind == "number" else default

    def _read_covariate(self, plan: Plan) -> None:
        for row in self.keep:
            cell = self.block.rows[row][plan.place]
            if is_blank(cell):
                continue
            reading = self.survey.readings[plan.place][row]
            value: Any = run_name(cell)
            if reading.kind == "number" and not reading.unit and not reading.flag:
                value = reading.value
            self.gathered.add_setting(self.runs[row], plan.name, value)

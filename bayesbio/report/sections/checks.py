"""Section: the checks behind the verdict."""

from __future__ import annotations

from markupsafe import Markup, escape

from bayesbio.inference.diagnostics.verdict import QUESTIONS, VerdictItem
from bayesbio.report.labels import number, title
from bayesbio.report.section import Section
from bayesbio.report.subject import Subject

POSITION = 10


def section(subject: Subject) -> Section:
    """Tabulate every check, by question: outcome, value, limit and a sentence."""
    parts = [
        Section(words, html=_table(items), name=f"checks-{question}")
        for question, (words, *_) in QUESTIONS.items()
        if (items := [item for item in subject.evidence.verdict.items if item.question == question])
    ]
    return Section("Checks", parts=tuple(parts), name="checks")


def _table(items: list[VerdictItem]) -> Markup:
    """Write checks as rows."""
    rows = []
    for item in items:
        words, kind = ("✓ passed", " good") if item.passed else ("✗ failed", " bad")
        if item.advisory and not item.passed:
            words, kind = "! to look at", " look"
        sentence = item.sentence if item.passed else f"{item.sentence} {item.remedy}"
        rows.append(
            f'<tr><td>{escape(title(item.name))}</td><td class="mark{kind}">{words}</td>'
            f'<td class="n">{number(item.value, 4)}</td><td class="w">{escape(item.threshold)}</td>'
            f"<td>{escape(sentence)}</td></tr>"
        )
    head = '<th>check</th><th></th><th class="n">value</th><th>limit</th><th>in words</th>'
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return Markup(f'<div class="scroll">{table}</div>')

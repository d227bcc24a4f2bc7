"""Section: the equations of a process model."""

from __future__ import annotations

from markupsafe import Markup, escape

from bayesbio.ode import equations
from bayesbio.report.formulas import equation_lines, equation_svg
from bayesbio.report.section import Section
from bayesbio.report.subject import Subject

POSITION = 50


def section(subject: Subject) -> Section | None:
    """Typeset the equations as they were solved."""
    if subject.evidence.calibration is None:
        return None
    model = subject.evidence.calibration.model
    lines = [
        f'<div class="equation">{equation_svg(line) or f"<code>{escape(line)}</code>"}</div>'
        for line in equation_lines(equations(model))
    ]
    text = f"{type(model).__name__}, as it was solved."
    return Section("Equations", text, html=Markup("\n".join(lines)), name="equations")

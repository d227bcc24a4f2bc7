"""Section: corrections of rates, where a mechanism was corrected."""

from __future__ import annotations

from bayesbio.report.figures.correction_figures import correction_evidence
from bayesbio.report.section import Section
from bayesbio.report.subject import Subject

POSITION = 40


def section(subject: Subject) -> Section | None:
    """Show the learned factors, their share of each course, and their confounding."""
    calibration = subject.evidence.calibration
    made = None if calibration is None else correction_evidence(calibration)
    if made is None:
        return None
    figures, shares, confounded = made
    parts = [Section("", figure=figure, name=name) for name, figure in figures]
    parts += [
        Section("Share of the corrections in each course", table=shares),
        Section(
            "Confounding of corrections and parameters",
            "Correlation of a parameter with the correction, and the ratio of its interval's width "
            "with the correction to that without: far above 1, the data cannot separate the two.",
            table=confounded,
        ),
    ]
    return Section(
        "What the mechanism misses",
        "Rates of the mechanism are multiplied by these factors, learned from the data: median, "
        "50 % and 90 % bands. At the anchor the factor is 1; a band that contains 1 throughout "
        "shows no misfit.",
        parts=tuple(parts),
        name="corrections",
    )

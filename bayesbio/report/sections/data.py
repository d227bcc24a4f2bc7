"""Section: the data behind a result, and what looked odd in them."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from bayesbio.report.labels import title, unit_text
from bayesbio.report.section import Section
from bayesbio.report.subject import Subject

POSITION = 70


def section(subject: Subject) -> Section | None:
    """Count the measurements, and list findings and warnings."""
    if subject.evidence.calibration is not None:
        return _campaign_section(subject)
    if not subject.evidence.warnings:
        return None
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in subject.evidence.warnings)
    return Section("Warnings", html=Markup(f"<ul>{items}</ul>"), name="data")


def _campaign_section(subject: Subject) -> Section:
    campaign = subject.evidence.calibration.campaign
    frame = campaign.to_frame()
    flags = frame["flag"].value_counts()
    flagged = ", ".join(f"{count} {flag}" for flag, count in flags.items() if flag)
    settings = campaign.settings_frame()
    noted = findings(campaign, subject.evidence.warnings)
    parts = [Section("", table=counts(campaign))]
    if settings.size:
        parts.append(Section("Settings of the runs", table=settings.rename_axis("run")))
    parts.append(
        Section("Findings", "None." if noted.empty else "", table=None if noted.empty else noted)
    )
    text = f"{(frame['flag'] != 'excluded').sum()} measurements"
    text += f"; flagged: {flagged}." if flagged else "."
    return Section("Data", f"{text} No missing value was imputed.", parts=tuple(parts), name="data")


def counts(campaign: Any) -> pd.DataFrame:
    """Count measurements that are not excluded: a row a quantity, a column a run."""
    frame = campaign.to_frame()
    table = (
        frame[frame["flag"] != "excluded"]
        .groupby(["quantity", "run"])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=list(campaign.names), fill_value=0)
    )
    units = campaign.units
    table.insert(0, "unit", [unit_text(units.get(name, "")) for name in table.index])
    table.index = pd.Index([title(name) for name in table.index], name="quantity")
    return table


def findings(campaign: Any, warnings: list[str]) -> pd.DataFrame:
    """Tabulate the findings of reading and checking, and further warnings of the fit."""
    merged = campaign.findings.merged()
    rows = [(f.severity, f.run, f.time, f.what, f.what_to_do) for f in merged]
    listed = {str(finding) for finding in merged}
    rows += [("warning", "", None, text, "") for text in warnings if text not in listed]
    return pd.DataFrame(rows, columns=["severity", "run", "time [h]", "what", "what to do"])

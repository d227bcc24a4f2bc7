"""What was measured: campaigns of runs, tables, their words and units, and how they are read."""

from bayesbio.data.campaign import Campaign
from bayesbio.data.checking import check
from bayesbio.data.columns import Columns, ColumnUse
from bayesbio.data.findings import Finding, Findings
from bayesbio.data.reading import read_campaign
from bayesbio.data.run import Event, Profile, Run
from bayesbio.data.specification import Specification
from bayesbio.data.units import convert, registry, unit
from bayesbio.data.vocabulary import Quantity, quantity

__all__ = [
    "Campaign",
    "ColumnUse",
    "Columns",
    "Event",
    "Finding",
    "Findings",
    "Profile",
    "Quantity",
    "Run",
    "Specification",
    "check",
    "convert",
    "quantity",
    "read_campaign",
    "registry",
    "unit",
]

"""What was measured: campaigns of runs, tables, their words and units, and how they are read."""

from bayesbio.data.campaign import Campaign
from bayesbio.data.checking import check
from bayesbio.data.columns import Columns, ColumnUse
from bayesbio.data.event import Above, Below, Event
from bayesbio.data.findings import Finding, Findings
from bayesbio.data.reading import read_campaign
from bayesbio.data.reading_table import read_table
from bayesbio.data.run import Profile, Run
from bayesbio.data.specification import Specification
from bayesbio.data.table import Table, TableColumn
from bayesbio.data.template import write_template
from bayesbio.data.units import convert, registry, unit
from bayesbio.data.vocabulary import Quantity, quantity

__all__ = [
    "Above",
    "Below",
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
    "Table",
    "TableColumn",
    "check",
    "convert",
    "quantity",
    "read_campaign",
    "read_table",
    "registry",
    "unit",
    "write_template",
]

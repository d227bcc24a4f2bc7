"""What was measured: campaigns of runs, tables, their words and units, and how they are read."""

from bayesbio.data.campaign import Campaign, read_campaign
from bayesbio.data.checks.campaign_checks import check
from bayesbio.data.event import Above, Below, Event
from bayesbio.data.findings import Columns, ColumnUse, Finding, Findings
from bayesbio.data.importing.table_reader import read_table
from bayesbio.data.plan import Plan, read_plan
from bayesbio.data.run import Profile, Run
from bayesbio.data.specification import Specification
from bayesbio.data.table import Table, TableColumn
from bayesbio.data.template import write_template
from bayesbio.data.vocabulary.quantities import Quantity, quantity
from bayesbio.data.vocabulary.units import convert, registry, unit

__all__ = [
    "Above",
    "Below",
    "Campaign",
    "ColumnUse",
    "Columns",
    "Event",
    "Finding",
    "Findings",
    "Plan",
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
    "read_plan",
    "read_table",
    "registry",
    "unit",
    "write_template",
]

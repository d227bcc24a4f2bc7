"""Commands that read or write tables: check, template."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayesbio.cli.parsing import (
    ColumnMaps,
    Data,
    Options,
    RoleMaps,
    RunColumn,
    TimeColumn,
    build_process,
    read_runs,
)
from bayesbio.cli.printing import NOT_A_RESULT, print_line


def check(
    data: Data,
    model: Annotated[
        str | None, typer.Option("--model", help="Also check what this model needs.")
    ] = None,
    option: Options = None,
    column: ColumnMaps = None,
    role: RoleMaps = None,
    run: RunColumn = None,
    time: TimeColumn = None,
) -> None:
    """Show how every column was understood, and what looks wrong."""
    from bayesbio.data import check as examine

    built = None if model is None else build_process(model, option)
    campaign = read_runs(data, column, role, run, time, model=built, strict=False)
    findings = examine(campaign, model=built)
    print_line(repr(campaign), style="bold")
    print_line(f"{campaign.columns}\n")
    for finding in findings.merged():
        colour = "red" if finding.severity == "error" else "yellow"
        print_line(str(finding), label=finding.severity, style=colour)
    if not findings:
        print_line("Nothing looks wrong.", style="green")
    if findings.errors:
        raise typer.Exit(NOT_A_RESULT)


def template(
    folder: Annotated[Path, typer.Argument(help="Where to write it; made when missing.")],
) -> None:
    """Write an empty workbook with the expected sheets and one example run."""
    from bayesbio.data import write_template

    print_line(f"Wrote {write_template(folder)}")


COMMANDS = (check, template)

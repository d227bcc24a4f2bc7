"""Commands that read or write tables: check, template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayesbio.cli.options import Data, Options, Priors, SheetOptions
from bayesbio.cli.parsing import build_process, priors_of
from bayesbio.cli.printing import NOT_A_RESULT, busy, print_line
from bayesbio.errors import BayesbioError, DataError

if TYPE_CHECKING:
    from bayesbio.data import Campaign


def check(
    data: Data,
    sheet: SheetOptions,
    model: Annotated[
        str | None, typer.Option("--model", help="Also check what this model needs.")
    ] = None,
    option: Options = None,
    prior: Priors = None,
) -> None:
    """Show how every column was understood, and what looks wrong."""
    from bayesbio.data import check as examine
    from bayesbio.data.importing.table_reader import chromatogram

    built = None if model is None else build_process(model, option)
    try:
        campaign = sheet.runs(data, model=built, strict=False)
    except DataError:
        if built is not None or (curves := chromatogram(data)) is None:
            raise
        print_line(curves)
        return
    findings = examine(campaign, model=built)
    print_line(repr(campaign), style="bold")
    print_line(f"{campaign.columns}\n")
    for finding in findings.merged():
        colour = "red" if finding.severity == "error" else "yellow"
        print_line(str(finding), label=finding.severity, style=colour)
    missing = "" if built is None or findings.errors else _missing_for_fit(campaign, built, prior)
    if missing:
        print_line(missing, label="error", style="red")
    elif not findings:
        print_line("Nothing looks wrong.", style="green")
    if findings.errors or missing:
        raise typer.Exit(NOT_A_RESULT)


def _missing_for_fit(campaign: Campaign, model: Any, prior: list[str] | None) -> str:
    """Find what a fit of the model would ask for beyond the sheet; nothing if it can run."""
    from bayesbio.calibrate.problem.formulation import formulate
    from bayesbio.calibrate.requests import FitRequest

    with busy("Asking what a fit needs"):
        try:
            formulate(FitRequest(campaign, model, priors=priors_of(prior)))
        except BayesbioError as error:
            return str(error)
    return ""


def template(
    folder: Annotated[Path, typer.Argument(help="Where to write it; made when missing.")],
) -> None:
    """Write an empty workbook with the expected sheets and one example run."""
    from bayesbio.data import write_template

    print_line(f"Wrote {write_template(folder)}")


COMMANDS = (check, template)

"""What the command line prints: tables, and the verdict with its exit code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table as Grid

if TYPE_CHECKING:
    import pandas as pd

NOT_A_RESULT, NOT_POSSIBLE = 1, 2  # exit codes: checks failed; the command could not be done


def show(summary: pd.DataFrame, heading: str) -> None:
    """Print the parameters, those of single runs left out."""
    from bayesbio.report.figures.labels import number, unit_text

    columns = {"unit": "", "estimate": "best", "eti_50": "median", "eti_5": "5 %", "eti_95": "95 %"}
    columns |= {"r_hat": "R-hat", "ess_bulk": "ESS"}
    grid = Grid(title=heading, title_justify="left")
    grid.add_column("parameter")
    for column, words in columns.items():
        if column in summary:
            grid.add_column(words, justify="left" if column == "unit" else "right")
    for name, row in summary.iterrows():
        if "[" in str(name):
            continue
        cells = [
            unit_text(str(row[column])) if column == "unit" else number(row[column])
            for column in columns
            if column in summary
        ]
        grid.add_row(str(name), *cells)
    Console().print(grid)


def warn(sentences: Iterable[str]) -> None:
    """Print warnings, one a line."""
    console = Console()
    for sentence in sentences:
        console.print("[yellow]warning[/]: ", end="")
        console.print(sentence, highlight=False, markup=False)


def judge(calibration: Any) -> None:
    """Print the verdict; a failed one ends the command with its own exit code."""
    verdict = calibration.check()
    console = Console()
    if verdict.passed:
        console.print("[green]All checks passed.[/]")
        return
    console.print("[red]Not a result yet; these checks failed:[/]")
    for item in verdict.failures:
        console.print(f"  {item.sentence}", highlight=False, markup=False)
    console.print("What to do:")
    for place, remedy in enumerate(verdict.remedies(), start=1):
        console.print(f"  {place}. {remedy}", highlight=False, markup=False)
    raise typer.Exit(NOT_A_RESULT)

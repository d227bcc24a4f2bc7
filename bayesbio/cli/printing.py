"""What the command line prints: lines, tables, and the verdict with its exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid
from rich.text import Text

from bayesbio.cli.wording import in_options

if TYPE_CHECKING:
    import pandas as pd

NOT_A_RESULT, NOT_POSSIBLE = 1, 2  # exit codes: checks failed; the command could not be done
COLUMNS = {
    "unit": "",
    "estimate": "best",
    "mean": "mean",
    "eti_5": "5 %",
    "eti_50": "median",
    "eti_95": "95 %",
    "r_hat": "R-hat",
    "ess_bulk": "ESS",
}
COLOURS = {"passed": "green", "look": "yellow", "failed": "red"}
MOST_ROWS = 40


def interactive() -> bool:
    """Whether somebody watches the terminal."""
    return Console().is_terminal


@contextlib.contextmanager
def busy(what: str) -> Iterator[None]:
    """Say what takes a while, with a spinner and its seconds where somebody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"{what} ...", highlight=False)
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(what)
        yield


def print_line(text: str, *, label: str = "", style: str | None = None) -> None:
    """Print text as it is, never as markup; a label in front takes the style alone."""
    text = in_options(text)
    line = Text(f"{label}: ", style=style or "") if label else Text("", style=style or "")
    Console().print(
        line.append(text, style=None if label else style), highlight=False, soft_wrap=True
    )


def warn(sentences: Iterable[str]) -> None:
    """Print warnings, one a line."""
    for sentence in sentences:
        print_line(sentence, label="warning", style="yellow")


def print_summary(summary: pd.DataFrame, heading: str) -> None:
    """Print the rows of a summary, those of single runs left out."""
    from bayesbio.report.labels import number, unit_text

    shown = [column for column in COLUMNS if column in summary]
    shown = shown or [str(column) for column in summary.columns[:6]]
    grid = Grid(title=Text(heading), title_justify="left")
    grid.add_column("", overflow="fold")
    for column in shown:
        words = Text(COLUMNS.get(column, column))
        grid.add_column(words, justify="left" if column == "unit" else "right")
    rows = [(str(name), row) for name, row in summary.iterrows() if "[" not in str(name)]
    for name, row in rows[:MOST_ROWS]:
        cells = [
            unit_text(row[column]) if isinstance(row[column], str) else number(row[column])
            for column in shown
        ]
        grid.add_row(Text(name), *(Text(cell) for cell in cells))
    Console().print(grid)
    if len(rows) > MOST_ROWS:
        print_line(f"{len(rows) - MOST_ROWS} further rows are in the file.")


def print_verdict(result: Any) -> None:
    """Print the verdict; a failed one ends the command with an exit code of its own."""
    verdict = result.check()
    for badge in verdict.badges:
        print_line(f"{badge}", label=badge.question.rstrip("?"), style=COLOURS[badge.state])
    for item in verdict.advice:
        remedy = f" {item.remedy}" if item.remedy else ""
        print_line(f"{item.sentence}{remedy}", label="to look at", style="yellow")
    if verdict.passed:
        return
    print_line("Not a result yet; these checks failed:", style="red")
    for item in verdict.failures:
        print_line(f"  {item.sentence}")
    print_line("What to do:")
    for count, remedy in enumerate(verdict.remedies(), start=1):
        print_line(f"  {count}. {remedy}")
    raise typer.Exit(NOT_A_RESULT)

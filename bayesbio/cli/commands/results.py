"""Commands that ask a saved result: predict, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayesbio.cli.options import SavedResult, Seed, SheetOptions
from bayesbio.cli.parsing import writable
from bayesbio.cli.printing import busy, print_line, print_verdict, warn
from bayesbio.errors import CalibrationError

if TYPE_CHECKING:
    from xarray import Dataset

    from bayesbio.inference.diagnostics.evidence import Evidence


def predict(
    saved: SavedResult,
    sheet: SheetOptions,
    runs: Annotated[
        Path | None,
        typer.Argument(
            help="What to predict: runs (settings, profiles, events) for a calibrated process "
            "model (a plan needs no readings), a table with one row per prediction for any other. "
            "Default: the runs fitted."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="CSV file to write.")] = Path(
        "prediction.csv"
    ),
    until: Annotated[
        float | None,
        typer.Option(
            help="Predict until then, in the unit of time of your sheet (14 is day 14 where it "
            "says Day); default: the times of the sheet."
        ),
    ] = None,
    noise: Annotated[
        bool,
        typer.Option("--noise/--no-noise", help="New measurements, or the curve without noise."),
    ] = True,
    seed: Seed = 0,
) -> None:
    """Predict from a saved result: median and intervals of every quantity, as tables and figure."""
    from bayesbio.cli.planning import (
        as_in_sheet,
        hours_until,
        last_hour,
        notes_of,
        require_complete,
        write_answer,
    )
    from bayesbio.cli.tabulating import write_csv

    target = writable(output)
    result = saved.load()
    evidence = result.evidence()
    if evidence.calibration is not None:
        plan, columns = None, [result.campaign.columns]
        if runs is not None:
            with busy("Reading the plan"):
                plan = sheet.plan(runs, model=result.model, like=result.campaign)
            require_complete(plan, result)
            warn(str(item) for item in plan.findings.warnings.merged())
            columns.insert(0, plan.campaign.columns)
        hours = hours_until(until, *columns)
        times = None if plan is None or hours is not None else plan.hours(last_hour(result))
        with busy("Predicting"):
            prediction = result.predict(
                None if plan is None else list(plan.campaign),
                times=times,
                until=hours,
                noise=noise,
                random_seed=seed,
            )
        shown = as_in_sheet(prediction, *columns)
        notes = notes_of(prediction, result.check())
        warn(notes)
        rows = write_answer(prediction, shown, target, notes)
        print_line(
            f"Wrote {target}: {rows} rows; {target.stem}.xlsx and {target.stem}.png beside it"
        )
    else:
        rows = write_csv(_predict_rows(evidence, saved.posterior, runs, noise, seed), target)
        print_line(f"Wrote {target}: {rows} rows")
    print_verdict(result)


def _predict_rows(
    evidence: Evidence, file: Path, rows: Path | None, noise: bool, seed: int
) -> Dataset:
    """Predict the rows of a table; a result that predicts nothing says so."""
    from bayesbio.data import read_table

    if evidence.predict is None:
        raise CalibrationError(
            f"{str(file)!r} holds a {evidence.kind}, which does not predict. {evidence.instead} "
            f"Its report: bayesbio report {file}"
        )
    if rows is None:
        raise CalibrationError(
            f"{str(file)!r} holds a {evidence.kind}, which predicts the rows of a table. "
            f"Name one: bayesbio predict {file} new_rows.csv"
        )
    return evidence.predict(read_table(rows).frame, noise=noise, random_seed=seed)


def report(
    saved: SavedResult,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder to write into.")
    ] = None,
    parameter: Annotated[
        str | None, typer.Option(help="Which parameter the answer is about.")
    ] = None,
) -> None:
    """Write the report of a saved result: one page that works offline and can be mailed."""
    from bayesbio.report import sentence, write_report
    from bayesbio.report.answers import answer_of

    result = saved.load()
    folder = output or Path("reports") / saved.posterior.stem
    with busy("Checking, drawing and writing the report"):
        answer = sentence(result, parameter) if parameter else answer_of(result.evidence())
        page = write_report(folder, result, answer=answer)
    print_line(f"Wrote {page}")
    print_verdict(result)


COMMANDS = (predict, report)

"""Commands that read data or a posterior: check, template, fit, predict, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bayesbio.cli.parsing import (
    NOISES,
    ColumnMaps,
    Data,
    ModelName,
    Options,
    Posterior,
    RoleMaps,
    RunColumn,
    Seed,
    TimeColumn,
    build_process,
    levels_of,
    noise_of,
    pairs,
    prior_of,
    read_runs,
    writable,
)
from bayesbio.cli.printing import NOT_A_RESULT, judge, show, warn


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
    console = Console()
    console.print(f"[bold]{campaign!r}[/]", highlight=False)
    console.print(str(campaign.columns), highlight=False, markup=False)
    console.print()
    for finding in findings.merged():
        colour = "red" if finding.severity == "error" else "yellow"
        console.print(f"[{colour}]{finding.severity}[/]: ", end="")
        console.print(str(finding), highlight=False, markup=False)
    if not findings:
        console.print("[green]Nothing looks wrong.[/]")
    if findings.errors:
        raise typer.Exit(NOT_A_RESULT)


def template(
    folder: Annotated[Path, typer.Argument(help="Where to write it; made when missing.")],
) -> None:
    """Write an empty workbook with the expected sheets and one example run."""
    from bayesbio.data import write_template

    typer.echo(f"Wrote {write_template(folder)}")


def fit(
    data: Data,
    model: ModelName,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PARAMETER=run",
            help="Let a parameter differ from run to run, or by a column of your table of runs "
            "such as clone; 'clone,run' for both. May be repeated.",
        ),
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=LOW,HIGH",
            help="What you know beforehand: 90 % sure to lie in between. One number fixes it. May "
            "be repeated.",
        ),
    ] = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(
            metavar="QUANTITY=KIND",
            help=f"How an assay scatters: {', '.join(NOISES)}. May be repeated.",
        ),
    ] = None,
    option: Options = None,
    column: ColumnMaps = None,
    role: RoleMaps = None,
    run: RunColumn = None,
    time: TimeColumn = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Only the best fit over your data, in seconds; no result."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="posterior.nc, or quick_look.html with --quick."),
    ] = None,
    draws: Annotated[int, typer.Option(min=50, help="Draws kept of each chain.")] = 1000,
    chains: Annotated[int, typer.Option(min=1, help="Independent chains; four show trouble.")] = 4,
    seed: Seed = 1,
) -> None:
    """Calibrate a model on your runs; says at the end whether to believe it."""
    from bayesbio.data import Findings

    built = build_process(model, option)
    campaign = read_runs(data, column, role, run, time, model=built)
    target = writable(output or Path("quick_look.html" if quick else "posterior.nc"))
    wanted: dict[str, Any] = {
        "priors": {name: prior_of(text, name) for name, text in pairs(prior, "--prior").items()},
        "vary": {name: levels_of(text) for name, text in pairs(vary, "--vary").items()},
        "noise": {name: noise_of(text) for name, text in pairs(noise, "--noise").items()} or None,
        "random_seed": seed,
    }
    console = Console()
    said = [str(warning) for warning in Findings(campaign.findings).warnings.merged()]
    warn(said)
    if quick:
        from bayesbio.calibrate import quick_look
        from bayesbio.report import write_quick_look

        look = quick_look(campaign, built, **wanted)
        warn(text for text in look.options["findings"] if text not in said)
        show(look.summary(), f"A {look.label}")
        page = write_quick_look(target, look)
        typer.echo(f"Wrote {page}")
        return

    from bayesbio.calibrate import fit as calibrate

    calibration = calibrate(
        campaign, built, draws=draws, chains=chains, progress=console.is_terminal, **wanted
    )
    written = calibration.save(target)
    warn(text for text in calibration.options["findings"] if text not in said)
    show(calibration.summary(), f"{model}, {len(campaign)} runs")
    typer.echo(f"Wrote {written}. Next: bayesbio report {written}")
    judge(calibration)


def predict(
    posterior: Posterior,
    runs: Annotated[
        Path | None,
        typer.Argument(help="Runs to predict: settings, profiles, events. Default: those fitted."),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="CSV file to write.")] = Path(
        "prediction.csv"
    ),
    until: Annotated[
        float | None, typer.Option(help="Predict until this hour; default: the sampling times.")
    ] = None,
    noise: Annotated[
        bool, typer.Option("--noise/--no-noise", help="New measurements, or the true course.")
    ] = True,
    column: ColumnMaps = None,
    role: RoleMaps = None,
    run: RunColumn = None,
    time: TimeColumn = None,
    seed: Seed = 0,
) -> None:
    """Predict runs from a posterior: median and intervals of every quantity, as a table."""
    from bayesbio import load
    from bayesbio.cli.tabulating import table_of

    target = writable(output)
    calibration = load(posterior)
    asked = None
    if runs is not None:
        asked = list(read_runs(runs, column, role, run, time, model=calibration.model))
    prediction = calibration.predict(asked, until=until, noise=noise, random_seed=seed)
    table = table_of(prediction)
    table.to_csv(target, index=False)
    typer.echo(f"Wrote {target}: {len(table)} rows")
    judge(calibration)


def report(
    posterior: Posterior,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder to write into.")
    ] = None,
    parameter: Annotated[
        str | None, typer.Option(help="Which parameter the answer is about.")
    ] = None,
) -> None:
    """Write the report of a posterior: one page that works offline and can be mailed."""
    from bayesbio import load
    from bayesbio.report import sentence, write_report

    calibration = load(posterior)
    name = parameter or _headline(calibration)
    folder = output or Path("reports") / posterior.stem
    page = write_report(folder, calibration, answer=sentence(calibration, name))
    typer.echo(f"Wrote {page}")
    judge(calibration)


def _headline(calibration: Any) -> str:
    """Choose the parameter that a reader asks for first."""
    names = [str(name) for name in calibration.summary().index]
    return "maximum_growth_rate" if "maximum_growth_rate" in names else names[0]

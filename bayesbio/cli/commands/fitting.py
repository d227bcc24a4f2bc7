"""The command that calibrates: fit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from bayesbio.cli.parsing import (
    NOISES,
    ColumnMaps,
    Data,
    ModelName,
    Options,
    Priors,
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
from bayesbio.cli.printing import busy, interactive, print_line, print_summary, print_verdict, warn
from bayesbio.errors import BayesbioError


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
    prior: Priors = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(
            metavar="QUANTITY=KIND",
            help=f"Noise model of an assay: {', '.join(NOISES)}. May be repeated.",
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
    draws: Annotated[int, typer.Option(min=50, help="Posterior draws per chain.")] = 1000,
    chains: Annotated[
        int,
        typer.Option(
            min=1, help="Number of MCMC chains; at least four are needed to diagnose convergence."
        ),
    ] = 4,
    tune: Annotated[
        int, typer.Option(min=50, help="Warm-up draws per chain; more where chains mix slowly.")
    ] = 500,
    target_accept: Annotated[
        float | None,
        typer.Option(min=0.5, max=0.999, help="Acceptance rate; 0.95 or 0.99 where it diverges."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder in which draws are kept while they are made.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint of an interrupted fit.")
    ] = False,
    seed: Seed = 1,
) -> None:
    """Calibrate a model on your runs, and check whether the result can be relied on."""
    from bayesbio.data import Findings

    built = build_process(model, option)
    campaign = read_runs(data, column, role, run, time, model=built)
    target = writable(output or Path("quick_look.html" if quick else "posterior.nc"))
    request: dict[str, Any] = {
        "priors": {name: prior_of(text, name) for name, text in pairs(prior, "--prior").items()},
        "vary": {name: levels_of(text) for name, text in pairs(vary, "--vary").items()},
        "noise": {name: noise_of(text) for name, text in pairs(noise, "--noise").items()} or None,
        "random_seed": seed,
    }
    reading = [str(warning) for warning in Findings(campaign.findings).warnings.merged()]
    warn(reading)
    if quick:
        from bayesbio.calibrate import quick_look
        from bayesbio.report import write_quick_look

        with busy("Compiling the model and finding its best fit"):
            look = quick_look(campaign, built, **request)
        warn(text for text in look.options["findings"] if text not in reading)
        print_summary(look.summary(), f"A {look.label}")
        print_line(f"Wrote {write_quick_look(target, look)}")
        return

    from bayesbio.calibrate import fit as calibrate

    kept = checkpoint or (target.with_suffix(".checkpoint") if resume else None)
    request |= {"tune": tune, "target_accept": target_accept, "checkpoint": kept, "resume": resume}
    print_line("Compiling the model and finding where to start (up to a minute) ...")
    calibration = calibrate(
        campaign, built, draws=draws, chains=chains, progress=interactive(), **request
    )
    written = save_or_rescue(calibration, target)
    warn(text for text in calibration.options["findings"] if text not in reading)
    print_summary(calibration.summary(), f"{model}, {len(campaign)} runs")
    print_line(f"Wrote {written}. Next: bayesbio report {written}")
    print_verdict(calibration)


def save_or_rescue(result: Any, target: Path) -> Path:
    """Save a result; where that fails (a full disk, say), save it in the temporary folder."""
    try:
        return Path(result.save(target))
    except (OSError, BayesbioError) as error:
        rescued = Path(tempfile.mkdtemp(prefix="bayesbio-")) / target.name
        path = Path(result.save(rescued))
        warn([f"{str(target)!r} could not be written ({error}); the result is in {str(path)!r}."])
        return path


COMMANDS = (fit,)

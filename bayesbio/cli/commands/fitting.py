"""The command that calibrates: fit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from bayesbio.cli.options import Assumptions, Data, ModelName, Options, Sampling, Seed, SheetOptions
from bayesbio.cli.parsing import build_process, writable
from bayesbio.cli.printing import busy, interactive, print_line, print_summary, print_verdict, warn
from bayesbio.errors import BayesbioError


def fit(
    data: Data,
    model: ModelName,
    assumed: Assumptions,
    sheet: SheetOptions,
    sampling: Sampling,
    option: Options = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Only the best fit over your data, in seconds; no result."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="posterior.nc, or quick_look.html with --quick."),
    ] = None,
    seed: Seed = 1,
) -> None:
    """Calibrate a model on your runs, and check whether the result can be relied on."""
    from bayesbio.data import Findings

    built = build_process(model, option)
    campaign = sheet.runs(data, model=built)
    target = writable(output or Path("quick_look.html" if quick else "posterior.nc"))
    request = {**assumed.request(), "random_seed": seed}
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

    print_line("Compiling the model and finding where to start (up to a minute) ...")
    request |= sampling.request(target)
    calibration = calibrate(campaign, built, progress=interactive(), **request)
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

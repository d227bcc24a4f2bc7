"""The command that looks for a model: which-model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayesbio.cli.options import Data, Seed, SheetOptions
from bayesbio.cli.parsing import writable
from bayesbio.cli.printing import interactive, print_line, print_summary


def which_model(
    data: Data,
    sheet: SheetOptions,
    seconds: Annotated[
        float, typer.Option("--seconds", help="When to stop looking, up to one round of options.")
    ] = 150.0,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The page with curves and table.")
    ] = Path("which_model.html"),
    seed: Seed = 1,
) -> None:
    """Try the models and options that your columns allow, and say which describes your runs."""
    from bayesbio.calibrate import which_model_fits
    from bayesbio.report import write_model_choice

    target = writable(output)
    campaign = sheet.runs(data)
    print_line("Trying models by their best fit and on runs left out (a few minutes) ...")
    choice = which_model_fits(campaign, random_seed=seed, seconds=seconds, progress=interactive())
    scored = choice.table[choice.table["score"].notna()]
    print_summary(scored[["unknowns", "score", "bic"]], f"Models tried, the best first ({data})")
    for reason in choice.reasons:
        print_line(reason)
    if not choice.finished:
        print_line("The time was up: --seconds 400 would look further.", style="yellow")
    print_line(f"Wrote {write_model_choice(target, choice)}")
    options = "".join(f" --option {name}={value}" for name, value in choice.options.items())
    print_line(f"Next: bayesbio fit {data} --model {type(choice.model).__name__}{options}")


COMMANDS = (which_model,)

"""What is typed on the command line, turned into what the house understands."""

from __future__ import annotations

import ast
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayesbio.errors import DataError, ModelError

if TYPE_CHECKING:
    from bayesbio.data import Campaign, Plan

EXAMPLES = {
    "--vary": "maximum_growth_rate=run",
    "--prior": "maximum_growth_rate=0.02,0.06",
    "--noise": "glucose=proportional",
    "--option": "glutamine=false",
    "--column": "'Glc YSI=glucose [mM]'",
    "--role": "Agitation=profile",
}
NOISES = ("normal", "proportional", "lognormal", "student_t")

Data = Annotated[
    Path, typer.Argument(help="A CSV or Excel file with your runs, or a folder of tables.")
]
ColumnMaps = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="'HEADER=NAME \\[UNIT]'",
        help="What a column of yours means, such as 'Glc YSI=glucose \\[mM]'. May be repeated.",
    ),
]
RoleMaps = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="'HEADER=ROLE'",
        help="What a column is for: measurement, profile, setting, ... May be repeated.",
    ),
]
RunColumn = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="HEADER",
        help="The column that names the run, or several: Clone,Replicate.",
    ),
]
TimeColumn = Annotated[
    str | None, typer.Option("--time", metavar="HEADER", help="The column with the time.")
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        help="A model of the library, such as MammalianFedBatch (bayesbio models lists them), or "
        "your own: my_model.py:Perfusion.",
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="An option of the model, such as glutamine=false. May be repeated.",
    ),
]
Priors = Annotated[
    list[str] | None,
    typer.Option(
        "--prior",
        metavar="NAME=LOW,HIGH",
        help="Prior knowledge: a central 90 % interval. One number fixes the parameter. May be "
        "repeated.",
    ),
]
OwnModel = Annotated[
    str | None,
    typer.Option("--model", help="The model fitted, where it is your own: my_model.py:Perfusion."),
]
Posterior = Annotated[Path, typer.Argument(help="A file written by 'bayesbio fit -o'.")]
Seed = Annotated[int, typer.Option(help="Same seed, same numbers.")]


def writable(path: Path) -> Path:
    """Refuse an output that cannot be written, before hours of work are lost to it."""
    if path.is_dir():
        raise DataError(f"{str(path)!r} is a folder; name the file to write in it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent):
        return path


def load_result(file: Path, model: str | None, options: list[str] | None) -> Any:
    """Load a saved result, with the model it belongs to where that is not of the library."""
    from bayesbio import load

    return load(file) if model is None else load(file, model=build_process(model, options))


def read_runs(
    data: Path,
    column: list[str] | None,
    role: list[str] | None,
    run: str | None,
    time: str | None,
    *,
    model: Any = None,
    strict: bool = True,
) -> Campaign:
    """Read a campaign with the columns mapped as the command line says."""
    from bayesbio.data import read_campaign

    return read_campaign(
        data,
        run=tuple(run.split(",")) if run and "," in run else run,
        time=time,
        columns=pairs(column, "--column") or None,
        roles=pairs(role, "--role") or None,
        model=model,
        strict=strict,
    )


def read_a_plan(
    data: Path,
    column: list[str] | None,
    role: list[str] | None,
    run: str | None,
    time: str | None,
    *,
    model: Any,
) -> Plan:
    """Read a plan with the columns mapped as the command line says."""
    from bayesbio.data import read_plan

    mapped = {"columns": pairs(column, "--column"), "roles": pairs(role, "--role")}
    return read_plan(data, model=model, run=run, time=time, **mapped)


def build_process(name: str, options: list[str] | None) -> Any:
    """Find a model of the library or in a file of Python, and set its options."""
    from bayesbio.mechanistic import find_model

    given = {key: _literal(text) for key, text in pairs(options, "--option").items()}
    if ".py" in name:
        from bayesbio.cli.own_models import load_model

        return load_model(name, given)
    return find_model(name, **given)


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """
    Split NAME=VALUE at the last equals sign, as a header of a sheet may hold one.

    Examples
    --------
    >>> pairs(["Glc (n=2) = glucose [mM]"], "--column")
    {'Glc (n=2)': 'glucose [mM]'}
    """
    found = {}
    for text in given or ():
        name, sign, value = text.rpartition("=")
        if not sign or not name.strip() or not value.strip():
            example = EXAMPLES.get(option, "NAME=VALUE")
            raise DataError(
                f"{option} {text!r} is not NAME=VALUE; write it like {option} {example}, in quotes "
                "if it holds blanks."
            )
        found[name.strip()] = value.strip()
    return found


def _literal(text: str) -> Any:
    """Understand true, 3, 0.5 and words as a scientist types them."""
    if text.lower() in ("true", "yes", "on"):
        return True
    if text.lower() in ("false", "no", "off"):
        return False
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def prior_of(text: str, name: str) -> Any:
    """Make a prior from LOW,HIGH (central 90 %), or a fixed value from one number."""
    from bayesbio.inference import between

    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and math.isfinite(numbers[0]):
        return numbers[0]
    if len(numbers) == 2:
        return between(*numbers)
    raise ModelError(
        f"--prior {name}={text} is neither LOW,HIGH nor one number; write --prior {name}=0.02,0.06 "
        f"or --prior {name}=0.04, in the house unit of {name}."
    )


def levels_of(text: str) -> str | tuple[str, ...]:
    """
    Read what a parameter varies over.

    Examples
    --------
    >>> levels_of("run"), levels_of("clone,run")
    ('run', ('clone', 'run'))
    """
    levels = tuple(part.strip() for part in text.split(","))
    return levels[0] if len(levels) == 1 else levels


def noise_of(text: str) -> str:
    """Check the name of a noise model."""
    if text not in NOISES:
        raise ModelError(f"Noise {text!r} is unknown; choose from {', '.join(NOISES)}.")
    return text

"""Options that several commands share, in groups: a command takes a group as one parameter."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from bayesbio.cli.parsing import NOISES, build_process, levels_of, noise_of, pairs, priors_of
from bayesbio.cli.printing import busy

if TYPE_CHECKING:
    from bayesbio.data import Campaign, Plan

Data = Annotated[
    Path, typer.Argument(help="A CSV or Excel file with your runs, or a folder of tables.")
]
ColumnMaps = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="'HEADER=NAME [UNIT]'",
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
Feeds = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A table of what your feeds hold: name, component, concentration, unit. A sheet "
        "'feeds' in the workbook serves as well.",
    ),
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
Levels = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        metavar="PARAMETER=run",
        help="Let a parameter differ from run to run, or by a column of your table of runs "
        "such as clone; 'clone,run' for both. May be repeated.",
    ),
]
Noises = Annotated[
    list[str] | None,
    typer.Option(
        "--noise",
        metavar="QUANTITY=KIND",
        help=f"Noise model of an assay: {', '.join(NOISES)}. May be repeated.",
    ),
]
OwnModel = Annotated[
    str | None,
    typer.Option("--model", help="The model fitted, where it is your own: my_model.py:Perfusion."),
]
Posterior = Annotated[Path, typer.Argument(help="A file written by 'bayesbio fit -o'.")]
Seed = Annotated[int, typer.Option(help="Same seed, same numbers.")]


@dataclasses.dataclass(frozen=True)
class SheetOptions:
    """How a table is to be read: options of every command that takes one."""

    column: ColumnMaps = None
    role: RoleMaps = None
    run: RunColumn = None
    time: TimeColumn = None
    feeds: Feeds = None

    def runs(self, data: Path, *, model: Any = None, strict: bool = True) -> Campaign:
        """Read a campaign."""
        from bayesbio.data import read_campaign

        return read_campaign(self._files(data), model=model, strict=strict, **self._mapped())

    def plan(self, data: Path, *, model: Any, like: Campaign) -> Plan:
        """Read a plan."""
        from bayesbio.data import read_plan

        return read_plan(self._files(data), model=model, like=like, **self._mapped())

    def _files(self, data: Path) -> Path | list[Path]:
        return data if self.feeds is None else [data, self.feeds]

    def _mapped(self) -> dict[str, Any]:
        columns, roles = pairs(self.column, "--column"), pairs(self.role, "--role")
        key = None if self.run is None else [name.strip() for name in self.run.split(",")]
        return {"columns": columns, "roles": roles, "run": key, "time": self.time}


@dataclasses.dataclass(frozen=True)
class SavedResult:
    """A saved result: its file, with the model fitted where that is not of the library."""

    posterior: Posterior
    model: OwnModel = None
    option: Options = None

    def load(self) -> Any:
        """Load it."""
        from bayesbio import load

        with busy("Loading the posterior"):
            if self.model is None:
                return load(self.posterior)
            return load(self.posterior, model=build_process(self.model, self.option))


@dataclasses.dataclass(frozen=True)
class Assumptions:
    """What a fit assumes beyond its model."""

    vary: Levels = None
    prior: Priors = None
    noise: Noises = None

    def request(self) -> dict[str, Any]:
        """Arguments of a fit."""
        noises = {name: noise_of(text) for name, text in pairs(self.noise, "--noise").items()}
        return {
            "priors": priors_of(self.prior),
            "vary": {name: levels_of(text) for name, text in pairs(self.vary, "--vary").items()},
            "noise": noises or None,
        }


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How much is drawn, and where it is kept meanwhile."""

    draws: Annotated[int, typer.Option(min=50, help="Posterior draws per chain.")] = 1000
    chains: Annotated[
        int,
        typer.Option(
            min=1, help="Number of MCMC chains; at least four are needed to diagnose convergence."
        ),
    ] = 4
    tune: Annotated[
        int, typer.Option(min=50, help="Warm-up draws per chain; more where chains mix slowly.")
    ] = 500
    target_accept: Annotated[
        float | None,
        typer.Option(min=0.5, max=0.999, help="Acceptance rate; 0.95 or 0.99 where it diverges."),
    ] = None
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder in which draws are kept while they are made.")
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint of an interrupted fit.")
    ] = False

    def request(self, target: Path) -> dict[str, Any]:
        """Arguments of a fit that is saved as `target`."""
        beside = target.with_suffix(".checkpoint") if self.resume else None
        return {**vars(self), "checkpoint": self.checkpoint or beside}


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Offer the fields of dataclasses among a command's parameters as options of their own."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {}
    shown = []
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if dataclasses.is_dataclass(kind):
            groups[parameter.name] = kind
            types = get_type_hints(kind, include_extras=True)
            fields = {
                field.name: (types[field.name], field.default) for field in dataclasses.fields(kind)
            }
        else:
            fields = {parameter.name: (kind, parameter.default)}
        for name, (hint, default) in fields.items():
            default = parameter.empty if default is dataclasses.MISSING else default
            shown.append(
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint
                )
            )

    def called(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(
                **{each.name: given.pop(each.name) for each in dataclasses.fields(kind)}
            )
        command(**given)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in shown}
    return called

"""Commands about models: those of the library, and one of your own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from bayesbio.cli.options import Options
from bayesbio.cli.parsing import build_process
from bayesbio.cli.printing import busy, print_line


def models() -> None:
    """List the models of the library, one line each, with their options."""
    from bayesbio.mechanistic import MODELS

    for name, kind in sorted(MODELS.items()):
        line = (kind.__doc__ or "").strip().splitlines()[0]
        print_line(line, label=name, style="bold")
        options = [_option(f) for f in dataclasses.fields(kind) if f.init]
        if options:
            print_line("    --option " + ", ".join(options))
    print_line("A model of your own: bayesbio new-model my_model.py")


def _option(field: Any) -> str:
    """Write an option with its default."""
    factory = field.default_factory
    value = field.default if factory is dataclasses.MISSING else factory()
    if isinstance(value, bool):
        return f"{field.name}={str(value).lower()}"
    return f"{field.name}={getattr(value, 'name', value)}"


def new_model(
    file: Annotated[Path, typer.Argument(help="The file to write, such as perfusion.py.")],
) -> None:
    """Write a commented model of your own, ready to change, to check and to fit."""
    from bayesbio.cli.own_models import write_skeleton

    name = write_skeleton(file)
    print_line(f"Wrote {file}. Next: bayesbio check-model {file}:{name}")


def check_a_model(
    model: Annotated[str, typer.Argument(help="my_model.py:Perfusion, or one of the library.")],
    option: Options = None,
) -> None:
    """Say whether a model is fine, or where and why it is not."""
    from bayesbio.mechanistic import check_model
    from bayesbio.ode.codegen.cache import kernels

    built = build_process(model, option)
    verdict = check_model(built)
    with busy("Following the equations"):
        kernels(built)
    print_line(f"{type(built).__name__}: {verdict}.", style="green")


check_a_model.__name__ = "check_model"
COMMANDS = (models, new_model, check_a_model)

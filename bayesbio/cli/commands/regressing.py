"""The command that explains a titer by its factors: titer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayesbio.cli.options import Seed
from bayesbio.cli.parsing import writable
from bayesbio.cli.printing import interactive, print_line, print_summary, print_verdict, warn
from bayesbio.errors import DataError


def titer(
    table: Annotated[Path, typer.Argument(help="A CSV or Excel file, one row a culture or run.")],
    response: Annotated[
        str | None, typer.Option(help="The column to explain; default: the one that was measured.")
    ] = None,
    factor: Annotated[
        list[str] | None,
        typer.Option(metavar="HEADER", help="A column that was set. May be repeated."),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HEADER", help="Cultures that share a level differ together, such as Block."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Posterior to write.")] = Path(
        "titer.nc"
    ),
    draws: Annotated[int, typer.Option(min=50, help="Posterior draws per chain.")] = 1500,
    chains: Annotated[int, typer.Option(min=1, help="Number of MCMC chains.")] = 4,
    seed: Seed = 1,
) -> None:
    """Explain the titer of a design by its factors: main effects, squares, interactions."""
    from bayesbio.data import read_table
    from bayesbio.titer import TiterModel

    target = writable(output)
    named = [response] if response else None
    read = read_table(table, factors=factor or None, responses=named, groups=group or None)
    known = {name: c.name for c in read.columns for name in (c.header, c.name)}
    measured = [known.get(response, response)] if response else read.responses
    if len(measured) != 1:
        raise DataError(
            f"{table} holds {len(measured)} measured columns ({', '.join(measured) or 'none'}); "
            "name the one to explain: --response HEADER."
        )
    model = TiterModel(measured[0], varying=[known.get(name, name) for name in group or ()])
    print_line(f"{read!r}")
    print_line("Compiling the model ...")
    posterior = model.fit(
        read, random_seed=seed, draws=draws, chains=chains, progress=interactive()
    )
    warn(posterior.warnings)
    print_summary(posterior.summary(), f"{measured[0]}, {len(read)} rows")
    print_summary(posterior.key_factors(), "What each factor does to it")
    print_line(f"Wrote {posterior.save(target)}. Next: bayesbio report {target}")
    print_verdict(posterior)


COMMANDS = (titer,)

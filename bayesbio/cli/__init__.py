"""The command line: check, template, models, fit, predict, report, run."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from bayesbio.cli.commands import all_commands
from bayesbio.cli.options import grouped
from bayesbio.cli.printing import NOT_POSSIBLE
from bayesbio.cli.wording import in_options
from bayesbio.errors import BayesbioError

__all__ = ["app", "main"]

app = typer.Typer(
    name="bayesbio",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From a table of runs to a calibrated model, a prediction and a report.\n\n"
    "Usual order: [bold]check[/] your file, [bold]fit --quick[/] for a first look, [bold]fit[/], "
    "then [bold]report[/] or [bold]predict[/]. A first file: [bold]template[/].\n\n"
    "Exit codes: 0 done; 1 done, but checks failed, so it is not a result yet; 2 not possible, and "
    "a sentence says why.",
)

for command in all_commands():
    app.command()(grouped(command))


def _print_version(asked: bool) -> None:
    """Print the version and end."""
    if asked:
        from bayesbio import __version__

        typer.echo(f"bayesbio {__version__}")
        raise typer.Exit


@app.callback(help=app.info.help)
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options that stand before any command."""


def main() -> None:
    """Run the command line; what bayesbio refuses on purpose is one sentence, not a traceback."""
    try:
        app()
    except BayesbioError as refused:
        _refuse(in_options(str(refused)))
    except OSError as refused:
        if refused.filename is None:
            raise
        reason = (refused.strerror or type(refused).__name__).lower()
        _refuse(
            f"{str(refused.filename)!r} could not be read or written: {reason}. Check the path, "
            "the disk, and whether you may write there."
        )


def _refuse(sentence: str) -> None:
    Console(stderr=True).print(sentence, style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(NOT_POSSIBLE)

"""Analyses: each a script of its own, run in a process of its own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from bayesbio.cli.printing import print_line
from bayesbio.errors import DataError


def run(
    analysis: Annotated[str, typer.Argument(help="A file name in analyses/, or 'all'.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer draws: minutes, not hours.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder of the reports.")] = Path("reports"),
    folder: Annotated[Path, typer.Option(help="Folder of the analyses.")] = Path("analyses"),
) -> None:
    """Run one analysis or all of them, and write the page that links their reports."""
    from bayesbio.report.index import write_index

    chosen = _analyses(folder, analysis)
    home = str(Path(__file__).parents[3])
    known = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([home, known] if known else [home]),
        "MPLBACKEND": "Agg",
    }
    began, failed = time.monotonic(), []
    for done_before, script in enumerate(chosen):
        elapsed = time.monotonic() - began
        to_go = elapsed / max(done_before, 1) * (len(chosen) - done_before)
        remaining = f", about {to_go:.0f} s to go" if done_before else ""
        heading = (
            f"[{done_before + 1}/{len(chosen)}] {script.stem}: {question_of(script)}{remaining}"
        )
        print_line(heading)
        command = [sys.executable, str(script), "--out", str(out), *(["--quick"] if quick else [])]
        done = subprocess.run(command, env=environment, check=False)
        page = out / script.stem / "index.html"
        if done.returncode or not page.is_file():
            failed.append(script.stem)
            print_line(f"{script.stem} did not write its report.", style="red")
        else:
            print_line(f"Wrote {page}")
    if out.is_dir():
        print_line(f"Wrote {write_index(out)}")
    if failed:
        raise DataError(
            f"{len(failed)} of {len(chosen)} analyses failed: {', '.join(failed)}. Their messages "
            f"stand above; run one alone with: bayesbio run {failed[0]}"
        )


def question_of(script: Path) -> str:
    """Read the question that an analysis answers: the first line of its docstring."""
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    return text.strip().splitlines()[0] if text.strip() else ""


def _analyses(folder: Path, analysis: str) -> list[Path]:
    known = {path.stem: path for path in sorted(folder.glob("[!_]*.py"))}
    if not known:
        raise DataError(
            f"There are no analyses in {str(folder)!r}. Go to a clone of the bayesbio repository, "
            "or name the folder with --folder."
        )
    if analysis == "all":
        return list(known.values())
    name = analysis.removesuffix(".py")
    if name not in known:
        raise DataError(f"There is no analysis {name!r}; there are {', '.join(known)}, and 'all'.")
    return [known[name]]


COMMANDS = (run,)

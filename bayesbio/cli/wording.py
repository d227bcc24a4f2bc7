"""Sentences of the library in the words of the command line: options, not arguments of Python."""

from __future__ import annotations

import functools
import re

NAME = r"\{\s*(?:'(?P<name>[^']*)'|\.\.\.)\s*:\s*(?:'(?P<text>[^']*)'|(?P<value>[^{}]*?))\s*\}"
OPTIONS = {"priors": "prior", "vary": "vary", "noise": "noise", "columns": "column"}
OPTIONS |= {"roles": "role", "parameters": "prior"}
PLAIN = (
    (r"settings=\{\s*'(?P<name>[^']+)'\s*:[^{}]*\}", r"a column '\g<name>'"),
    (r"settings=\{[^{}]*\}", "a column of the table of runs"),
    (r"quantities=\{\s*'(?P<name>[^']+)'[^{}]*\}", r"--column 'HEADER=\g<name> [UNIT]'"),
    (r"read_campaign\(\.\.\., (?P<inner>--\S+ '[^']*'|--\S+ \S+?|[^()]*)\)", r"\g<inner>"),
    (r"\b(?P<option>run|time)=(?P<quoted>'[^']*')", r"--\g<option> \g<quoted>"),
    (r"read with strict=False and print campaign\.findings", "bayesbio check shows all"),
    (r"\b(?P<option>draws|tune|chains|target_accept|until)=", r"--\g<option> "),
    (r"\btimes=\[\.\.\.\]", "rows with days in the plan"),
    (r"\bthe argument target_accept\b", "--target-accept"),
    (r"\bvarying=\[\.\.\.\]", "--group HEADER"),
    (r" transform= decides otherwise\.", ""),
    (r" \(read_table\)", ""),
    (r"calibration\.predict\([^)]*\)+", "bayesbio predict posterior.nc PLAN.xlsx"),
)


def in_options(sentence: str) -> str:
    """
    Rewrite what a sentence says of Python arguments as options of the command line.

    Examples
    --------
    >>> in_options("Give it a prior: priors={'death_rate': between(low, high)}.")
    'Give it a prior: --prior death_rate=LOW,HIGH.'
    >>> in_options("Read with columns={'Glc': 'glucose [g/L]'}.")
    "Read with --column 'Glc=glucose [g/L]'."
    >>> in_options("Name them: read_campaign(..., time='Culture day'), or head it Day.")
    "Name them: --time 'Culture day', or head it Day."
    """
    for argument, option in OPTIONS.items():
        found = rf"\b{argument}=(?:{NAME}|\{{[^{{}}]*\}})"
        sentence = re.sub(found, functools.partial(_option, option), sentence)
    for pattern, words in PLAIN:
        sentence = re.sub(pattern, words, sentence)
    return sentence.replace("--target_accept", "--target-accept")


def _option(option: str, match: re.Match[str]) -> str:
    """Write one entry of a mapping as an option."""
    name, value = match["name"] or "NAME", match["text"] or match["value"] or "..."
    if option == "prior":
        numeric = re.fullmatch(r"-?[\d.]+(?:e-?\d+)?", value)
        return f"--prior {name}={value if numeric else 'LOW,HIGH'}"
    if option in ("column", "role"):
        name = "HEADER" if name in ("NAME", "...", "header") else name
        value = {"...": "name [unit]", "…": "name [unit]"}.get(value, value)
        return f"--{option} '{name}={value}'"
    return f"--{option} {name}={value.removesuffix('()')}"

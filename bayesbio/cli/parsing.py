"""What is typed on the command line, turned into what the house understands."""

from __future__ import annotations

import ast
import math
import tempfile
from pathlib import Path
from typing import Any

from bayesbio.errors import DataError, ModelError

EXAMPLES = {
    "--vary": "maximum_growth_rate=run",
    "--prior": "maximum_growth_rate=0.02,0.06",
    "--noise": "glucose=proportional",
    "--option": "glutamine=false",
    "--column": "'Glc YSI=glucose [mM]'",
    "--role": "Agitation=profile",
}
NOISES = ("normal", "proportional", "lognormal", "student_t")


def writable(path: Path) -> Path:
    """Refuse an output that cannot be written, before hours of work are lost to it."""
    if path.is_dir():
        raise DataError(f"{str(path)!r} is a folder; name the file to write in it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent):
        return path


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


def priors_of(given: list[str] | None) -> dict[str, Any]:
    """Make the priors given as NAME=LOW,HIGH or NAME=NUMBER."""
    return {name: prior_of(text, name) for name, text in pairs(given, "--prior").items()}


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

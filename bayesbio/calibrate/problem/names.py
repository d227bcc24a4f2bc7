"""Names that a calibration gives its variables and dimensions; user names may not be among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.errors import ModelError
from bayesbio.inference import Noise

DIMENSIONS = ("chain", "draw", "run", "time")
OF_READINGS = ("row", "run", "time", "flag")  # of the readings of a quantity, after its name


def auxiliary_names(structure: ParameterStructure) -> frozenset[str]:
    """Variables of the statistical model that are no parameters: standardised effects."""
    effects = {f"{n}_effect_{level}" for n, levels in structure.vary.items() for level in levels}
    partial = {f"correlation_{level}_partial" for level in structure.correlated_blocks}
    return frozenset(effects | partial)


def check_posterior_names(
    unknowns: Iterable[str], structure: ParameterStructure, noise: Mapping[str, Noise]
) -> None:
    """Refuse names that would be used twice in a posterior, with both meanings."""
    meaning: dict[str, str] = {name: f"the unknown {name}" for name in unknowns}
    more: list[tuple[str, str]] = []
    for name, levels in structure.vary.items():
        for level in levels:
            more.append((f"{name}_sd_{level}", f"the spread of {name} by {level}"))
            more.append((f"{name}_by_{level}", f"the values of {name} by {level}"))
    more += [(f"{name}_slope", f"the slopes of {name}") for name in structure.covariates]
    for quantity, each in noise.items():
        more += [(name, f"the noise of {quantity}") for name in dict.fromkeys(each.names(quantity))]
    for level in structure.correlated_blocks:
        more.append((f"correlation_{level}", f"correlations by {level}"))
    more += [(name, "an effect of groups") for name in sorted(auxiliary_names(structure))]
    for name, what in more:
        if name in meaning and meaning[name] != what and not _shared(meaning[name], what):
            raise ModelError(
                f"{name!r} is the name of {meaning[name]} and of {what} in the posterior. Rename "
                "the parameter, the column of the table of runs or the quantity."
            )
        meaning[name] = what
    grouping = dict.fromkeys(level for each in structure.vary.values() for level in each)
    for level in grouping:
        if level in DIMENSIONS and level != "run":
            raise ModelError(
                f"A posterior has a dimension {level!r} already, so nothing can vary by a column "
                f"of that name. Rename the column of the table of runs."
            )
    for name in (*DIMENSIONS, *grouping):
        if name in meaning:
            raise ModelError(
                f"{name!r} is the name of {meaning[name]} and of a dimension of the posterior. "
                "Rename the parameter or the column of the table of runs."
            )
    of_readings = {f"{quantity}_{what}": quantity for quantity in noise for what in OF_READINGS}
    for quantity in noise:
        if quantity in of_readings:
            raise ModelError(
                f"The readings of {of_readings[quantity]!r} use the name {quantity!r}, which is a "
                "measured quantity too. Rename it: read_campaign(..., columns={...})."
            )


def _shared(first: str, second: str) -> bool:
    """Whether two meanings are noise: quantities may share an error."""
    return first.startswith("the noise of ") and second.startswith("the noise of ")

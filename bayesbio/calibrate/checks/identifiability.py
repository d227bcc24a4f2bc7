"""Which parameters measurements can determine at all, before any number is measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bayesbio.data import Campaign
from bayesbio.errors import ModelError
from bayesbio.mechanistic import ProcessModel
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.generic_sensitivity import PRIME, generic_sensitivity, kernel_of, rank_of
from bayesbio.ode.simulation import setting_of

LARGEST_EXPONENT = 6
MOST_RUNS = 3  # further runs with other settings add nothing structural


@dataclasses.dataclass(frozen=True)
class Confounded:
    """
    Unknowns that the measurements cannot tell apart.

    Multiplying each by c to its exponent changes nothing that is measured, for any c; without
    exponents the exchange is not of that kind.
    """

    names: tuple[str, ...]
    exponents: tuple[int, ...] | None

    @property
    def sentence(self) -> str:
        """The finding in words."""
        if len(self.names) == 1:
            return f"{self.names[0]} leaves no trace in what is measured."
        spoken = f"{', '.join(self.names[:-1])} and {self.names[-1]}"
        if self.exponents is None:
            return f"{spoken} can only be determined in combination."
        if len(self.names) == 2 and {abs(e) for e in self.exponents} == {1}:
            first, second = self.names
            same = self.exponents[0] == self.exponents[1]
            what = "ratio" if same else "product"
            return f"Of {first} and {second} only the {what} can be determined."
        factors = ", ".join(
            f"{name} by c{'' if e == 1 else f'^{e}'}"
            for name, e in zip(self.names, self.exponents, strict=True)
        )
        return f"Multiplying {factors} changes nothing that is measured."


@dataclasses.dataclass(frozen=True)
class StructuralIdentifiability:
    """
    What perfect readings of some quantities could determine.

    Attributes
    ----------
    measured : tuple of str
    identifiable : tuple of str
        Unknowns that are determined.
    confounded : tuple of Confounded
        Directions that are not.
    helpful : mapping of quantity to tuple of str
        Which further unknowns it would determine, if it were measured too; most helpful first.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture
    >>> print(structural_identifiability(BatchCulture(), ["biomass"], known=["initial_biomass"]))
    Measured: biomass. Determined: maximum_growth_rate.
    Multiplying substrate_monod_constant by c, cell_yield by c^-1, initial_substrate by c changes
    nothing that is measured.
    Measuring substrate too would determine substrate_monod_constant, cell_yield, initial_substrate.
    """

    measured: tuple[str, ...]
    identifiable: tuple[str, ...]
    confounded: tuple[Confounded, ...]
    helpful: Mapping[str, tuple[str, ...]]

    @property
    def passed(self) -> bool:
        """Whether everything is determined."""
        return not self.confounded

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in words."""
        determined = ", ".join(self.identifiable) or "nothing"
        told = [f"Measured: {', '.join(self.measured)}. Determined: {determined}."]
        told += [each.sentence for each in self.confounded]
        if self.confounded and not self.helpful:
            told.append("No further quantity of the model would help: fix one of these by a prior.")
        told += [
            f"Measuring {quantity} too would determine {', '.join(names)}."
            for quantity, names in list(self.helpful.items())[:3]
        ]
        return tuple(told)

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def structural_identifiability(
    model: ProcessModel,
    measured: Campaign | Iterable[str],
    *,
    known: Iterable[str] | None = None,
    random_seed: int = 1,
) -> StructuralIdentifiability:
    """
    Find which parameters perfect, dense readings could determine, and which they never can.

    Parameters
    ----------
    model : ProcessModel
    measured : Campaign or names
        Which states and outputs are read. A campaign also says which initial states are known.
    known : names, optional
        Parameters and ``initial_<state>`` that are not to be estimated; beside what a campaign
        states. Without a campaign and without `known`, the initial states of what is not measured
        count as known.
    random_seed : int
        Of the generic point at which the rank is taken.

    Returns
    -------
    StructuralIdentifiability
        For two or more runs with settings and inputs of their own, as in most campaigns; one run
        where the campaign has one.

    Raises
    ------
    ModelError
        When a name is no state, output or parameter of the model, or its equations have no series.

    Notes
    -----
    The rank of the sensitivities of the outputs' Taylor coefficients at a generic point, exactly
    (Sedoglavic 2002, doi:10.1006/jsco.2002.0532); its kernel, in logarithms of the unknowns, names
    the exchanges that change nothing.
    """
    traced = kernels(model).trace if not hasattr(model, "for_campaign") else None
    if traced is None:
        if not isinstance(measured, Campaign):
            raise ModelError(
                f"{type(model).__name__} is fitted out for a campaign: give the campaign instead "
                "of names."
            )
        model = model.for_campaign(measured)  # type: ignore[attr-defined]
        traced = kernels(model).trace
    runs = 2
    if isinstance(measured, Campaign):
        quantities = tuple(n for n in traced.observed_names if n in measured.quantities)
        fixed = set(known or ())
        for name in traced.names:
            if name.startswith("initial_") and all(
                setting_of(r, name) is not None for r in measured
            ):
                fixed.add(name)
        runs = min(max(len(measured), 1), MOST_RUNS)
    else:
        quantities = (measured,) if isinstance(measured, str) else tuple(measured)
        unseen = [f"initial_{n}" for n in traced.fields if n not in quantities]
        fixed = set(unseen if known is None else known)
    _check(quantities, traced.observed_names, "state or output", model)
    _check(fixed, (*traced.parameters, *(f"initial_{n}" for n in traced.fields)), "unknown", model)
    sensitivity = generic_sensitivity(model, known=fixed, runs=runs, random_seed=random_seed)
    unknowns = sensitivity.unknowns
    confounded = _confounded(sensitivity.of(quantities), unknowns)
    lost = {name for each in confounded for name in each.names}
    helpful = {}
    for quantity in traced.observed_names:
        if quantity in quantities or not lost:
            continue
        left = _confounded(sensitivity.of((*quantities, quantity)), unknowns)
        freed = lost - {name for each in left for name in each.names}
        if freed:
            helpful[quantity] = tuple(n for n in _first_run(unknowns) if n in freed)
    order = sorted(helpful, key=lambda name: -len(helpful[name]))
    return StructuralIdentifiability(
        measured=quantities,
        identifiable=tuple(n for n in _first_run(unknowns) if n not in lost),
        confounded=confounded,
        helpful={name: helpful[name] for name in order},
    )


def _check(names: Iterable[str], allowed: Iterable[str], what: str, model: Any) -> None:
    allowed = tuple(allowed)
    wrong = [name for name in names if name not in allowed]
    if wrong or not allowed:
        raise ModelError(
            f"{', '.join(map(repr, wrong))} is no {what} of {type(model).__name__}; it has "
            f"{', '.join(allowed)}."
        )


def _first_run(unknowns: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in unknowns if not name.endswith(")"))


def _confounded(matrix: np.ndarray, unknowns: tuple[str, ...]) -> tuple[Confounded, ...]:
    """Read the kernel: which unknowns take part, and by which exponents."""
    if rank_of(matrix) == len(unknowns):
        return ()
    found = {}
    for direction in kernel_of(matrix):
        taking_part = [place for place in range(len(unknowns)) if direction[place]]
        exponents = _exponents([int(direction[place]) for place in taking_part])
        shown = [place for place in taking_part if not unknowns[place].endswith(")")]
        if not shown:  # the same exchange shows up in the first run as well, or is one run's own
            continue
        names = tuple(unknowns[place] for place in shown)
        powers = None
        if exponents is not None:
            powers = tuple(exponents[taking_part.index(place)] for place in shown)
        found[names] = Confounded(names, powers)
    return tuple(found.values())


def _exponents(residues: list[int]) -> tuple[int, ...] | None:
    """Small whole numbers in the proportion of the residues, the first one positive."""
    for scale in range(1, LARGEST_EXPONENT + 1):
        first = pow(residues[0], PRIME - 2, PRIME) * scale % PRIME
        scaled = [residue * first % PRIME for residue in residues]
        signed = [value if value <= PRIME // 2 else value - PRIME for value in scaled]
        if all(abs(value) <= LARGEST_EXPONENT for value in signed):
            return tuple(signed)
    return None

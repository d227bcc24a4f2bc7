"""Nodes of a process network: quantities with a link function, and their unit operations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from bayesbio.data.specification import Specification
from bayesbio.data.vocabulary.units import convert
from bayesbio.errors import DataError, ModelError, UnitError

ROLES = ("CPP", "state", "CQA")
LINKS = ("identity", "log", "logit")
# Names of dimensions and variables in what a network answers.
RESERVED = ("chain", "draw", "run", "node", "quantile", "any", "outside")


@dataclasses.dataclass(frozen=True)
class Node:
    """
    One quantity of the process, at one time or in one unit operation.

    Parameters
    ----------
    name : str
        Such as "temperature", or "titer@336" for a quantity at a time in hours.
    role : {"CPP", "state", "CQA"}
        Set by the operator, in between, or judged.
    unit_operation : str, optional
        Where it belongs.
    time : float, optional [h]
        When; read from the name where it ends in ``@`` and a number.
    link : {"identity", "log", "logit"}
        Link function: effects add on this transform of the values; log for concentrations, logit
        for fractions.
    specification : Specification, optional [unit]
        Limits it has to keep.
    distribution : (mean, sd), optional [after the link]
        How a CPP will vary in future runs; without it, as it did in the data.
    unit : str
        Unit of its values.

    Raises
    ------
    ModelError
        If name, role, link, time or distribution cannot be used, or the specification is of another
        quantity.

    Examples
    --------
    >>> node = Node("titer@336", role="CQA", link="log", unit="g/L")
    >>> node.quantity, node.time
    ('titer', 336.0)
    """

    name: str
    role: str = "state"
    unit_operation: str | None = None
    time: float | None = None
    link: str = "identity"
    specification: Specification | None = None
    distribution: tuple[float, float] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ModelError(f"A node is named {self.name!r}; give it a text, such as 'titer@336'.")
        if self.name in RESERVED:
            raise ModelError(
                f"A node cannot be named {self.name!r}: predictions have a dimension or variable "
                f"of that name. Rename it, such as '{self.name}_value'."
            )
        for what, allowed in (("role", ROLES), ("link", LINKS)):
            if getattr(self, what) not in allowed:
                raise ModelError(
                    f"Node {self.name!r} has the {what} {getattr(self, what)!r}; use "
                    f"{', '.join(allowed)}."
                )
        stated = self.name.rpartition("@")[2] if "@" in self.name else ""
        if self.time is None and is_number(stated):
            object.__setattr__(self, "time", float(stated))
        elif self.time is not None and is_number(stated) and float(stated) != self.time:
            raise ModelError(
                f"Node {self.name!r} is given the time {self.time:g} h; leave time= out, or rename."
            )
        if self.specification is not None and self.specification.quantity not in (
            self.name,
            self.quantity,
        ):
            raise ModelError(
                f"Node {self.name!r} is given a specification of {self.specification.quantity!r}; "
                f"name it {self.quantity!r}."
            )
        if self.distribution is not None:
            mean, sd = (float(value) for value in self.distribution)
            if not (math.isfinite(mean) and math.isfinite(sd) and sd >= 0.0):
                raise ModelError(
                    f"Node {self.name!r} has the distribution {self.distribution}; expected a "
                    "finite mean and a standard deviation of zero or more."
                )
            object.__setattr__(self, "distribution", (mean, sd))

    @property
    def quantity(self) -> str:
        """What is measured, without the time."""
        stem, _, stated = self.name.rpartition("@")
        return stem if stem and is_number(stated) else self.name

    @property
    def link_unit(self) -> str:
        """Unit after the link: "log g/L"; "1" where none is known."""
        return (self.unit or "1") if self.link == "identity" else f"{self.link} {self.unit}".strip()

    def to_link(self, values: Any) -> np.ndarray:
        """
        Apply the link function to values [unit].

        Raises
        ------
        DataError
            Zero or less with a log link, outside 0 to 1 with a logit link.
        """
        given = numbers_for(self.name, values)
        if self.link == "identity":
            return given
        low, high = 0.0, np.inf if self.link == "log" else 1.0
        outside = np.isfinite(given) & ((given <= low) | (given >= high))
        if outside.any():
            domain = "above 0" if self.link == "log" else "between 0 and 1, both excluded"
            raise DataError(
                f"Node {self.name!r} has a {self.link} link but the value "
                f"{given[outside].ravel()[0]:g}; expected values {domain}. Use link='identity', or "
                "mark it 'below' with the detection limit as value."
            )
        return np.log(given) if self.link == "log" else np.log(given) - np.log1p(-given)

    def from_link(self, values: Any) -> np.ndarray:
        """Apply the inverse link: back to the unit."""
        given = np.asarray(values, float)
        if self.link == "log":
            return np.exp(given)
        if self.link == "logit":
            return expit(given)
        return given

    def limits(self) -> tuple[float, float]:
        """
        Lower and upper limit of the specification after the link; infinite where there is none.

        Raises
        ------
        ModelError
            If the node has no specification.
        """
        if self.specification is None:
            raise ModelError(
                f"Node {self.name!r} has no specification, so there is no probability to leave it. "
                f"Give Node({self.name!r}, specification=Specification({self.quantity!r}, "
                "lower=..., upper=...))."
            )
        low, high = self.specification.lower, self.specification.upper
        return self._limit(low, -np.inf), self._limit(high, np.inf)

    def _limit(self, limit: float | None, none: float) -> float:
        """Apply the link to a limit; one beyond the domain of the link is infinite."""
        if limit is None:
            return none
        if self.link != "identity" and limit <= 0.0:
            return -np.inf
        if self.link == "logit" and limit >= 1.0:
            return np.inf
        return float(self.to_link(limit))


@dataclasses.dataclass(frozen=True)
class UnitOperation:
    """
    One step of a process: what is set there, and what comes out.

    Parameters
    ----------
    name : str
        Such as "production" or "capture".
    parameters : sequence of Node or str
        What is set (CPP).
    attributes : sequence of Node or str
        What comes out and goes on to the next step.

    Examples
    --------
    >>> UnitOperation("capture", parameters=["load"], attributes=["impurity"]).attributes[0].role
    'state'
    """

    name: str
    parameters: Sequence[Node | str] = ()
    attributes: Sequence[Node | str] = ()

    def __post_init__(self) -> None:
        for what, role in (("parameters", "CPP"), ("attributes", "state")):
            given = tuple(
                Node(node, role=role, unit_operation=self.name)
                if isinstance(node, str)
                else dataclasses.replace(
                    node,
                    unit_operation=self.name,
                    role="CPP" if what == "parameters" else node.role,
                )
                for node in getattr(self, what)
            )
            object.__setattr__(self, what, given)


def numbers_for(name: str, values: Any) -> np.ndarray:
    """Give values as numbers; DataError with the name of their node where they are none."""
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise DataError(f"Node {name!r} was given {values!r}; expected numbers.") from error


def is_number(text: str) -> bool:
    """Tell whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def require_unit(node: Node, unit: str) -> None:
    """Refuse values in another unit than that of their node; a blank unit fits every other."""
    if not unit or not node.unit or unit == node.unit:
        return
    try:
        factor = float(convert(1.0, unit, node.unit, quantity=node.quantity))
    except UnitError:
        factor = math.nan
    if not math.isclose(factor, 1.0, rel_tol=1e-9):
        raise DataError(
            f"Node {node.name!r} has the unit {node.unit!r}, but its values come in {unit!r}. Give "
            f"the node the unit of the data (and its specification in {unit}), or read the data in "
            f"{node.unit}."
        )

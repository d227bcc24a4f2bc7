"""Interchangeable laws as entries of a table, found by name in scripts, archives and commands."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from bayesbio.errors import ModelError, did_you_mean
from bayesbio.mechanistic.process_model import Parameter

__all__ = ["Law", "TabulatedLaw", "find_part"]


class Law(NamedTuple):
    """
    An entry of a table of laws.

    Attributes
    ----------
    equation : callable
        The law itself, in plain arithmetic; its arguments are those of the table.
    parameters : mapping of name to (unit, Parameter)
        What it brings, with central intervals.
    """

    equation: Callable[..., Any]
    parameters: Mapping[str, tuple[str, Parameter]]


@dataclasses.dataclass(frozen=True)
class TabulatedLaw:
    """
    A law of a table, known by its name.

    Raises
    ------
    ModelError
        For a name that is not in the table.
    """

    name: str
    table: ClassVar[Mapping[str, Law]] = {}
    kind: ClassVar[str] = "law"

    def __post_init__(self) -> None:
        if self.name not in self.table:
            raise ModelError(
                f"{self.name!r} is no {self.kind}; the menu has {', '.join(sorted(self.table))}."
                f"{did_you_mean(self.name, self.table)}"
            )

    @property
    def equation(self) -> Callable[..., Any]:
        """The law itself."""
        return self.table[self.name].equation

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every parameter."""
        return {name: unit for name, (unit, _) in self.table[self.name].parameters.items()}

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Central 90 % interval of every parameter."""
        return {name: default for name, (_, default) in self.table[self.name].parameters.items()}

    @classmethod
    def find(cls, given: Any, *, method: str) -> Any:
        """
        Law from its name, the mapping that an archive keeps, or a part of one's own.

        Examples
        --------
        >>> from bayesbio.mechanistic.kinetics.growth_laws import TabulatedGrowthLaw
        >>> TabulatedGrowthLaw.find({"name": "moser"}, method="rate")
        TabulatedGrowthLaw(name='moser')
        """
        menu = {name: functools.partial(cls, name) for name in cls.table}
        return find_part(given, menu, kind=cls.kind, method=method)


def find_part(given: Any, menu: Mapping[str, Callable[..., Any]], *, kind: str, method: str) -> Any:
    """
    Part of a model from the part itself, its name, or a mapping of its fields.

    Parameters
    ----------
    given : part, str or mapping
        A mapping holds ``name`` and the part's own options, as `dataclasses.asdict` writes them.
    menu : mapping of str to callable
        The parts that a name can mean; called with the options they are made.
    kind : str
        What the part is, for the message.
    method : str
        The method that makes an object such a part.

    Returns
    -------
    object
        The part.

    Raises
    ------
    ModelError
        When nothing on the menu has the name, or the object is no such part.

    Examples
    --------
    >>> from bayesbio.mechanistic import Monod
    >>> find_part("monod", {"monod": Monod}, kind="growth law", method="rate").name
    'monod'
    """
    if isinstance(given, type) or not isinstance(given, str | Mapping):
        if hasattr(given, method) and not isinstance(given, type):
            return given
        raise ModelError(
            f"{given!r} is no {kind}: it needs the method {method!r}. Give a name on the menu, "
            f"{', '.join(sorted(menu))}, or a part of your own."
        )
    options = {"name": given} if isinstance(given, str) else dict(given)
    name = str(options.pop("name", ""))
    if name not in menu:
        raise ModelError(
            f"{name!r} is no {kind}; the menu has {', '.join(sorted(menu))}."
            f"{did_you_mean(name, menu)}"
        )
    fields = set(inspect.signature(menu[name]).parameters)
    unknown = sorted(set(options) - fields)
    if unknown:
        raise ModelError(
            f"The {kind} {name!r} has no option {unknown[0]!r}; it has "
            f"{', '.join(sorted(fields)) or 'none'}."
        )
    return menu[name](**options)

"""Finding a part of a model by name, so that options survive the command line and an archive."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from bayesbio.errors import ModelError

__all__ = ["find_part"]


def find_part(given: Any, menu: Mapping[str, type[Any]], *, kind: str, method: str) -> Any:
    """
    Part of a model from the part itself, its name, or a mapping of its fields.

    Parameters
    ----------
    given : part, str or mapping
        A mapping holds ``name`` and the part's own options, as `dataclasses.asdict` writes them.
    menu : mapping of str to class
        The parts that a name can mean.
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
    >>> from bayesbio.mechanistic.kinetics.growth_laws import GROWTH_LAWS
    >>> find_part({"name": "moser"}, GROWTH_LAWS, kind="growth law", method="rate")
    Moser(name='moser')
    """
    if isinstance(given, type) or not isinstance(given, str | Mapping):
        if hasattr(given, method) and not isinstance(given, type):
            return given
        raise ModelError(
            f"{given!r} is no {kind}: it needs the method {method!r}. Give one of "
            f"{', '.join(sorted(menu))}, or a part such as {next(iter(menu.values())).__name__}()."
        )
    options = {"name": given} if isinstance(given, str) else dict(given)
    name = str(options.pop("name", ""))
    if name not in menu:
        near = difflib.get_close_matches(name.lower(), list(menu), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ModelError(f"{name!r} is no {kind}; the menu has {', '.join(sorted(menu))}.{hint}")
    fields = {field.name for field in dataclasses.fields(menu[name]) if field.init}
    unknown = sorted(set(options) - fields)
    if unknown:
        raise ModelError(
            f"The {kind} {name!r} has no option {unknown[0]!r}; it has "
            f"{', '.join(sorted(fields)) or 'none'}."
        )
    return menu[name](**options)

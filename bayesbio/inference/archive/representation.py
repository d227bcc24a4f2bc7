"""How a result prints itself: one line for each part, never its arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

LONGEST = 120  # characters of one part


def short_repr(result: Any) -> str:
    """
    Describe a frozen dataclass in a text that fits on a screen: arrays by shape, mappings by names.

    Parameters
    ----------
    result : dataclass

    Returns
    -------
    str

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Fit:
    ...     values: Any
    ...     unit: str
    ...     __repr__ = short_repr
    >>> Fit({"a": 1, "b": 2}, "g/L")
    Fit(values={a, b}, unit='g/L')
    """
    parts = [
        f"{field.name}={_brief(getattr(result, field.name))}"
        for field in dataclasses.fields(result)
        if field.repr
    ]
    line = f"{type(result).__name__}({', '.join(parts)})"
    if len(line) <= LONGEST:
        return line
    return f"{type(result).__name__}(\n    " + ",\n    ".join(parts) + ",\n)"


def _brief(value: Any) -> str:
    """One part in at most a line."""
    kind = type(value).__name__
    if hasattr(value, "children"):
        text = f"{kind} of {', '.join(map(str, value.children))}"
    elif hasattr(value, "sizes"):
        text = f"{kind} of {', '.join(f'{name} {size}' for name, size in value.sizes.items())}"
    elif getattr(value, "shape", ()):
        text = f"{kind} of {' x '.join(map(str, value.shape))}"
    elif isinstance(value, Mapping):
        text = f"{{{', '.join(map(str, value))}}}"
    elif isinstance(value, list | tuple) and len(value) > 3:
        text = f"{kind} of {len(value)}"
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(_brief(each) for each in value)}]"
    else:
        text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."

"""A DataFrame inside an immutable record: every reader gets a copy-on-write view of it."""

from __future__ import annotations

from typing import Any, overload

import pandas as pd


class FrozenFrame:
    """
    Descriptor of a dataclass field that holds a DataFrame which nobody can change from outside.

    Reading it gives a shallow copy: pandas copies on write, so this costs microseconds and what a
    caller changes stays with the caller.

    Examples
    --------
    >>> class Record:
    ...     table = FrozenFrame()
    >>> record = Record()
    >>> record.table = pd.DataFrame({"a": [1.0]})
    >>> frame = record.table
    >>> frame.loc[0, "a"] = 9.0
    >>> record.table["a"].tolist()
    [1.0]
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, record: None, owner: type) -> None: ...
    @overload
    def __get__(self, record: object, owner: type) -> pd.DataFrame: ...
    def __get__(self, record: Any, owner: type) -> pd.DataFrame | None:
        """Give a copy-on-write view; None, the default of the field, on the class itself."""
        return None if record is None else record.__dict__[self.name].copy(deep=False)

    def __set__(self, record: Any, frame: pd.DataFrame | None) -> None:
        record.__dict__[self.name] = pd.DataFrame() if frame is None else frame

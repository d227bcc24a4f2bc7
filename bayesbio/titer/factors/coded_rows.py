"""Rows of cultures as a regression takes them: coded factors, and names of levels and groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.titer.factors.factor_coding import NOT_RECORDED, Coding, is_missing

NOT_STATED = "(not stated)"


@dataclasses.dataclass(frozen=True, eq=False)
class CodedRows:
    """
    Rows whose factors are coded.

    Parameters
    ----------
    cells : mapping of factor to array, shape (rows,) or (draws, rows)
        Standardised numbers and level indices.
    names : mapping of column to text array, shape (rows,)
        Levels of factors that are names, and of groups, as they came.
    """

    cells: Mapping[str, Any]
    names: Mapping[str, np.ndarray]

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, coding: Coding, groups: Iterable[str]) -> CodedRows:
        """Code the rows of a frame."""
        columns = dict.fromkeys([*(c.name for c in coding if not c.is_number), *groups])
        names = {
            name: np.array(
                [level_name(value) for value in frame[name]]
                if name in frame
                else [NOT_STATED] * len(frame),
                dtype=object,
            )
            for name in columns
        }
        return cls(coding.cells(frame), names)

    def __len__(self) -> int:
        return int(np.shape(next(iter(self.cells.values())))[-1])

    def replace(self, **changes: Any) -> CodedRows:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def unseen(self, factor: str) -> list[str]:
        """Levels of a factor that were not fitted."""
        return sorted(set(self.names[factor][np.asarray(self.cells[factor]) < 0]))

    def select(self, rows: np.ndarray) -> CodedRows:
        """Keep some rows."""
        return CodedRows(
            {name: values[..., rows] for name, values in self.cells.items()},
            {name: values[rows] for name, values in self.names.items()},
        )


def level_name(value: Any) -> str:
    """
    Name of a level: a text as it is, a number with all its digits.

    Examples
    --------
    >>> level_name("A"), level_name(3.0), level_name(1234567.0), level_name(float("nan"))
    ('A', '3', '1234567', '(not recorded)')
    """
    if is_missing(value):
        return NOT_RECORDED
    return value if isinstance(value, str) else f"{float(value):.15g}"

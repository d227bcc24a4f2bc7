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
    """Rows whose factors are coded."""

    cells: Mapping[str, Any]  # scores and level indices, shape (rows,) or (draws, rows)
    names: Mapping[str, np.ndarray]  # levels of factors and groups as they came, shape (rows,)

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
    """Name of a level: a text as it is, a number with all its digits."""
    if is_missing(value):
        return NOT_RECORDED
    return value if isinstance(value, str) else f"{float(value):.15g}"

"""Default noise of a quantity, chosen from its readings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesbio.inference.noise.base import Noise
from bayesbio.inference.noise.kinds import lognormal, normal, proportional
from bayesbio.inference.noise.readings import read_rows

WIDE_RANGE = 3.0  # readings that span more than this factor have an error that grows with them
USED_UP = 0.05  # a run that falls below this share of its largest reading has used it up
TRACE = 0.02  # smallest sd of what is used up, in largest readings


def default_noise(rows: pd.DataFrame) -> Noise:
    """
    Choose normal, proportional or lognormal noise from the range of the readings.

    Where every reading and limit is above zero and the quantified values span more than a factor
    of three, the error grows with the value: lognormal, or, where something is used up in a run
    (it ends below a twentieth of what it was), proportional with a floor of a fiftieth of the
    largest reading, because traces are read with no such relative precision. Otherwise, and where
    every row brings its own ``sd``, normal.

    Parameters
    ----------
    rows : DataFrame
        As for `Noise.scaled_to`; with ``run`` and ``time_h`` where there are several runs.

    Returns
    -------
    Noise

    Examples
    --------
    >>> default_noise(pd.DataFrame({"value": [0.3, 8.0], "flag": ["", ""]})).kind
    'lognormal'
    >>> default_noise(pd.DataFrame({"value": [0.93, 0.98], "flag": ["", ""]})).kind
    'normal'
    """
    readings = read_rows("the quantity", rows)
    quantified = readings.value[readings.flag == ""]
    limits = np.where(readings.flag == "between", readings.upper, readings.value)
    if not quantified.size or np.any(limits <= 0) or np.all(np.isfinite(readings.sd)):
        return normal()
    if quantified.max() <= WIDE_RANGE * quantified.min():
        return normal()
    if _is_used_up(rows[readings.flag == ""]):
        return proportional(floor=TRACE * float(quantified.max()))
    return lognormal()


def _is_used_up(rows: pd.DataFrame) -> bool:
    """Whether the readings of some run fall from their largest to next to nothing."""
    runs = rows.groupby("run", sort=False) if "run" in rows else [("", rows)]
    for _, part in runs:
        ordered = part.sort_values("time_h", kind="stable") if "time_h" in part else part
        values = ordered["value"].to_numpy(float)
        if values[values.argmax() :].min() < USED_UP * values.max():
            return True
    return False

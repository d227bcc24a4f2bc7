"""Small tables of cultures."""

import numpy as np
import pandas as pd

from bayesbio.data import Table, TableColumn

LEVELS = np.array(list("ABAB") * 5)


def frame_of(**columns):
    rng = np.random.default_rng(1)
    base = {"ph": rng.uniform(6.6, 7.4, 20), "titer": rng.uniform(1.0, 2.0, 20)}
    return pd.DataFrame(base | columns)


def interval_readings(titer, uppers):
    """Twenty cultures of which the first few are only known to lie between two limits."""
    frame = frame_of()
    frame.loc[: len(uppers) - 1, "titer"] = titer
    columns = [TableColumn("ph", "factor"), TableColumn("titer", "response", "g/L")]
    flags = pd.DataFrame({"titer": np.where(np.arange(20) < len(uppers), "between", "")})
    upper = pd.DataFrame({"titer": [*uppers, *[np.nan] * (20 - len(uppers))]})
    return Table(frame, columns, flags, (), upper)

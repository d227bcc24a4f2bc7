"""Samples that were read by three assays."""

import dataclasses

import numpy as np
import pandas as pd

from bayesbio.titer.factors.factor_coding import as_table


def samples(rows=120, *, seed=1, titers=25):
    """Octet reads 15 % more, OD600 goes with the 0.8th power; few samples have the reference."""
    rng = np.random.default_rng(seed)
    log = np.log(2.0) + 0.5 * rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "hplc": np.exp(log + 0.03 * rng.normal(size=rows)),
            "octet": 1.15 * np.exp(log + 0.06 * rng.normal(size=rows)),
            "od600": 12.0 * np.exp(0.8 * log + 0.15 * rng.normal(size=rows)),
        }
    )
    frame.loc[rng.permutation(rows)[titers:], "hplc"] = np.nan
    frame.loc[rng.permutation(rows)[rows // 2 :], "octet"] = np.nan
    return frame, np.exp(log)


def with_limits(frame, flags, uppers):
    """A table whose readings are known by limits."""
    table = as_table(frame, "hplc")
    columns = [dataclasses.replace(c, role="response") for c in table.columns]
    return table.replace(
        frame=frame, columns=columns, flags=pd.DataFrame(flags), uppers=pd.DataFrame(uppers)
    )

"""Whether effects multiply the titer or add to it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bayesbio.baselines import TABULAR_BASELINES, TabularFeatures
from bayesbio.data.table import Table
from bayesbio.errors import DataError

SCALES = ("log", "natural")
LEAST_ROWS = 12  # with fewer, positive readings are taken on the log scale


def choose_scale(
    table: Table, response: str, factors: Iterable[str], noticed: list[str], hurdle: bool
) -> str:
    """
    Choose the scale under which held-out readings are likelier, and say so.

    Parameters
    ----------
    table : Table
        Rows with a reading.
    response : str
    factors : iterable of str
    noticed : list of str
        Gets the sentence.
    hurdle : bool
        Whether zeros have a likelihood of their own.

    Returns
    -------
    {"log", "natural"}

    Notes
    -----
    Normal log likelihood of the residuals of a ridge regression (lines and squares) on rows it did
    not see, with the Jacobian of the logarithm: Box and Cox (1964),
    doi:10.1111/j.2517-6161.1964.tb00553.x
    """
    values, flag = table[response], table.flag(response)
    if (values[~((values == 0.0) & hurdle)] <= 0.0).any():
        noticed.append(
            f"{response} is modelled on its natural scale: some readings are zero or less."
        )
        return "natural"
    kept = (flag == "") & (values > 0.0)
    if kept.sum() < LEAST_ROWS:
        noticed.append(f"{response} is modelled on the log scale: effects multiply.")
        return "log"
    quantified = table.select(kept)
    features = TabularFeatures.of_table(quantified, factors).of(quantified)
    features = np.hstack([features, features**2])
    score = {}
    try:
        for scale in SCALES:
            target = np.log(values[kept]) if scale == "log" else values[kept]
            members = TABULAR_BASELINES["ridge"]().fit(features, target).members
            residuals = np.concatenate([own for _, own in members])
            jacobian = np.log(values[kept]).sum() if scale == "log" else 0.0
            score[scale] = -len(residuals) * np.log(residuals.std() + 1e-300) - jacobian
    except DataError:
        return "log"
    best = max(SCALES, key=score.__getitem__)
    how = "log scale: effects multiply" if best == "log" else "natural scale: effects add"
    gap = abs(score["log"] - score["natural"])
    noticed.append(
        f"{response} is modelled on the {how}; held-out readings are likelier there by "
        f"{gap:.1f} in log likelihood. scale= decides otherwise."
    )
    return best

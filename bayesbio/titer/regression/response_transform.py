"""Transform of the response, log or identity, by held-out likelihood (Box and Cox)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bayesbio.baselines import TABULAR_BASELINES, TabularFeatures
from bayesbio.data.table import Table
from bayesbio.errors import DataError

TRANSFORMS = ("log", "identity")
LEAST_ROWS = 12  # with fewer, positive readings are log transformed


def choose_transform(
    table: Table, response: str, factors: Iterable[str], *, hurdle: bool
) -> tuple[str, str]:
    """
    Choose the transform under which held-out readings are likelier, and say why.

    Normal log likelihood of the residuals of a ridge regression (lines and squares) on rows it did
    not see, with the Jacobian of the logarithm: Box and Cox (1964),
    doi:10.1111/j.2517-6161.1964.tb00553.x. With a hurdle zeros have a likelihood of their own.
    """
    values, flag = table[response], table.flag(response)
    if (values[~((values == 0.0) & hurdle)] <= 0.0).any():
        return "identity", f"{response} is not log transformed: some readings are zero or less."
    kept = (flag == "") & (values > 0.0)
    default = f"{response} is log transformed: effects multiply."
    if kept.sum() < LEAST_ROWS:
        return "log", default
    quantified = table.select(kept)
    features = TabularFeatures.of_table(quantified, factors).of(quantified)
    features = np.hstack([features, features**2])
    score = {}
    try:
        for transform in TRANSFORMS:
            target = np.log(values[kept]) if transform == "log" else values[kept]
            members = TABULAR_BASELINES["ridge"]().fit(features, target).members
            residuals = np.concatenate([left_out for _, left_out in members])
            jacobian = np.log(values[kept]).sum() if transform == "log" else 0.0
            score[transform] = -len(residuals) * np.log(residuals.std() + 1e-300) - jacobian
    except DataError as error:
        return "log", f"{default} The transforms could not be compared ({error})"
    best = max(TRANSFORMS, key=score.__getitem__)
    how = "log transformed: effects multiply" if best == "log" else "not transformed: effects add"
    gap = abs(score["log"] - score["identity"])
    return best, (
        f"{response} is {how}; held-out readings are likelier so by {gap:.1f} in log likelihood. "
        "transform= decides otherwise."
    )

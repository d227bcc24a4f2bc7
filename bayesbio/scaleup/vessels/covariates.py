"""Covariates of runs: settings or engineering descriptors that act on top of the law of scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bayesbio.data import Campaign
from bayesbio.errors import DataError
from bayesbio.scaleup.vessels.descriptors import (
    OXYGEN_TRANSFER,
    collinearity,
    engineering_descriptors,
)
from bayesbio.scaleup.vessels.descriptors import UNITS as DESCRIPTORS

EFFECT = 0.3  # prior sd of a covariate's effect, per natural logarithm of the covariate


def covariates_of(
    campaign: Campaign, covariates: Sequence[str], volumes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, float], list[str]]:
    """Logarithms of the covariates around their means, prior sd of effects, and warnings."""
    derived = engineering_descriptors(campaign)
    warnings = []
    if len(derived.columns):
        warnings.append(collinearity(derived, volumes).attrs["statement"])
    if not covariates:
        return np.empty((0, len(volumes))), np.empty(0), {}, warnings
    settings = campaign.settings_frame()
    measured = set(settings.columns)
    values = {}
    for name in ingredients(covariates, measured):
        column = settings[name] if name in measured else derived.get(name)
        if column is None:
            raise DataError(
                f"The covariate {name!r} is neither a setting of the runs "
                f"({', '.join(map(str, settings.columns)) or 'none'}) nor can it be worked out "
                f"from them; engineering descriptors are {', '.join(DESCRIPTORS)}. Add the column, "
                "or leave it out of covariates."
            )
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(float, copy=True)
        for run, number in zip(campaign.names, numbers, strict=True):
            if not (np.isfinite(number) and number > 0.0):
                raise DataError(
                    f"Run {run!r} has no positive {name!r} ({number:g}), which is a covariate. "
                    f"Fill it in for every run, leave the run out with campaign.without({run!r}), "
                    "or leave the covariate out."
                )
        values[name] = np.log(numbers)
    centres = {name: float(value.mean()) for name, value in values.items()}
    away = {name: value - centres[name] for name, value in values.items()}
    features, sizes = features_of(covariates, away)
    return features, sizes, centres, warnings


def ingredients(covariates: Sequence[str], measured: set[str]) -> list[str]:
    """
    List the columns that covariates are made of.

    Parameters
    ----------
    covariates : sequence of str
    measured : set of str
        Columns that exist as they are.

    Returns
    -------
    list of str
        kLa that was not measured is made of power per volume and gas velocity.

    Examples
    --------
    >>> ingredients(["oxygen_transfer_coefficient"], set())
    ['power_per_volume', 'superficial_gas_velocity']
    """
    found: list[str] = []
    for name in covariates:
        parts = [name]
        if name == "oxygen_transfer_coefficient" and name not in measured:
            parts = ["power_per_volume", "superficial_gas_velocity"]
        found += [part for part in parts if part not in found]
    return found


def features_of(
    covariates: Sequence[str], away: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """
    Directions in which covariates act, with the prior sd of each.

    A kLa from the correlation is (a P/V + b v_s) with uncertain exponents: their uncertainty adds
    a direction for each, so that the variance of effect times kLa is exact.

    Parameters
    ----------
    covariates : sequence of str
    away : mapping of str to array
        Logarithms around their means.

    Returns
    -------
    features (features, places), sd (features,)

    Examples
    --------
    >>> features_of(["tip_speed"], {"tip_speed": np.array([-1.0, 1.0])})[1].tolist()
    [0.3]
    """
    features, sizes = [], []
    for name in covariates:
        if name in away:
            features.append(away[name])
            sizes.append(EFFECT)
            continue
        (_, power, gas), (_, power_sd, gas_sd) = OXYGEN_TRANSFER["coalescing"]
        stirred, blown = away["power_per_volume"], away["superficial_gas_velocity"]
        features += [power * stirred + gas * blown, stirred, blown]
        sizes += [EFFECT, EFFECT * power_sd, EFFECT * gas_sd]
    return np.array(features), np.array(sizes)

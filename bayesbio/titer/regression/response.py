"""From the readings of a table to what the likelihood of a titer takes."""

from __future__ import annotations

import numpy as np

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.titer.regression.likelihood import Gaussian, Hurdle, Readings


def with_readings(table: Table, response: str, noticed: list[str]) -> Table:
    """Keep the rows with a reading; refuse a response that is no number or all zero."""
    if not table.column(response).is_number:
        raise DataError(f"The response {response!r} holds names; expected numbers.")
    table = _bounded(table, response)
    flag, values = table.flag(response), table[response]
    kept = np.isfinite(values) & (flag != "excluded")
    if not kept.all():
        noticed.append(f"{(~kept).sum()} of {len(table)} rows have no reading of {response}.")
    if kept.sum() < 3:
        raise DataError(
            f"{response!r} has a reading in {kept.sum()} of {len(table)} rows; expected three or "
            "more. Is it the right column?"
        )
    if not values[kept].any():
        raise DataError(
            f"{response!r} is zero in all {kept.sum()} rows, so nothing can be learned about it. "
            "Is it the right column, or are readings below the limit written as zero?"
        )
    return table.select(kept)


def limited(
    table: Table, response: str, limit: float | None, noticed: list[str], *, zeros: bool
) -> Table:
    """Flag what lies under the detection limit, exact zeros too if they are to count so."""
    if limit is None:
        return table
    values, flag = table[response], table.flag(response)
    under = (values < limit) & (flag == "") & (zeros | (values != 0.0))
    if under.any():
        noticed.append(
            f"{under.sum()} readings of {response} are under the detection limit of {limit:g} "
            f"{table.unit(response)}".rstrip()
            + "; they count as below it."
        )
    flags = table.flags.copy()
    flags[response] = np.where(under, "below", flag)
    frame = table.to_frame()
    frame[response] = np.where(under, limit, values)
    return table.replace(frame=frame, flags=flags)


def standardised(
    table: Table, response: str, scale: str, likelihood: Gaussian | Hurdle
) -> tuple[Readings, float, float]:
    """Bring the readings to the scale of the model; centre and spread by which they were."""
    family = likelihood.made if isinstance(likelihood, Hurdle) else likelihood
    values, flag = table[response], table.flag(response).astype("U8")
    if isinstance(likelihood, Hurdle):
        flag = np.where((values == 0.0) & (flag == ""), "zero", flag)
        if not (flag == "zero").any():
            raise DataError(
                f"A Hurdle needs zeros, but no reading of {response!r} is exactly zero. Leave the "
                "hurdle out: likelihood=Gaussian()."
            )
    usable = flag != "zero"
    if scale == "log" and (values[usable] <= 0.0).any():
        raise DataError(
            f"{int((values[usable] <= 0.0).sum())} of {len(table)} readings of {response!r} are "
            "zero or less and have no logarithm. Give detection_limit= if they are below it, "
            "likelihood=Hurdle() if they are true zeros, or scale='natural'."
        )
    transformed = np.full(len(values), np.nan)
    transformed[usable] = np.log(values[usable]) if scale == "log" else values[usable]
    quantified = transformed[flag == ""]
    if len(quantified) < 2 or np.ptp(quantified) <= 0.0:
        raise DataError(
            f"{response!r} has {len(quantified)} readings within its limits, and they do not vary; "
            "nothing can be learned about its factors."
        )
    centre, spread = float(quantified.mean()), float(quantified.std())
    assay = np.zeros(len(values))
    given = family.assay
    if isinstance(given, str):
        assay = table[given] / (values if scale == "log" else 1.0)
        if not (np.isfinite(assay[usable]) & (assay[usable] >= 0.0)).all():
            raise DataError(f"The assay error in {given!r} is missing or negative in some rows.")
        assay = np.nan_to_num(assay)
    elif given is not None:
        assay += given
    if scale == "log":
        assay = np.sqrt(np.log1p(assay**2))
    upper = table.upper(response)
    if scale == "log":
        upper = np.log(upper)
    floor = (0.0 - centre) / spread if scale == "natural" else -np.inf
    return (
        Readings(
            (transformed - centre) / spread,
            flag,
            assay / spread,
            floor,
            (upper - centre) / spread,
        ),
        centre,
        spread,
    )


def _bounded(table: Table, response: str) -> Table:
    """Check readings between two limits; between nothing and a limit is below it."""
    flag, values, upper = table.flag(response), table[response], table.upper(response)
    between = flag == "between"
    if not between.any():
        return table
    if not np.isfinite(upper[between]).all():
        raise DataError(
            f"{int((between & ~np.isfinite(upper)).sum())} readings of {response!r} are flagged "
            "'between' without an upper limit; give it (value_upper in a sheet, uppers= of a "
            "Table), or flag them 'above'."
        )
    nothing = between & (values == 0.0)
    frame, flags = table.to_frame(), table.flags.copy()
    frame[response] = np.where(nothing, upper, values)
    flags[response] = np.where(nothing, "below", flag)
    return table.replace(frame=frame, flags=flags)

"""Readings of the response as the likelihood takes them: limits, zeros, transform, assay error."""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.titer.regression.likelihood import ReadingDistribution, Readings
from bayesbio.titer.regression.specification import RegressionSpecification


@dataclasses.dataclass(frozen=True, eq=False)
class Response:
    """Standardised readings and their distribution."""

    readings: Readings
    distribution: ReadingDistribution  # on the scale of the transformed titer
    centre: float  # by which the transformed readings were standardised
    spread: float  # by which the transformed readings were standardised


def measured(table: Table, model: RegressionSpecification) -> tuple[Table, list[str]]:
    """Rows with a reading, those below the detection limit flagged, and warnings."""
    response, warnings = model.response, []
    if not table.column(response).is_number:
        raise DataError(f"The response {response!r} holds names; expected numbers.")
    table = _bounded(table, response)
    flag, values = table.flag(response), table[response]
    kept = np.isfinite(values) & (flag != "excluded")
    if not kept.all():
        warnings.append(f"{(~kept).sum()} of {len(table)} rows have no reading of {response}.")
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
    table = table.select(kept)
    values, flag, limit = table[response], table.flag(response), model.detection_limit
    if limit is None:
        return table, warnings
    under = (values < limit) & (flag == "") & ((values != 0.0) | (not model.is_hurdle))
    if under.any():
        warnings.append(
            f"{under.sum()} readings of {response} are under the detection limit of {limit:g} "
            f"{table.unit(response)}".rstrip()
            + "; they count as below it."
        )
    return _reflagged(table, response, under, np.where(under, limit, values)), warnings


def standardised(
    table: Table, model: RegressionSpecification, transform: str
) -> tuple[Response, list[str]]:
    """Transform and standardise the readings; one without a logarithm is refused (`DataError`)."""
    response, log, warnings = model.response, transform == "log", []
    values, flag = table[response], table.flag(response).astype("U8")
    if model.is_hurdle:
        flag = np.where((values == 0.0) & (flag == ""), "zero", flag)
        if not (flag == "zero").any():
            raise DataError(
                f"A Hurdle needs zeros, but no reading of {response!r} is exactly zero. Leave the "
                "hurdle out: likelihood=Gaussian()."
            )
    usable = flag != "zero"
    if log and (values[usable] <= 0.0).any():
        raise DataError(
            f"{int((values[usable] <= 0.0).sum())} of {len(table)} readings of {response!r} are "
            "zero or less and have no logarithm. Give detection_limit= if they are below it, "
            "likelihood=Hurdle() if they are true zeros, or transform='identity'."
        )
    bounded = bool(values.min() >= 0.0)
    nothing = (values == 0.0) & (flag == "")
    if bounded and nothing.any():
        flag = np.where(nothing, "below", flag)
        warnings.append(
            f"{nothing.sum()} readings of {response} are exactly zero and none is below: they "
            "count as zero or less (a Tobit model). likelihood=Hurdle() takes them as true zeros."
        )
    transformed = np.full(len(values), np.nan)
    transformed[usable] = np.log(values[usable]) if log else values[usable]
    quantified = transformed[flag == ""]
    if len(quantified) < 2 or np.ptp(quantified) <= 0.0:
        raise DataError(
            f"{response!r} has {len(quantified)} readings within its limits, and they do not vary; "
            "nothing can be learned about its factors."
        )
    centre, spread = float(quantified.mean()), float(quantified.std())
    assay = _assay(table, model, usable, log)
    upper = np.log(table.upper(response)) if log else table.upper(response)
    readings = Readings(
        (transformed - centre) / spread, flag, assay / spread, (upper - centre) / spread
    )
    zero = -np.inf if log else 0.0
    law = ReadingDistribution(model.family, zero, bounded, model.is_hurdle)
    return Response(readings, law, centre, spread), warnings


def _assay(
    table: Table, model: RegressionSpecification, usable: np.ndarray, log: bool
) -> np.ndarray:
    """Known standard deviation of the assay on the scale of the model, shape (rows,)."""
    given = model.family.assay
    if given is None:
        return np.zeros(len(table))
    if isinstance(given, str):
        values = table[model.response]
        size = np.divide(
            table[given], values if log else 1.0, where=usable, out=np.zeros(len(table))
        )
        if not (np.isfinite(size[usable]) & (size[usable] >= 0.0)).all():
            raise DataError(f"The assay error in {given!r} is missing or negative in some rows.")
    else:
        size = np.full(len(table), float(given))
    return np.sqrt(np.log1p(size**2)) if log else size


def _bounded(table: Table, response: str) -> Table:
    """Check readings between two limits; between nothing and a limit is below it."""
    flag, values, upper = table.flag(response), table[response], table.upper(response)
    between = flag == "between"
    if not np.isfinite(upper[between]).all():
        raise DataError(
            f"{int((between & ~np.isfinite(upper)).sum())} readings of {response!r} are flagged "
            "'between' without an upper limit; give it (value_upper in a sheet, uppers= of a "
            "Table), or flag them 'above'."
        )
    nothing = between & (values == 0.0)
    return _reflagged(table, response, nothing, np.where(nothing, upper, values))


def _reflagged(table: Table, response: str, below: np.ndarray, values: np.ndarray) -> Table:
    """Flag some readings as below a limit."""
    if not below.any():
        return table
    frame, flags = table.to_frame(), table.flags.copy()
    frame[response] = values
    flags[response] = np.where(below, "below", table.flag(response))
    return table.replace(frame=frame, flags=flags)

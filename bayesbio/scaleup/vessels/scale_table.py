"""Tables of one response at several scales, in either of the shapes in which they come."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd

from bayesbio.data import Campaign, read_campaign
from bayesbio.data.vocabulary.units import convert
from bayesbio.errors import BayesbioError, DataError

VOLUMES = ("volume_L", "V", "volume", "V_L", "working_volume_L")
TIMES = ("time_h", "t", "time", "t_h")
SCALES = ("scale_id", "scale", "run", "batch")
NOT_TARGETS = {*VOLUMES, *TIMES, *SCALES}


def read_scales(
    source: str | os.PathLike[str] | pd.DataFrame, *, target: str | None = None, unit: str = "1"
) -> Campaign:
    """
    Read a table with a volume, a time and a response in each row.

    Parameters
    ----------
    source : path or DataFrame
        CSV with columns such as scale_id, volume_L, time_h, response_rel; or scale, V, t, C.
        Volumes in litres (or text with a unit: ``4 m3``), times in hours. A column run, where
        there is one, tells runs of one scale apart. Further columns are settings of the runs.
    target : str, optional
        Column of the response; the only one left by default.
    unit : str
        Its unit.

    Returns
    -------
    Campaign
        Runs with the settings volume [L] and, where numbered, scale_number.

    Raises
    ------
    DataError
        If there are no rows, a column is missing, or volumes are in mixed units.

    Examples
    --------
    >>> rows = {"scale": [1, 1, 2, 2], "V": [10, 10, 100, 100], "t": [0, 5] * 2, "C": [0, 1, 0, 2]}
    >>> campaign = read_scales(pd.DataFrame(rows), target="C")
    >>> campaign.names, campaign["2"].settings["volume"]
    (('1', '2'), 100.0)
    """
    frame = source.copy() if isinstance(source, pd.DataFrame) else _read(source)
    frame.columns = [str(name).strip() for name in frame.columns]
    if frame.empty:
        raise DataError("The table has no rows; one row a reading was expected. Export it anew.")
    volume = _column(frame, VOLUMES, "volume", "volume_L")
    time = _column(frame, TIMES, "time", "time_h")
    if target is None:
        rest = [name for name in frame if name not in NOT_TARGETS and name not in (volume, time)]
        numbers = [name for name in rest if pd.api.types.is_numeric_dtype(frame[name])]
        if len(numbers) != 1:
            raise DataError(
                f"Which column is the response? There are {', '.join(numbers) or 'none'}. Name it: "
                "read_scales(..., target='...')."
            )
        (target,) = numbers
    if target not in frame:
        raise DataError(f"There is no column {target!r}; there are {', '.join(frame.columns)}.")
    litres = _litres(frame[volume])
    run = next((name for name in ("run", "batch", "scale_id", "scale") if name in frame), None)
    names = litres.map("{:g} L".format) if run is None else frame[run].astype(str)
    within = litres.groupby(names).nunique()
    if (within > 1).any():
        name = within.index[within > 1][0]
        found = ", ".join(f"{each:g}" for each in litres[names == name].unique()[:4])
        raise DataError(
            f"Run {name!r} has several volumes ({found} L). Give each run one volume; if litres "
            "and cubic metres are mixed, write every volume in litres."
        )
    table = pd.DataFrame(
        {
            "run": names,
            "time [h]": frame[time],
            "volume [L]": litres,
            f"{target} [{unit}]": frame[target],
        }
    )
    number = next(
        (name for name in ("scale_id", "scale") if name in frame and name != volume), None
    )
    if number is not None and pd.api.types.is_numeric_dtype(frame[number]):
        _check_order(frame[number], litres)
    others = [
        name
        for name in frame
        if name not in {volume, time, target, run, *SCALES}
        and frame.groupby(names)[name].nunique(dropna=False).max() == 1
    ]
    for name in others:
        table[name] = frame[name]
    roles = dict.fromkeys(("volume", *others), "setting")
    return read_campaign(table, quantities={target: unit}, roles=roles)


def _read(source: str | os.PathLike[str]) -> pd.DataFrame:
    try:
        return pd.read_csv(source)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {os.fspath(source)!r}. Check the path.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(
            f"{os.fspath(source)!r} is no CSV table ({error}). Save it as CSV with one header line."
        ) from error


def _column(frame: pd.DataFrame, names: tuple[str, ...], what: str, example: str) -> str:
    found = next((name for name in names if name in frame), None)
    if found is None:
        raise DataError(
            f"The table has no {what}: expected a column {' or '.join(names)}; there are "
            f"{', '.join(frame.columns)}. Rename it to {example}."
        )
    return found


def _litres(column: pd.Series) -> pd.Series:
    """Volumes in litres, from numbers or from text with a unit in every cell."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().all():
        litres = numbers.astype(float)
    elif numbers.notna().any():
        bare, worded = column[numbers.notna()].iloc[0], column[numbers.isna()].iloc[0]
        raise DataError(
            f"Volumes come with and without a unit ({bare!r} and {worded!r}). Write every volume "
            "in litres, or every one with its unit."
        )
    else:
        litres = column.map(_one_volume).astype(float)
    wrong = litres[~(litres > 0.0)]
    if len(wrong):
        raise DataError(
            f"Row {wrong.index[0] + 1}: the volume is {wrong.iloc[0]:g} L; a volume above zero was "
            "expected. Correct it, or drop the row."
        )
    return litres


def _one_volume(text: Any) -> float:
    parts = str(text).split(maxsplit=1)
    try:
        return float(convert(float(parts[0].replace(",", ".")), parts[1], "L"))
    except (ValueError, IndexError, BayesbioError) as error:
        raise DataError(
            f"{text!r} is no volume; write a number of litres, or a number and a unit (4 m3)."
        ) from error


def _check_order(number: pd.Series, litres: pd.Series) -> None:
    """Refuse volumes that fall while the number of the scale rises."""
    steps = litres.groupby(number).first().sort_index()
    if (steps.diff().dropna() < 0).any():
        listed = ", ".join(f"{each:g}" for each in steps)
        raise DataError(
            f"The volumes do not rise with the number of the scale: {listed} L. Probably litres "
            "and cubic metres are mixed; give every volume in litres (4 m3 is 4000), or leave out "
            "the column that numbers the scales."
        )

"""One family of errors: each says what came, what was expected, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BayesbioError(Exception):
    """Any error that bayesbio raises on purpose; catch this one to catch them all."""


class DataError(BayesbioError):
    """What was measured cannot be read or used as it stands."""


class UnitError(BayesbioError):
    """A unit is unknown, or does not fit the quantity it is given for."""


class ModelError(BayesbioError):
    """A process model, its parameters or its options do not fit together."""


class SolveError(BayesbioError):
    """A trajectory could not be computed."""


class CalibrationError(BayesbioError):
    """A calibration could not start, did not pass its checks, or its file cannot be used."""


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """
    Suggest the nearest known name, as a sentence to put behind another; empty where none is near.

    Examples
    --------
    >>> did_you_mean("glucos", ["glucose", "lactate"])
    " Did you mean 'glucose'?"
    >>> did_you_mean("pressure", ["glucose", "lactate"])
    ''
    """
    near = difflib.get_close_matches(str(name), [str(each) for each in known], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""

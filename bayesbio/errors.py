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


def nearest_name(name: object, known: Iterable[object], *, cutoff: float = 0.6) -> str | None:
    """
    Nearest known name by the similarity of Ratcliff and Obershelp, whatever the case; None if far.

    Parameters
    ----------
    name : object
        What was given.
    known : iterable
        What could have been meant; the first of several equally near ones is taken.
    cutoff : float
        Least similarity, from 0 to 1.

    Examples
    --------
    >>> nearest_name("TITRE", ["glucose", "titer"])
    'titer'
    """
    spelled: dict[str, str] = {}
    for each in known:
        spelled.setdefault(str(each).lower(), str(each))
    near = difflib.get_close_matches(str(name).lower(), spelled, n=1, cutoff=cutoff)
    return spelled[near[0]] if near else None


def did_you_mean(name: object, known: Iterable[object], *, cutoff: float = 0.6) -> str:
    """
    Suggest the nearest known name, as a sentence to put behind another; empty where none is near.

    Examples
    --------
    >>> did_you_mean("glucos", ["glucose", "lactate"])
    " Did you mean 'glucose'?"
    >>> did_you_mean("pressure", ["glucose", "lactate"])
    ''
    """
    near = nearest_name(name, known, cutoff=cutoff)
    return f" Did you mean {near!r}?" if near is not None else ""

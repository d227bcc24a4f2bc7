"""Evidence: what a report and the command line ask of a result, whatever its kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import Any

import pandas as pd
import xarray as xr

from bayesbio.inference.diagnostics.verdict import Verdict


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """
    A result as its report and the command line see it; every kind gives one by ``.evidence()``.

    Parameters
    ----------
    result : fitted result
        With ``check``, ``summary`` and ``hash``; ``warnings``, ``model``, ``data``, ``options`` and
        ``random_seed`` where it has them (a study of many fits may not).
    title : str
        What it is, for a heading: "MammalianFedBatch on 8 runs".
    answers : tuple of str
        What it says, in sentences; where empty, a parameter is the answer.
    headlines : tuple of str
        Parameters that a reader asks for first, most wanted first.
    calibration : Calibration, optional
        The result itself where it is a calibrated process model: its courses, equations, priors and
        campaign are shown, and plans are predicted.
    predict : callable, optional
        Predicts the rows of a DataFrame: ``predict(rows, noise=, random_seed=)``.
    instead : str
        Where it predicts nothing: the sentence that says what to do with it.

    Examples
    --------
    ``calibration.evidence().title`` is "MammalianFedBatch on 8 runs".
    """

    result: Any
    title: str
    answers: tuple[str, ...] = ()
    headlines: tuple[str, ...] = ()
    calibration: Any = None
    predict: Callable[..., xr.Dataset] | None = None
    instead: str = ""

    @property
    def kind(self) -> str:
        """Name of the class of the result."""
        return type(self.result).__name__

    @cached_property
    def verdict(self) -> Verdict:
        """Whether it may be called a result."""
        return self.result.check()

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Table of its parameters."""
        return self.result.summary()

    @property
    def warnings(self) -> list[str]:
        """Sentences about the data and the fit."""
        return [str(sentence) for sentence in getattr(self.result, "warnings", ())]

    @property
    def options(self) -> dict[str, Any]:
        """What was asked for, as plain values."""
        return dict(getattr(self.result, "options", {}))

    @cached_property
    def tree(self) -> xr.DataTree:
        """Draws and what belongs to them; empty for a result without draws of its own."""
        tree = getattr(self.result, "posterior", None)
        return tree if isinstance(tree, xr.DataTree) else xr.DataTree()

    @property
    def random_seed(self) -> int | None:
        """Seed of the fit; None where nothing was drawn."""
        seed = getattr(self.result, "random_seed", self.options.get("random_seed"))
        return None if seed is None else int(seed)

    @property
    def data_hash(self) -> str:
        """Hash of the data that it was learned from; blank where they have none."""
        data = getattr(self.result, "data", None)
        known = getattr(self.result, "data_hash", getattr(data, "hash", ""))
        return known if isinstance(known, str) else ""

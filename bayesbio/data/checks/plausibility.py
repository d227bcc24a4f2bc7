"""What cultures usually hold and do: units and clocks that were mixed up show as odd numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from bayesbio.data.findings import Finding, warning
from bayesbio.data.run import Run
from bayesbio.data.vocabulary.quantities import Quantity, Vocabulary

MAMMALIAN = "viable_cell_density"  # where it is counted, cells are those of an animal
FASTEST = 0.12  # 1/h; the growth of animal cells that double in 6 h
SEEN = 0.05  # 1e6 cells/mL; counts below say little of growth


def unit_findings(
    frame: pd.DataFrame, words: Vocabulary, quantities: Sequence[str]
) -> Iterator[Finding]:
    """
    Find quantities of an animal cell culture that lie far outside what such cultures hold.

    Parameters
    ----------
    frame : DataFrame
        Every measurement of a campaign, one a row: quantity, value [house unit].
    words : Vocabulary
        Its `usual_low` and `usual_high` are compared with the largest value of each quantity.
    quantities : sequence of str
        What was measured.

    Examples
    --------
    >>> from bayesbio.data.vocabulary.quantities import shipped
    >>> rows = pd.DataFrame({"quantity": "viable_cell_density", "value": [2e-7, 9e-6]})
    >>> found = list(unit_findings(rows, shipped(), ["viable_cell_density"]))
    >>> found[0].what
    'viable_cell_density is never above 9e-06 1e6 cells/mL; cultures reach 0.05 to 300.'
    """
    if MAMMALIAN not in quantities:
        return
    for name, values in frame.groupby("quantity", sort=True)["value"]:
        word = words.find(str(name))
        if word is None or word.usual_low is None or word.usual_high is None:
            continue
        highest = float(values.max())
        if not highest > 0 or word.usual_low <= highest <= word.usual_high:
            continue
        low = highest < word.usual_low
        said = "is never above" if low else "goes up to"
        yield warning(
            f"{name} {said} {highest:.3g} {word.unit}; cultures reach {word.usual_low:g} to "
            f"{word.usual_high:g}.",
            _likely(word, highest),
            subject="unit",
            quantity=str(name),
        )


def _likely(word: Quantity, highest: float) -> str:
    """Say which unit would make sense of numbers that were read in another."""
    assert word.usual_low is not None and word.usual_high is not None
    mass = word.molar_mass or np.nan
    slips = {  # what the numbers would be in -> what the house value would be then
        "1e6 cells/mL": {"1e6 cells/mL": highest * 1e6, "cells/mL": highest * 1e-6},
        "g/L": {
            "g/L": highest * 1e3,
            "mM": highest * mass * 1e-3,
            "mg/L": highest * 1e-3,
            "g/L, headed mM": highest / mass * 1e3,
        },
    }.get(word.unit, {})
    for unit, value in slips.items():
        if word.usual_low <= value <= word.usual_high:
            unit = unit.split(",")[0]
            return f"If the numbers are in {unit}, head the column '{word.name} ({unit})'."
    return "Check the unit in the header, the dilution and the decimal sign."


def clock_findings(run: Run) -> Iterator[Finding]:
    """
    Find animal cells that double faster than any does: days read as hours, most often.

    Examples
    --------
    >>> rows = pd.DataFrame({"time_h": [0.0, 1.0, 2.0, 3.0], "quantity": "viable_cell_density",
    ...                      "value": [0.5, 1.0, 2.0, 4.0]})
    >>> next(clock_findings(Run("R1", rows))).what
    'viable cells double in 1 h between 0 and 3 h; animal cells take 12 h or more.'
    """
    rows = run.measurements
    rows = rows[(rows["quantity"] == MAMMALIAN) & (rows["flag"] == "") & (rows["value"] > SEEN)]
    means = rows.groupby("time_h")["value"].mean()
    if len(means) < 4:
        return
    times, logs = means.index.to_numpy(float), np.log(means.to_numpy(float))
    spans = range(len(times) - 3)
    slopes = [np.polyfit(times[i : i + 4], logs[i : i + 4], 1)[0] for i in spans]
    best = int(np.argmax(slopes))
    if slopes[best] > FASTEST:
        yield warning(
            f"viable cells double in {np.log(2) / slopes[best]:.2g} h between {times[best]:g} and "
            f"{times[best + 3]:g} h; animal cells take 12 h or more.",
            "If the times are days, head their column 'Day' or give the unit, such as 'time (d)'.",
            run=run.name,
            time=float(times[best]),
            quantity=MAMMALIAN,
        )

"""Answers in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesbio.errors import CalibrationError, did_you_mean
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.report.labels import number, unit_text
from bayesbio.report.labels import title as words

__all__ = ["answer_of", "sentence"]


def sentence(result: Any, parameter: str) -> str:
    """
    Median and 90 % credible interval of one parameter, as a sentence.

    Parameters
    ----------
    result : Calibration, or another result whose summary has ``eti_5, eti_50, eti_95``
    parameter : str
        A row of ``result.summary()``.

    Returns
    -------
    str
        Median, unit and 90 % interval, and the spread between groups where it was estimated. Where
        checks failed, the sentence begins with that.

    Raises
    ------
    CalibrationError
        If the result has no such parameter.

    Examples
    --------
    ``sentence(calibration, "maximum_growth_rate")`` gives "The maximum growth rate is 0.032 1/h,
    with 90 % probability between 0.030 and 0.035 1/h."
    """
    summary = result.summary()
    names = [str(name) for name in summary.index]
    if parameter not in names:
        raise CalibrationError(
            f"{parameter!r} is not a parameter of this {type(result).__name__}."
            f"{did_you_mean(parameter, names)} It has {', '.join(names)}."
        )
    row = summary.loc[parameter]
    unit = unit_text(str(row["unit"]))
    unit = f" {unit}" if unit else ""
    name = words(parameter)
    name = name if name.startswith("pH") else name[:1].lower() + name[1:]
    answer = (
        f"The {name} is {number(row['eti_50'])}{unit}, with 90 % probability between "
        f"{number(row['eti_5'])} and {number(row['eti_95'])}{unit}."
    )
    for other in names:
        if other.startswith(f"{parameter}_sd_") and summary.loc[parameter, "eti_5"] > 0:
            level = other.removeprefix(f"{parameter}_sd_").replace("_", " ")
            spread = 100 * float(np.expm1(summary.loc[other, "eti_50"]))  # effects of the log
            answer += f" It differs by about {number(spread, 2)} % from {level} to {level}."
    if not result.check().passed:
        answer = f"Not a result yet, some checks failed. {answer}"
    return answer


def answer_of(evidence: Evidence) -> str:
    """Answer for a page whose writer asked nothing: what the result says, or its first number."""
    if evidence.answers:
        return " ".join(evidence.answers)
    summary = evidence.summary
    if "eti_50" in summary:
        named = [str(name) for name, value in summary["eti_50"].items() if np.isfinite(value)]
        asked = [name for name in evidence.headlines if name in named] or named
        if asked:
            return sentence(evidence.result, asked[0])
    return f"{evidence.title}: {evidence.verdict}".splitlines()[0]

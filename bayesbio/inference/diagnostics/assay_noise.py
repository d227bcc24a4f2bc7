"""Residual scatter beside the usual noise of assays: a swollen noise term hides a wrong model."""

from collections.abc import Sequence

from bayesbio.data.vocabulary.quantities import find
from bayesbio.inference.diagnostics.lack_of_fit import residuals_along_time
from bayesbio.inference.diagnostics.predictive_checks import Predicted
from bayesbio.inference.diagnostics.verdict import Gate, VerdictItem


def noise_size(cases: Sequence[Predicted], gate: Gate) -> VerdictItem | None:
    """
    Compare the scatter around the predicted courses with what such an assay usually has.

    Parameters
    ----------
    cases : sequence of Predicted
        Those with runs and times, of quantities whose usual noise the vocabulary has.
    gate : Gate
        `noise_excess` times the usual noise fails, half of that asks for a look.

    Returns
    -------
    VerdictItem, or None where no quantity's usual noise is on record
    """
    excess = {}
    for course in residuals_along_time(cases):
        term = find(course.quantity)
        if term is not None and term.usual_noise:
            excess[course.quantity] = (course.relative / term.usual_noise, course.relative)
    if not excess:
        return None
    worst = max(excess, key=lambda quantity: excess[quantity][0])
    ratio, scatter = excess[worst]
    passed = ratio <= gate.noise_excess / 2.0
    swollen = [
        f"{quantity} {relative:.0%}"
        for quantity, (times, relative) in excess.items()
        if times > gate.noise_excess / 2.0
    ]
    usual = scatter / ratio
    return VerdictItem(
        "noise size",
        ratio,
        f"<= {gate.noise_excess / 2.0:g} times the usual",
        passed,
        f"Readings scatter around the curves as such assays do (furthest: {worst}, {scatter:.1%})."
        if passed
        else f"Readings scatter more around the curves than such assays do: {', '.join(swollen)} "
        f"(an assay of {worst} seldom exceeds {usual:.0%}).",
        ""
        if passed
        else f"The noise of {worst} has swallowed what the model lacks: look at its curve first; "
        "where the assay is that rough, say so with its noise prior.",
        advisory=ratio <= gate.noise_excess,
        question="model",
    )

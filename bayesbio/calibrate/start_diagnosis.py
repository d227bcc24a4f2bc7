"""Diagnosis of a failed start: which run and quantity have no solution at the prior medians."""

from __future__ import annotations

import numpy as np

from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.errors import BayesbioError, CalibrationError
from bayesbio.ode import simulate


def explain_failed_start(formulation: Formulation, error: CalibrationError) -> CalibrationError:
    """Add to an error of the start which run and quantity have no solution at the prior medians."""
    traced = formulation.kernels.trace
    values = {**formulation.given, **formulation.medians}
    reasons: list[str] = []
    for run in formulation.campaign:
        try:
            course = simulate(
                traced.model, parameters=values, campaign=formulation.campaign.select(runs=run.name)
            )
        except BayesbioError as reason:
            reasons.append(str(reason))
            continue
        for quantity in formulation.rows:
            mean = course[formulation.aliases.get(quantity, quantity)].squeeze().to_numpy()
            if not np.all(np.isfinite(mean)):
                reasons.append(f"Run {run.name!r}: {quantity} is not a finite number.")
            elif formulation.noise[quantity].kind == "lognormal" and np.any(mean <= 0.0):
                reasons.append(
                    f"Run {run.name!r}: {quantity} is zero or less, which lognormal noise cannot "
                    "have; choose another noise or another start."
                )
    if not reasons:
        return error
    more = f" ({len(reasons) - 1} more of this kind.)" if len(reasons) > 1 else ""
    return CalibrationError(f"{error} At the prior medians: {reasons[0]}{more}")

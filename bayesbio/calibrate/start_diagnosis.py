"""Why a calibration cannot start, in words: which run, which quantity, at which parameters."""

from __future__ import annotations

import numpy as np

from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.errors import BayesbioError, CalibrationError
from bayesbio.inference import prior_quantiles
from bayesbio.ode import simulate

WORST = 3  # so many parameters are named


def explain_failed_start(formulation: Formulation, error: CalibrationError) -> CalibrationError:
    """
    Add to an error of the start which runs cannot be solved at the prior medians.

    Parameters
    ----------
    formulation : Formulation
    error : CalibrationError
        What the search for a start said.

    Returns
    -------
    CalibrationError
        The same, with run and quantity where they can be found.
    """
    traced = formulation.kernels.trace
    medians = {
        unknown.name: float(prior_quantiles(unknown.prior, [0.5])[0])
        for unknown in formulation.unknowns
    }
    values = {**formulation.given, **medians}
    found = []
    for run in formulation.campaign:
        try:
            course = simulate(
                traced.model, parameters=values, campaign=formulation.campaign.select(runs=run.name)
            )
        except BayesbioError as reason:
            found.append(str(reason))
            continue
        for quantity in formulation.rows:
            mean = course[quantity].squeeze().to_numpy()
            if not np.all(np.isfinite(mean)):
                found.append(f"Run {run.name!r}: {quantity} is not a finite number.")
            elif formulation.noise[quantity].kind == "lognormal" and np.any(mean <= 0.0):
                found.append(
                    f"Run {run.name!r}: {quantity} is zero or less, which lognormal noise cannot "
                    "have; choose another noise or another start."
                )
    if not found:
        return error
    more = f" ({len(found) - 1} more of this kind.)" if len(found) > 1 else ""
    return CalibrationError(f"{error} At the prior medians: {found[0]}{more}")

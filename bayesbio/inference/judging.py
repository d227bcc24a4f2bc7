"""All checks of a posterior, put together."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bayesbio.errors import CalibrationError
from bayesbio.inference.convergence import (
    agreement,
    completeness,
    divergences,
    effective_draws,
    energy,
    flat_draws,
)
from bayesbio.inference.predictive_checks import (
    interval_coverage,
    leave_one_out,
    predicted_quantities,
    predictive_p_values,
)
from bayesbio.inference.prior_checks import prior_data_conflict
from bayesbio.inference.verdict import Gate, Verdict


def verdict_of(
    tree: xr.DataTree, *, gate: Gate | None = None, variables: Sequence[str] | None = None
) -> Verdict:
    """
    Judge a posterior: did the chains converge, and does the model predict the data.

    Checks for which the tree has no group are left out. R-hat, effective draws, divergences, solver
    failures and predictive coverage decide; energy, Pareto k, LOO-PIT, predictive p-values and
    prior-data conflict are advisory.

    Parameters
    ----------
    tree : DataTree
        Groups `posterior` and `sample_stats`; optionally `posterior_predictive`,
        `observed_data` and `log_likelihood` with one variable per quantity (a dimension of rows
        after chain and draw; a coordinate `<quantity>_flag` marks censored rows), and `prior` or
        `log_prior`.
    gate : Gate, optional
        Thresholds.
    variables : sequence of str, optional
        Variables of the posterior to check; all by default.

    Returns
    -------
    Verdict

    Raises
    ------
    CalibrationError
        When there is no posterior to judge.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> draws = {"rate": (("chain", "draw"), rng.normal(size=(4, 500)))}
    >>> tree = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})
    >>> verdict = verdict_of(tree)
    >>> verdict.passed, verdict.names
    (True, ('R-hat', 'bulk ESS', 'tail ESS'))
    """
    gate = gate or Gate()
    if "posterior" not in tree.children:
        raise CalibrationError(
            "There is no posterior to judge: the tree has the groups "
            f"{', '.join(tree.children) or '(none)'}."
        )
    labels, draws = flat_draws(tree["posterior"].to_dataset(), variables)
    if not labels:
        raise CalibrationError(
            "Nothing in the posterior varies between draws: every variable is constant."
        )
    sizes = effective_draws(labels, draws, gate)
    items = [agreement(labels, draws, gate), *sizes]
    if tree["posterior"].attrs.get("partial", False):
        items.insert(0, completeness(draws))
    if "sample_stats" in tree.children:
        stats = tree["sample_stats"].to_dataset()
        if "diverging" in stats:
            items += divergences(labels, draws, stats, gate)
        if "energy" in stats:
            items.append(energy(stats, gate))
    cases = predicted_quantities(tree)
    efficiency = float(np.clip(sizes[0].value / (draws.shape[0] * draws.shape[1]), 0.01, 1.0))
    items += [
        item
        for item in (
            interval_coverage(cases, gate),
            *leave_one_out(cases, gate, efficiency=efficiency),
            predictive_p_values(cases, gate),
            prior_data_conflict(tree, gate),
        )
        if item is not None
    ]
    return Verdict(tuple(items))

"""Posterior checks: convergence, predictive and prior checks put together in one verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.errors import CalibrationError
from bayesbio.inference.diagnostics.assay_noise import noise_size
from bayesbio.inference.diagnostics.convergence import (
    divergences,
    effective_draws,
    energy,
    fallbacks,
    partial_sampling,
    repeated_attempts,
    rhat,
)
from bayesbio.inference.diagnostics.draws import convergence_statistics, flat_draws
from bayesbio.inference.diagnostics.lack_of_fit import lack_of_fit
from bayesbio.inference.diagnostics.predictive_checks import (
    interval_coverage,
    leave_one_out,
    predicted_quantities,
)
from bayesbio.inference.diagnostics.prior_checks import outside_prior, prior_data_conflict
from bayesbio.inference.diagnostics.verdict import Gate, Verdict, VerdictItem


def verdict_of(
    tree: xr.DataTree, *, gate: Gate | None = None, variables: Sequence[str] | None = None
) -> Verdict:
    """
    Check a posterior: did the chains converge, and does the model predict the data.

    Checks for which the tree has no group are left out. Draws of an `Approximation` never pass.
    Two questions (`VerdictItem.question`): is the computation sound (R-hat, effective draws,
    divergences, failed evaluations decide; energy, repeated attempts and fallbacks are advisory),
    and does the model describe these data (coverage, predictive p-values and structure in residuals
    of time courses decide; Pareto k, LOO-PIT, prior-data conflict and effects of little size are
    advisory).

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
        When there is no posterior to check.

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
            "There is no posterior to check: the tree has the groups "
            f"{', '.join(tree.children) or '(none)'}."
        )
    flat = flat_draws(tree["posterior"].to_dataset(), variables).varying
    if not flat.labels:
        raise CalibrationError(
            "Nothing in the posterior varies between draws: every variable is constant."
        )
    attributes = tree["posterior"].attrs
    statistics = convergence_statistics(flat.values)
    efficiency = 1.0
    if "approximation" in attributes:
        items = [_approximation(attributes)]
        if flat.values.shape[0] > 1:  # independent populations
            items.append(rhat(flat, statistics, gate))
    else:
        sizes = effective_draws(flat, statistics, gate)
        items = [rhat(flat, statistics, gate), *sizes]
        efficiency = sizes[0].value / (flat.values.shape[0] * flat.values.shape[1])
    if attributes.get("partial", False):
        items.insert(0, partial_sampling(flat.values))
    if "sample_stats" in tree.children:
        stats = tree["sample_stats"].to_dataset()
        if "diverging" in stats:
            items += divergences(flat, stats, gate)
        if "energy" in stats:
            items.append(energy(stats, gate))
    cases = predicted_quantities(tree)
    items += [
        item
        for item in (
            interval_coverage(cases, gate),
            *leave_one_out(cases, gate, efficiency=float(np.clip(efficiency, 0.01, 1.0))),
            *lack_of_fit(cases, gate),
            noise_size(cases, gate),
            prior_data_conflict(tree, gate),
            outside_prior(tree),
            repeated_attempts(attributes),
            fallbacks(attributes),
        )
        if item is not None
    ]
    return Verdict(tuple(items))


def _approximation(attributes: Mapping[Any, Any]) -> VerdictItem:
    """Say what stands in for the posterior; that never passes for one."""
    return VerdictItem(
        "approximation",
        float(attributes["pareto_k"]),
        "draws sampled from the posterior",
        False,
        str(attributes["approximation_says"]),
        "Run fit before you call it a result; where it has several modes that chains do not cross, "
        "say so and keep the draws of sequential Monte Carlo.",
    )

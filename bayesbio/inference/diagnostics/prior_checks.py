"""Whether priors and data contradict each other."""

import re

import arviz as az
import numpy as np
import xarray as xr

from bayesbio.inference.diagnostics.draws import flat_draws, scalar_label
from bayesbio.inference.diagnostics.verdict import Gate, VerdictItem

# Factors by which values are wrong when units are mistaken for each other.
_SLIPS = {
    24.0: "hours and days exchanged",
    60.0: "minutes and hours exchanged",
    3600.0: "seconds and hours exchanged",
    1000.0: "a thousandfold unit (mL and L, mg and g) exchanged",
    1e6: "a millionfold unit (cells/mL and 1e6 cells/mL) exchanged",
}
_OF_TIME = (24.0, 60.0, 3600.0)


def prior_data_conflict(tree: xr.DataTree, gate: Gate) -> VerdictItem | None:
    """
    Look for a parameter that the data pull away from its prior.

    By power scaling where the tree has groups `log_prior` and `log_likelihood` (Kallioinen et al.
    2024, doi:10.1007/s11222-023-10366-5); else by the place of the posterior median in the draws
    of the group `prior`. Advisory either way: an informed departure from a vague prior is no error.

    Parameters
    ----------
    tree : DataTree
        With group `posterior`.
    gate : Gate
        Thresholds.

    Returns
    -------
    VerdictItem, or None when neither group exists
    """
    if {"log_prior", "log_likelihood"} <= set(tree.children):
        return _by_power_scaling(tree, gate)
    if "prior" in tree.children:
        return _by_place_in_prior(tree, gate)
    return None


def outside_prior(tree: xr.DataTree) -> VerdictItem | None:
    """
    Name every unknown whose posterior median lies outside its prior's central 90 %; advisory.

    Parameters
    ----------
    tree : DataTree
        With groups `posterior` and `prior`.

    Returns
    -------
    VerdictItem, or None without draws of the prior
    """
    medians = _medians_and_priors(tree)
    observed = tree["observed_data"].data_vars if "observed_data" in tree.children else ()
    for quantity in observed:  # the size of noise has a check of its own
        medians.pop(f"noise_{quantity}", None)
    if not medians:
        return None
    units = {
        str(name): str(variable.attrs.get("units", ""))
        for name, variable in tree["posterior"].data_vars.items()
    }
    outside = []
    for label, (median, prior) in medians.items():
        low, middle, high = np.quantile(prior, (0.05, 0.5, 0.95))
        if not low <= median <= high:
            slip = _slip(median, middle, units.get(label.partition("[")[0], ""))
            outside.append(f"{label} ({median:.3g}; prior {low:.3g} to {high:.3g}{slip})")
    return VerdictItem(
        "outside the prior",
        float(len(outside)),
        "0",
        not outside,
        f"{len(outside)} of {len(medians)} unknowns leave the central 90 % of their priors"
        + (f": {'; '.join(outside)}." if outside else "."),
        "Check the units of the data and of these priors; widen a prior if the data are right."
        if outside
        else "",
        advisory=True,
        question="model",
    )


def _slip(median: float, expected: float, unit: str) -> str:
    """Name the slip of unit that would bring the median to what was expected, if one would."""
    if not (median > 0.0 and expected > 0.0):
        return ""
    has_time = "h" in re.findall(r"[A-Za-z]+", unit)
    for factor, slip in _SLIPS.items():
        if abs(abs(np.log(median / expected)) - np.log(factor)) < 0.2 and (
            has_time or factor not in _OF_TIME
        ):
            amount = f"{factor:g} times" if median > expected else f"1/{factor:g} of"
            return f", {amount} what was expected: {slip}?"
    return ""


def _medians_and_priors(tree: xr.DataTree) -> dict[str, tuple[float, np.ndarray]]:
    """Posterior median and prior draws of every scalar that has both."""
    if "prior" not in tree.children:
        return {}
    posterior, prior = tree["posterior"].to_dataset(), tree["prior"].to_dataset()
    names = [str(name) for name in posterior.data_vars if name in prior.data_vars]
    after, before = flat_draws(posterior, names).varying, flat_draws(prior, names).varying
    known = {label: before.values[..., i].ravel() for i, label in enumerate(before.labels)}
    return {
        label: (float(np.median(after.values[..., i])), known[label])
        for i, label in enumerate(after.labels)
        if label in known
    }


def _by_power_scaling(tree: xr.DataTree, gate: Gate) -> VerdictItem:
    """Sensitive to both prior and likelihood: the two pull in different directions."""
    names = [name for name in tree["log_prior"].data_vars if name in tree["posterior"].data_vars]
    weighed = xr.DataTree.from_dict(
        {
            "posterior": tree["posterior"].to_dataset()[names],
            "log_prior": _total(tree["log_prior"].to_dataset()),
            "log_likelihood": _total(tree["log_likelihood"].to_dataset()),
        }
    )
    sensitivity = {
        group: _flat(az.psense(weighed, var_names=names, group=group))
        for group in ("prior", "likelihood")
    }
    both = {
        label: min(value, sensitivity["likelihood"][label])
        for label, value in sensitivity["prior"].items()
    }
    worst = max(both, key=lambda label: both[label])
    value = both[worst]
    return _item(
        worst,
        value,
        f"< {gate.sensitivity:g}",
        value < gate.sensitivity,
        f"power-scaling sensitivity {value:.2f} to both prior and data",
    )


def _by_place_in_prior(tree: xr.DataTree, gate: Gate) -> VerdictItem | None:
    """Probability, under the prior, of lying beyond the posterior median."""
    tails = {}
    for label, (median, prior) in _medians_and_priors(tree).items():
        below = float(np.mean(prior < median))
        tails[label] = min(below, 1.0 - below)
    if not tails:
        return None
    worst = min(tails, key=lambda label: tails[label])
    return _item(
        worst,
        tails[worst],
        f">= {gate.prior_tail:g}",
        tails[worst] >= gate.prior_tail,
        f"its posterior median lies in a tail of {tails[worst]:.2%} of its prior",
    )


def _item(worst: str, value: float, threshold: str, passed: bool, found: str) -> VerdictItem:
    return VerdictItem(
        "prior-data conflict",
        value,
        threshold,
        passed,
        f"Priors and data are compatible (closest to a conflict: {worst}, {found})."
        if passed
        else f"The data pull {worst} away from its prior: {found}.",
        ""
        if passed
        else f"Check the unit and source of the prior of {worst.partition('[')[0]}; widen it if "
        "the data are right.",
        advisory=True,
        question="model",
    )


def _total(densities: xr.Dataset) -> xr.Dataset:
    """Sum over all variables and rows, dims (chain, draw)."""
    parts = [
        values.sum([dim for dim in values.dims if dim not in ("chain", "draw")]).reset_coords(
            drop=True
        )
        for values in densities.data_vars.values()
    ]
    return xr.Dataset({"total": sum(parts[1:], parts[0])})


def _flat(dataset: xr.Dataset) -> dict[str, float]:
    """One number per scalar: "rate", "rate_by_run[R07]"."""
    return {
        scalar_label(str(name), variable, variable.dims, place): float(variable.to_numpy()[place])
        for name, variable in dataset.data_vars.items()
        for place in np.ndindex(variable.shape)
    }

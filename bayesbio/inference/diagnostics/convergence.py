"""Whether the chains explored the posterior: checks that need the draws alone."""

from collections.abc import Hashable, Sequence

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats

from bayesbio.inference.diagnostics.verdict import Gate, VerdictItem


def flat_draws(
    posterior: xr.Dataset, names: Sequence[str] | None = None
) -> tuple[list[str], np.ndarray]:
    """
    Lay every scalar of a posterior side by side.

    Parameters
    ----------
    posterior : Dataset, dims (chain, draw, ...)
        Draws.
    names : sequence of str, optional
        Variables to take; all by default.

    Returns
    -------
    labels : list of str
        "rate", "rate_by_run[R07]", ...
    draws : array, (chain, draw, scalars)
        Without the scalars that never change.

    Examples
    --------
    >>> draws = xr.Dataset({"rate": (("chain", "draw", "run"), np.arange(4.0).reshape(1, 2, 2))},
    ...                    coords={"run": ["R1", "R2"]})
    >>> flat_draws(draws)[0]
    ['rate[R1]', 'rate[R2]']
    """
    labels: list[str] = []
    columns = []
    for name in names if names is not None else posterior.data_vars:
        variable = posterior[name].transpose("chain", "draw", ...)
        values = variable.to_numpy().astype(float)
        for place in np.ndindex(values.shape[2:]):
            column = values[(..., *place)]
            if np.all(column == column.flat[0]):
                continue
            labels.append(scalar_label(str(name), variable, variable.dims[2:], place))
            columns.append(column)
    size = (posterior.sizes["chain"], posterior.sizes["draw"], 0)
    return labels, np.stack(columns, axis=-1) if columns else np.empty(size)


def scalar_label(
    name: str, variable: xr.DataArray, dims: Sequence[Hashable], place: Sequence[int]
) -> str:
    """Name of one number of a variable, "rate_by_run[R07]", by the coordinates of its place."""
    where = ", ".join(
        str(variable[dim].to_numpy()[i]) if dim in variable.coords else str(i)
        for dim, i in zip(dims, place, strict=True)
    )
    return f"{name}[{where}]" if where else name


def agreement(labels: Sequence[str], draws: np.ndarray, gate: Gate) -> VerdictItem:
    """R-hat: do the chains agree with each other and with their own halves."""
    with np.errstate(divide="ignore", invalid="ignore"):
        r_hat = array_stats.rhat(draws, chain_axis=0, draw_axis=1)
    # A chain that never moves has no variance: R-hat is not a number, and that is the worst.
    r_hat = np.where(np.isnan(r_hat), np.inf, r_hat)
    worst = int(np.argmax(r_hat))
    value, passed = float(r_hat[worst]), bool(r_hat[worst] <= gate.r_hat)
    return VerdictItem(
        "R-hat",
        value,
        f"<= {gate.r_hat:g}",
        passed,
        f"The chains agree: R-hat is at most {value:.3f} ({labels[worst]})."
        if passed
        else f"The chains disagree about {labels[worst]}: R-hat is {value:.3g}.",
        ""
        if passed
        else "Run longer (twice the tuning and the draws); if the chains still disagree, fix or "
        f"pool {_variable(labels[worst])}, or add a measurement that informs it.",
    )


def completeness(draws: np.ndarray) -> VerdictItem:
    """Refuse draws that were cut short, however well they look."""
    chains, length = draws.shape[:2]
    return VerdictItem(
        "sampling",
        float(length),
        "all draws that were asked for",
        False,
        f"Sampling was interrupted: {chains} chains of {length} draws are what there is.",
        "Fit again and let it finish; with checkpoint=... and resume=True it goes on.",
    )


def effective_draws(labels: Sequence[str], draws: np.ndarray, gate: Gate) -> list[VerdictItem]:
    """Effective sample sizes of means (bulk) and of 90 % intervals (tail)."""
    worst = {}
    for part, probability in (("bulk", None), ("tail", (0.05, 0.95))):
        with np.errstate(divide="ignore", invalid="ignore"):
            size = array_stats.ess(draws, chain_axis=0, draw_axis=1, method=part, prob=probability)
        size = np.where(np.isnan(size), 0.0, size)
        worst[part] = (float(np.min(size)), labels[int(np.argmin(size))])
    least, label = min(worst.values())
    factor = 1.2 * gate.effective_draws / max(least, 1.0)
    if factor <= 5.0:
        more = 100 * int(np.ceil(draws.shape[1] * factor / 100))
        remedy = f"Ask for more draws: draws={more} per chain should do."
    else:
        remedy = (
            f"More draws alone will not do: fix or pool {_variable(label)}, or add a measurement "
            "that informs it."
        )
    return [
        VerdictItem(
            f"{part} ESS",
            value,
            f">= {gate.effective_draws:g}",
            value >= gate.effective_draws,
            f"At least {value:.0f} effective draws in the {part} ({name}).",
            "" if value >= gate.effective_draws else remedy,
        )
        for part, (value, name) in worst.items()
    ]


def divergences(
    labels: Sequence[str], draws: np.ndarray, stats: xr.Dataset, gate: Gate
) -> list[VerdictItem]:
    """Divergences from the shape of the posterior, and densities that are not finite, apart."""
    diverging = stats["diverging"].transpose("chain", "draw").to_numpy().astype(bool)
    if "non_finite" in stats:
        failed = stats["non_finite"].transpose("chain", "draw").to_numpy().astype(bool)
    else:
        failed = np.zeros_like(diverging)
    bent = diverging & ~failed
    count, lost, total = int(bent.sum()), int(failed.sum()), diverging.size
    few, rare = count <= gate.divergences, lost <= gate.non_finite * total
    return [
        VerdictItem(
            "divergences",
            count,
            f"<= {gate.divergences}",
            few,
            f"{count} of {total} draws diverged" + (_around(labels, draws, bent) + "."),
            ""
            if few
            else "Sample with smaller steps (target_accept=0.99), or change between centred and "
            f"standardised effects{_advice_on(labels, draws, bent)}.",
        ),
        VerdictItem(
            "solver failures",
            lost,
            f"<= {gate.non_finite:.1%} of the draws",
            rare,
            f"{lost} of {total} draws met values where the model cannot be computed"
            + (_around(labels, draws, failed) + ".")
            + "".join(f" {stats.attrs[n]}." for n in ("failures", "stiff") if stats.attrs.get(n)),
            ""
            if rare
            else "Narrow the priors that reach where the model fails"
            f"{_advice_on(labels, draws, failed)}, or loosen the solver's tolerance.",
        ),
    ]


def energy(stats: xr.Dataset, gate: Gate) -> VerdictItem:
    """Whether momentum resampling moves between energies fast enough."""
    fraction = array_stats.bfmi(stats["energy"].transpose("chain", "draw").to_numpy())
    value, passed = float(np.min(fraction)), bool(np.min(fraction) >= gate.energy)
    return VerdictItem(
        "energy",
        value,
        f">= {gate.energy:g}",
        passed,
        f"The chains move {'freely' if passed else 'slowly'} between energies: fraction of missing "
        f"information {value:.2f} (chain {int(np.argmin(fraction))}).",
        ""
        if passed
        else "Heavy tails or a narrow funnel: standardise the effects of weakly informed groups, "
        "or narrow the priors of standard deviations.",
        advisory=True,
    )


def _outlier(labels: Sequence[str], draws: np.ndarray, chosen: np.ndarray) -> str | None:
    """Scalar whose values at the chosen draws lie furthest from the rest."""
    if not chosen.any() or not labels:
        return None
    spread = draws.std(axis=(0, 1))
    shift = np.abs(draws[chosen].mean(axis=0) - draws.mean(axis=(0, 1))) / spread
    return labels[int(np.argmax(shift))] if np.max(shift) > 0.5 else None


def _around(labels: Sequence[str], draws: np.ndarray, chosen: np.ndarray) -> str:
    """Where the chosen draws lie, in words."""
    name = _outlier(labels, draws, chosen)
    if name is None:
        return ""
    values = draws[chosen][:, labels.index(name)]
    return f", around {name} = {np.median(values):.3g}"


def _advice_on(labels: Sequence[str], draws: np.ndarray, chosen: np.ndarray) -> str:
    """Which parameter to look at, in words."""
    name = _outlier(labels, draws, chosen)
    return f"; look at {_variable(name)} first" if name else ""


def _variable(label: str) -> str:
    """Name of the variable a scalar belongs to."""
    return label.partition("[")[0]

"""Convergence diagnostics: R-hat, effective sample sizes, divergences, energy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats

from bayesbio.inference.diagnostics.draws import FlatDraws
from bayesbio.inference.diagnostics.verdict import Gate, VerdictItem


def rhat(flat: FlatDraws, statistics: Mapping[str, np.ndarray], gate: Gate) -> VerdictItem:
    """Rank-normalised split R-hat: do the chains agree with each other and with their halves."""
    # A chain that never moves has no variance: R-hat is not a number, and that is the worst.
    r_hat = np.where(np.isnan(statistics["r_hat"]), np.inf, statistics["r_hat"])
    worst = int(np.argmax(r_hat))
    value, passed = float(r_hat[worst]), bool(r_hat[worst] <= gate.r_hat)
    label = flat.labels[worst]
    return VerdictItem(
        "R-hat",
        value,
        f"<= {gate.r_hat:g}",
        passed,
        f"The chains agree: R-hat is at most {value:.3f} ({label})."
        if passed
        else f"The chains disagree about {label}: R-hat is {value:.3g}.",
        ""
        if passed
        else "Run longer (twice the tuning and the draws); if the chains still disagree, fix or "
        f"pool {flat.names[worst]}, or add a measurement that informs it.",
    )


def partial_sampling(draws: np.ndarray) -> VerdictItem:
    """Interrupted sampling: draws that were cut short never pass."""
    chains, length = draws.shape[:2]
    return VerdictItem(
        "sampling",
        float(length),
        "all draws that were asked for",
        False,
        f"Sampling was interrupted: {chains} chains of {length} draws are what there is.",
        "Fit again and let it finish; with checkpoint=... and resume=True it goes on.",
    )


def effective_draws(
    flat: FlatDraws, statistics: Mapping[str, np.ndarray], gate: Gate
) -> list[VerdictItem]:
    """Effective sample sizes of means (bulk) and of 90 % intervals (tail)."""
    worst = {}
    for part in ("bulk", "tail"):
        size = np.nan_to_num(statistics[f"ess_{part}"], nan=0.0)
        worst[part] = (float(np.min(size)), int(np.argmin(size)))
    least, place = min(worst.values())
    factor = 1.2 * gate.effective_draws / max(least, 1.0)
    if factor <= 5.0:
        more = 100 * int(np.ceil(flat.values.shape[1] * factor / 100))
        remedy = f"Ask for more draws: draws={more} per chain should do."
    else:
        remedy = (
            f"More draws alone will not do: fix or pool {flat.names[place]}, or add a measurement "
            "that informs it."
        )
    return [
        VerdictItem(
            f"{part} ESS",
            value,
            f">= {gate.effective_draws:g}",
            value >= gate.effective_draws,
            f"At least {value:.0f} effective draws in the {part} ({flat.labels[i]}).",
            "" if value >= gate.effective_draws else remedy,
        )
        for part, (value, i) in worst.items()
    ]


def divergences(flat: FlatDraws, stats: xr.Dataset, gate: Gate) -> list[VerdictItem]:
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
            f"{count} of {total} draws diverged" + (_around(flat, bent) + "."),
            ""
            if few
            else "Sample with smaller steps (target_accept=0.99), or change between centred and "
            f"non-centred effects{_advice_on(flat, bent)}.",
        ),
        VerdictItem(
            "failed evaluations",
            lost,
            f"<= {gate.non_finite:.1%} of the draws",
            rare,
            f"{lost} of {total} draws met values where the model cannot be computed"
            + (_around(flat, failed) + ".")
            + "".join(f" {stats.attrs[n]}." for n in ("failures", "stiff") if stats.attrs.get(n)),
            ""
            if rare
            else "Narrow the priors that reach where the model fails"
            f"{_advice_on(flat, failed)}, or loosen the solver's tolerance.",
        ),
    ]


def repeated_attempts(attributes: Mapping[Any, Any]) -> VerdictItem | None:
    """Report sampling that was repeated because chains diverged; advisory."""
    attempts = int(attributes.get("attempts", 1))
    if attempts < 2:
        return None
    return VerdictItem(
        "attempts",
        float(attempts),
        "1",
        False,
        f"Chains diverged, so all were sampled again: these draws are of attempt {attempts}, with "
        f"smaller steps (target_accept = {attributes.get('target_accept', float('nan')):g}).",
        "Draws of a repeated attempt can be sound; where they are not, reparameterise the "
        "parameters that diverged or give them narrower priors.",
        advisory=True,
    )


def fallbacks(attributes: Mapping[Any, Any]) -> VerdictItem | None:
    """Report fallbacks that `record_fallback` recorded while the posterior was made; advisory."""
    sentences = [str(each) for each in attributes.get("fallbacks", ())]
    if not sentences:
        return None
    return VerdictItem(
        "fallbacks",
        float(len(sentences)),
        "0",
        False,
        " ".join(sentences),
        "The result stands; the log of 'bayesbio' has the reason of each fallback.",
        advisory=True,
    )


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


def _outlier(flat: FlatDraws, chosen: np.ndarray) -> int | None:
    """Find the scalar whose values at the chosen draws lie furthest from the rest."""
    if not chosen.any() or not flat.labels:
        return None
    spread = flat.values.std(axis=(0, 1))
    shift = np.abs(flat.values[chosen].mean(axis=0) - flat.values.mean(axis=(0, 1))) / spread
    return int(np.argmax(shift)) if np.max(shift) > 0.5 else None


def _around(flat: FlatDraws, chosen: np.ndarray) -> str:
    """Where the chosen draws lie, in words."""
    scalar = _outlier(flat, chosen)
    if scalar is None:
        return ""
    median = np.median(flat.values[chosen][:, scalar])
    return f", around {flat.labels[scalar]} = {median:.3g}"


def _advice_on(flat: FlatDraws, chosen: np.ndarray) -> str:
    """Which parameter to look at, in words."""
    scalar = _outlier(flat, chosen)
    return "" if scalar is None else f"; look at {flat.names[scalar]} first"

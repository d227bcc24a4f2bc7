"""Whether a method gives honest posteriors: simulate from the prior, fit again, rank the truth."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import BayesbioError, CalibrationError
from bayesbio.inference.validation.rank_statistics import Ranks


def simulation_based_calibration(
    simulate: Callable[[int], tuple[Mapping[str, Any], Any]],
    refit: Callable[[Any, int], Any],
    *,
    replications: int | Iterable[int] = 200,
    random_seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Ranks:
    """
    Check any posterior by simulation: truths from the prior, data from them, the fit, the ranks.

    Parameters
    ----------
    simulate : callable
        ``truth, data = simulate(seed)``: unknowns drawn from their prior (name to number or array)
        and data simulated from them.
    refit : callable
        ``draws = refit(data, seed)``: independent posterior draws of the same names, as a Dataset
        with dims (chain, draw, ...) or a mapping of name to array, shape (draws, ...). As many
        draws each time; thin a Markov chain until they are independent. Its attribute or key
        ``remarks`` may hold numbers worth keeping, such as effective draws.
    replications : int or ints
        How many times; or which ones, where a study is done in parts.
    random_seed : int
        Replication r has a seed of its own, whatever the number of replications.
    checkpoint : path, optional
        CSV in which ranks are written as they come; replications that it holds are not repeated.
    progress : callable, optional
        Called with the replications done and their total.

    Returns
    -------
    Ranks
        Ask it `.check()`; `bayesbio.report.draw_rank_differences` draws it.

    Raises
    ------
    CalibrationError
        When names, shapes or numbers of draws do not fit each other, or the checkpoint is that of
        other names.

    Notes
    -----
    A fit that raises a `BayesbioError` is a replication without ranks, and counts in the verdict.
    Ties, as with censored or rounded draws, are broken at random. Talts et al. (2018),
    arXiv:1804.06788

    Examples
    --------
    A mean with a standard normal prior, one reading of unit variance, the exact posterior:

    >>> def simulate(seed):
    ...     truth, error = np.random.default_rng(seed).standard_normal(2)
    ...     return {"mean": truth}, truth + error
    >>> def refit(reading, seed):
    ...     noise = np.random.default_rng(seed).standard_normal(49)
    ...     return {"mean": reading / 2 + noise / np.sqrt(2)}
    >>> ranks = simulation_based_calibration(simulate, refit, replications=60, random_seed=1)
    >>> ranks.check().passed
    True
    """
    wanted = range(replications) if isinstance(replications, int) else list(replications)
    if not len(wanted):
        raise CalibrationError(f"replications={replications}: expected one or more; 200 is usual.")
    path = None if checkpoint is None else Path(checkpoint)
    rows: dict[int, dict[str, float]] = {}
    remarks: dict[int, dict[str, float]] = {}
    draws = 0
    if path is not None and path.exists():
        done = Ranks.read(path)
        draws = done.draws
        rows = {int(at): dict(row) for at, row in done.table.iterrows() if at in wanted}
        remarks = {int(at): dict(row) for at, row in done.remarks.iterrows() if at in wanted}
    for place, replication in enumerate(wanted):
        if replication not in rows:
            first, second, third = (
                int(seed)
                for seed in np.random.SeedSequence([random_seed, replication]).generate_state(3)
            )
            truth, data = simulate(first)
            try:
                found, noted = _named(refit(data, second))
            except BayesbioError as error:
                rows[replication] = dict.fromkeys(_labels(truth), np.nan)
                remarks[replication] = {"failed": 1.0}
                if not draws:  # nothing says how many there would have been
                    raise CalibrationError(
                        f"The first replication failed already: {error}"
                    ) from error
            else:
                number, ranks = _ranks(truth, found, np.random.default_rng(third))
                if draws and number != draws:
                    raise CalibrationError(
                        f"Replication {replication} has {number} draws, those before it {draws}; "
                        "ranks can only be compared among as many draws. Thin to the same number."
                    )
                draws = number
                if rows and set(ranks) != set(next(iter(rows.values()))):
                    raise CalibrationError(
                        f"Replication {replication} ranks {', '.join(ranks)}, those before it "
                        f"{', '.join(next(iter(rows.values())))}. Use another checkpoint, and give "
                        "the same names each time."
                    )
                rows[replication], remarks[replication] = ranks, noted
            if path is not None:
                _collected(rows, remarks, draws).save(path)
        if progress is not None:
            progress(place + 1, len(wanted))
    return _collected(rows, remarks, draws)


def _collected(
    rows: Mapping[int, Mapping[str, float]], remarks: Mapping[int, Mapping[str, float]], draws: int
) -> Ranks:
    table = pd.DataFrame.from_dict(dict(rows), orient="index").sort_index()
    noted = pd.DataFrame.from_dict(dict(remarks), orient="index").reindex(table.index)
    return Ranks(table.rename_axis("replication"), draws=draws, remarks=noted)


def _named(fitted: Any) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Draws by name, first axis the draws, and the remarks that came with them."""
    if isinstance(fitted, xr.Dataset):
        stacked = fitted.stack(all_draws=("chain", "draw")).transpose("all_draws", ...)
        return (
            {str(name): values.to_numpy() for name, values in stacked.data_vars.items()},
            dict(fitted.attrs.get("remarks", {})),
        )
    found = {name: np.asarray(values) for name, values in fitted.items() if name != "remarks"}
    return found, dict(fitted.get("remarks", {}))


def _labels(truth: Mapping[str, Any]) -> list[str]:
    """Name of every number: elements of arrays in brackets."""
    found = []
    for name, value in truth.items():
        shape = np.shape(value)
        found += [
            f"{name}[{', '.join(map(str, place))}]" if place else str(name)
            for place in np.ndindex(*shape)
        ]
    return found


def _ranks(
    truth: Mapping[str, Any], draws: Mapping[str, np.ndarray], rng: np.random.Generator
) -> tuple[int, dict[str, float]]:
    """Rank of each true number among its draws."""
    missing = [name for name in truth if name not in draws]
    if missing or not truth:
        raise CalibrationError(
            f"The fit gave no draws of {', '.join(missing) or 'anything'}; it gave "
            f"{', '.join(draws) or 'nothing'}. Truth and draws need the same names."
        )
    sizes = {len(draws[name]) for name in truth}
    found: list[float] = []
    for name, value in truth.items():
        true, drawn = np.asarray(value, dtype=float), draws[name]
        if drawn.shape[1:] != true.shape:
            raise CalibrationError(
                f"Draws of {name} have shape {drawn.shape}; (draws, "
                f"{', '.join(map(str, true.shape))}) was expected. Put the draws first."
            )
        ties = np.sum(drawn == true, axis=0)
        lucky = rng.integers(0, ties + 1)
        found += np.ravel(np.sum(drawn < true, axis=0) + lucky).tolist()
    if len(sizes) > 1:
        raise CalibrationError(f"Names have different numbers of draws: {sorted(sizes)}.")
    return sizes.pop(), dict(zip(_labels(truth), map(float, found), strict=True))

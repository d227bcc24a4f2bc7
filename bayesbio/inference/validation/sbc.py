"""Simulation-based calibration (SBC): simulate from the prior, fit again, rank the truth."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import BayesbioError, CalibrationError
from bayesbio.inference.archive.environment import versions
from bayesbio.inference.parallel.jobs import map_jobs
from bayesbio.inference.validation.rank_statistics import Ranks

LOG = logging.getLogger(__name__)
PART = 20  # replications of one job

type Simulate = Callable[[int], tuple[Mapping[str, Any], Any]]
type Refit = Callable[[Any, int], Any]


def simulation_based_calibration(
    simulate: Simulate,
    refit: Refit,
    *,
    replications: int | Iterable[int] = 200,
    random_seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    identity: Mapping[str, Any] | None = None,
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
        The card beside it (``ranks.card.json``) says which study they are of: those of another
        study (identity, seed or versions) are set aside under another name, with a logged warning.
    identity : mapping of name to plain value, optional
        What the ranks follow from beside the seed, for the card: model, priors, design.
    progress : callable, optional
        Called with the replications done and their total.

    Returns
    -------
    Ranks
        Ask it `.check()`; `bayesbio.report.draw_rank_differences` draws it.

    Raises
    ------
    CalibrationError
        When names, shapes or numbers of draws do not fit each other.

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
    return run_replications(
        _Prepared((simulate, refit)),
        replications=replications,
        random_seed=random_seed,
        checkpoint=checkpoint,
        identity=identity,
        progress=progress,
    )


@dataclasses.dataclass(frozen=True)
class _Prepared:
    """A simulator and a refit that need no preparation."""

    pair: tuple[Simulate, Refit]

    def __call__(self) -> tuple[Simulate, Refit]:
        """Give both."""
        return self.pair


def run_replications(
    prepare: Callable[[], tuple[Simulate, Refit]],
    *,
    replications: int | Iterable[int],
    random_seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    identity: Mapping[str, Any] | None = None,
    executor: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> Ranks:
    """
    Run the replications of a simulation-based calibration: here, or in parts on an executor.

    Parameters
    ----------
    prepare : callable
        Gives ``simulate`` and ``refit`` of `simulation_based_calibration`; called once where the
        replications run, so that a plain description travels to a worker and is compiled there.
    replications, random_seed, checkpoint, identity, progress
        As for `simulation_based_calibration`.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where parts of 20 replications are done, as in `map_jobs`.

    Returns
    -------
    Ranks

    Examples
    --------
    ``run_replications(study, replications=200, random_seed=1, executor=pool)``
    """
    wanted = range(replications) if isinstance(replications, int) else list(replications)
    if not len(wanted):
        raise CalibrationError(f"replications={replications}: expected one or more; 200 is usual.")
    held = _Held(checkpoint, {"random_seed": random_seed, **(identity or {})})
    left = [at for at in wanted if at not in held.rows]
    if executor is not None and left:
        parts = [left[first : first + PART] for first in range(0, len(left), PART)]
        jobs = {f"replications {part[0]} to {part[-1]}": part for part in parts}
        work = _Replicate(prepare, random_seed)
        for done in map_jobs(work, jobs, executor=executor, stage="replicating").results.values():
            for each in done:
                held.add(each)
        held.save()
    elif left:
        simulate, refit = prepare()
        for replication in left:
            held.add(_replicate(simulate, refit, replication, random_seed))
            held.save()
            if progress is not None:
                progress(len(wanted) - sum(at not in held.rows for at in wanted), len(wanted))
    return held.ranks(wanted)


@dataclasses.dataclass(frozen=True)
class Replication:
    """One replication: ranks by name (NaN where the fit failed) and what was noted about it."""

    number: int
    draws: int | None
    ranks: dict[str, float]
    remarks: dict[str, float]
    failure: str = ""


@dataclasses.dataclass(frozen=True)
class _Replicate:
    """Replications of one part, prepared once where they run."""

    prepare: Callable[[], tuple[Simulate, Refit]]
    random_seed: int

    def __call__(self, replications: Iterable[int]) -> list[Replication]:
        """Do these replications."""
        simulate, refit = self.prepare()
        return [_replicate(simulate, refit, each, self.random_seed) for each in replications]


def _replicate(simulate: Simulate, refit: Refit, replication: int, random_seed: int) -> Replication:
    first, second, third = (
        int(seed) for seed in np.random.SeedSequence([random_seed, replication]).generate_state(3)
    )
    truth, data = simulate(first)
    try:
        draws, remarks = _named(refit(data, second))
    except BayesbioError as error:
        missing = dict.fromkeys(_labels(truth), np.nan)
        return Replication(replication, None, missing, {"failed": 1.0}, str(error))
    number, ranks = _ranks(truth, draws, np.random.default_rng(third))
    return Replication(replication, number, ranks, remarks)


class _Held:
    """Replications that are done, in memory and in a checkpoint with its card."""

    def __init__(self, path: str | os.PathLike[str] | None, identity: Mapping[str, Any]) -> None:
        self.path = None if path is None else Path(path)
        self.card = json.loads(json.dumps({**identity, "versions": versions()}, default=str))
        self.rows: dict[int, dict[str, float]] = {}
        self.remarks: dict[int, dict[str, float]] = {}
        self.draws = 0
        if self.path is not None and self.path.exists() and self._is_of_this_study(self.path):
            done = Ranks.read(self.path)
            self.draws = done.draws
            self.rows = {int(at): dict(row) for at, row in done.table.iterrows()}
            self.remarks = {int(at): dict(row) for at, row in done.remarks.iterrows()}

    def add(self, done: Replication) -> None:
        """Add one replication, whose ranks have to be of the same kind as those before."""
        if done.draws is None and not self.draws:  # nothing says how many there would have been
            raise CalibrationError(f"The first replication failed already: {done.failure}")
        if done.draws is not None and self.draws and done.draws != self.draws:
            raise CalibrationError(
                f"Replication {done.number} has {done.draws} draws, those before it {self.draws}; "
                "ranks can only be compared among as many draws. Thin to the same number."
            )
        before = next(iter(self.rows.values()), done.ranks)
        if set(done.ranks) != set(before):
            raise CalibrationError(
                f"Replication {done.number} ranks {', '.join(done.ranks)}, those before it "
                f"{', '.join(before)}. Use another checkpoint, and give the same names each time."
            )
        self.draws = done.draws or self.draws
        self.rows[done.number], self.remarks[done.number] = done.ranks, done.remarks

    def ranks(self, wanted: Iterable[int] | None = None) -> Ranks:
        """Ranks of all replications, or of those that are wanted."""
        chosen = [at for at in sorted(self.rows) if wanted is None or at in set(wanted)]
        table = pd.DataFrame.from_dict({at: self.rows[at] for at in chosen}, orient="index")
        noted = pd.DataFrame.from_dict({at: self.remarks[at] for at in chosen}, orient="index")
        index = pd.Index(chosen, name="replication")
        return Ranks(table.set_axis(index), draws=self.draws, remarks=noted.reindex(chosen))

    def save(self) -> None:
        """Write ranks and card; a stopped process leaves the former ones whole."""
        if self.path is None:
            return
        whole = self.path.with_name(f".{self.path.name}.part")
        self.ranks().save(whole)
        card = card_of(self.path)
        if not card.exists():
            card.write_text(json.dumps(self.card, indent=1, sort_keys=True), encoding="utf-8")
        whole.replace(self.path)

    def _is_of_this_study(self, path: Path) -> bool:
        """Compare the card; ranks of another study are set aside, neither used nor lost."""
        card = card_of(path)
        held = json.loads(card.read_text(encoding="utf-8")) if card.exists() else {}
        other = [name for name in {**held, **self.card} if held.get(name) != self.card.get(name)]
        if not other:
            return True
        place = 1
        while (aside := path.with_name(f"{path.stem}.{place}{path.suffix}")).exists():
            place += 1
        path.rename(aside)
        if held:
            card.rename(card_of(aside))
        LOG.warning(
            "%s holds ranks of another study (%s differ); it was set aside as %s, and the study "
            "begins anew.",
            path.name,
            ", ".join(other) if held else "there is no card to say which: all may",
            aside.name,
        )
        return False


def card_of(path: str | os.PathLike[str]) -> Path:
    """
    Path of the card that says which study a checkpoint is of.

    Examples
    --------
    >>> card_of("out/ranks.csv").name
    'ranks.card.json'
    """
    return Path(path).with_suffix(".card.json")


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

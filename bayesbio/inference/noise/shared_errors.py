"""Errors that several readings share: those of a run, of a sample, of neighbouring times."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, override

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from bayesbio.errors import DataError
from bayesbio.inference.priors.distributions import between, describe, registered

SHARED = "noise_shared"
SAMPLES = "analysed_sample"  # ArviZ keeps "sample" for itself


@dataclasses.dataclass(frozen=True)
class Layer(abc.ABC):
    """
    One error that several readings of a quantity share.

    Parameters
    ----------
    prior : unnamed PyMC distribution, optional
        Of its standard deviation.
    size : float, optional
        Scale of the half-normal default; found in the data.
    """

    prior: Any = None
    size: float | None = None

    kind: ClassVar[str] = ""

    def settled(self, quantity: str, rows: pd.DataFrame, size: float) -> Self:
        """Check the rows, and take the default size of the error from them."""
        self._check(quantity, rows)
        return self if self.prior is not None else dataclasses.replace(self, size=size)

    def sd_name(self, quantity: str) -> str:
        """Name of its standard deviation."""
        return f"noise_{quantity}_sd_{self.kind}"

    def error_name(self, quantity: str) -> str:
        """Name of the errors."""
        return f"noise_{quantity}_by_{self.kind}"

    def coordinate(self, quantity: str) -> str:
        """Name of the standardised errors, which serve the sampler only."""
        return f"noise_{quantity}_effect_{self.kind}"

    def dimension(self, quantity: str) -> str:
        """Dimension along which the errors lie."""
        return f"{quantity}_{self.kind}"

    def names(self, quantity: str) -> tuple[str, ...]:
        """Everything that the posterior holds of it."""
        return (self.sd_name(quantity), self.error_name(quantity))

    def units(self, quantity: str, unit: str) -> dict[str, str]:
        """Give the unit of these names, where the error is in ``unit``."""
        return dict.fromkeys(self.names(quantity), unit)

    def priors(self, quantity: str) -> dict[str, Any]:
        """Priors of what is estimated beside the errors themselves."""
        prior = pm.HalfNormal.dist(self.size) if self.prior is None else self.prior
        return {self.sd_name(quantity): prior}

    def register(self, quantity: str, rows: pd.DataFrame) -> dict[str, Any]:
        """Register spread and errors in the current model; errors by label of its dimension."""
        found = {name: registered(name, prior) for name, prior in self.priors(quantity).items()}
        model, name = pm.modelcontext(None), self.error_name(quantity)
        if name not in model.named_vars:
            dimension = self.dimension(quantity)
            if dimension not in model.coords:
                model.add_coord(dimension, list(dict.fromkeys(self.labels(rows))))
            effect = pm.Normal(self.coordinate(quantity), 0.0, 1.0, dims=dimension)
            error = found[self.sd_name(quantity)] * self._joined(effect, rows, quantity, found)
            pm.Deterministic(name, error, dims=dimension)
        return found | {name: model.named_vars[name]}

    def at_rows(self, quantity: str, rows: pd.DataFrame, parameters: Mapping[str, Any]) -> Any:
        """Error of each row in the current model."""
        labels = list(pm.modelcontext(None).coords[self.dimension(quantity)])
        place = {label: number for number, label in enumerate(labels)}
        return parameters[self.error_name(quantity)][[place[each] for each in self.labels(rows)]]

    @abc.abstractmethod
    def labels(self, rows: pd.DataFrame) -> list[str]:
        """Name what each row shares its error with."""

    @abc.abstractmethod
    def draw(
        self,
        sd: np.ndarray,
        own: Mapping[str, Any],
        rows: pd.DataFrame,
        shape: tuple[int, ...],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Errors of new readings, shape (..., rows)."""

    def describe(self) -> str:
        """Say in words what it is."""
        prior = None if self.prior is None and self.size is None else self.priors("x")
        shown = "" if prior is None else f", sd ~ {describe(prior[self.sd_name('x')])}"
        return f"{self._words}{shown}"

    _words: ClassVar[str] = ""

    def _check(self, quantity: str, rows: pd.DataFrame) -> None:
        """Refuse rows from which the error cannot be learned."""
        del quantity, rows

    def _joined(
        self, effect: Any, rows: pd.DataFrame, quantity: str, found: Mapping[str, Any]
    ) -> Any:
        return effect


@dataclasses.dataclass(frozen=True)
class RunError(Layer):
    """One error for all readings of a run."""

    kind: ClassVar[str] = "run"
    _words: ClassVar[str] = "an error shared by the readings of a run"

    @override
    def dimension(self, quantity: str) -> str:
        return "run"

    @override
    def labels(self, rows: pd.DataFrame) -> list[str]:
        return rows["run"].astype(str).tolist()

    @override
    def draw(
        self,
        sd: np.ndarray,
        own: Mapping[str, Any],
        rows: pd.DataFrame,
        shape: tuple[int, ...],
        rng: np.random.Generator,
    ) -> np.ndarray:
        labels = self.labels(rows)
        found = _one_each(labels, sd, shape, rng)
        errors = own.get("errors")
        if errors is not None:
            known = set(errors[errors.dims[-1]].to_numpy().tolist())
            for place, (label, seen) in enumerate(zip(labels, rows["known"], strict=True)):
                if seen and label in known:
                    found[..., place] = errors.sel({errors.dims[-1]: label}).to_numpy()
        return found

    def _check(self, quantity: str, rows: pd.DataFrame) -> None:
        runs = rows["run"].unique()
        if len(runs) < 2:
            raise DataError(
                f"{quantity} was read in one run only ({runs[0]!r}), so an error shared by the "
                "readings of a run cannot be told from the trajectory. Leave out replicated(...), "
                "or choose by='sample' where samples were read in replicate."
            )


@dataclasses.dataclass(frozen=True)
class ReplicateError(Layer):
    """One error for all replicate readings of a sample."""

    kind: ClassVar[str] = "sample"
    _words: ClassVar[str] = "an error shared by the replicates of a sample"

    @override
    def labels(self, rows: pd.DataFrame) -> list[str]:
        return moments(rows)

    @override
    def draw(
        self,
        sd: np.ndarray,
        own: Mapping[str, Any],
        rows: pd.DataFrame,
        shape: tuple[int, ...],
        rng: np.random.Generator,
    ) -> np.ndarray:
        return _one_each(self.labels(rows), sd, shape, rng)

    def _check(self, quantity: str, rows: pd.DataFrame) -> None:
        if not rows.duplicated(["run", "time_h"]).any():
            raise DataError(
                f"No two readings of {quantity} share a run and a time, so the error of a sample "
                "cannot be told from that of a replicate. Leave out replicated(...), or give the "
                "replicates as rows of their own instead of their mean."
            )


@dataclasses.dataclass(frozen=True)
class SampleError(ReplicateError):
    """One relative error for all analytes of a sample."""

    kind: ClassVar[str] = "shared"
    _words: ClassVar[str] = "a relative error shared by all analytes of a sample"

    @override
    def sd_name(self, quantity: str) -> str:
        return SHARED

    @override
    def error_name(self, quantity: str) -> str:
        return f"{SHARED}_by_sample"

    @override
    def coordinate(self, quantity: str) -> str:
        return f"{SHARED}_effect_sample"

    @override
    def dimension(self, quantity: str) -> str:
        return SAMPLES

    @override
    def units(self, quantity: str, unit: str) -> dict[str, str]:
        return dict.fromkeys(self.names(quantity), "1")

    @override
    def draw(
        self,
        sd: np.ndarray,
        own: Mapping[str, Any],
        rows: pd.DataFrame,
        shape: tuple[int, ...],
        rng: np.random.Generator,
    ) -> np.ndarray:
        errors, labels = own.get("errors"), self.labels(rows)
        if errors is not None and set(labels) <= set(errors[SAMPLES].to_numpy().tolist()):
            return errors.sel({SAMPLES: labels}).to_numpy()
        return _one_each(labels, sd, shape, rng)

    def _check(self, quantity: str, rows: pd.DataFrame) -> None:
        """Whether other analytes share it is seen where all quantities are together."""


@dataclasses.dataclass(frozen=True)
class Drift(Layer):
    """
    Ornstein-Uhlenbeck error: autocorrelated in time.

    Parameters
    ----------
    memory : unnamed PyMC distribution, optional [h]
        Prior of the time after which the correlation has fallen to 1/e.
    shortest, longest : float, optional [h]
        Central 90 % interval of the default; found in the data.
    """

    memory: Any = None
    shortest: float | None = None
    longest: float | None = None

    kind: ClassVar[str] = "drift"
    _words: ClassVar[str] = "a drift that neighbouring times share"

    @override
    def settled(self, quantity: str, rows: pd.DataFrame, size: float) -> Self:
        found = super().settled(quantity, rows, size)
        if self.memory is not None:
            return found
        gaps, spans = [], []
        for _, run in rows.groupby("run", sort=False):
            times = np.unique(run["time_h"].to_numpy(float))
            if len(times) > 1:
                gaps.append(np.diff(times))
                spans.append(times[-1] - times[0])
        shortest = 0.5 * float(np.median(np.concatenate(gaps)))
        longest = max(float(np.median(spans)), 4.0 * shortest)
        return dataclasses.replace(found, shortest=shortest, longest=longest)

    def memory_name(self, quantity: str) -> str:
        """Name of its correlation time."""
        return f"noise_{quantity}_memory"

    @override
    def names(self, quantity: str) -> tuple[str, ...]:
        return (*super().names(quantity), self.memory_name(quantity))

    @override
    def units(self, quantity: str, unit: str) -> dict[str, str]:
        return super().units(quantity, unit) | {self.memory_name(quantity): "h"}

    @override
    def priors(self, quantity: str) -> dict[str, Any]:
        memory = self.memory
        if memory is None:
            assert self.shortest is not None and self.longest is not None
            memory = between(self.shortest, self.longest)
        return super().priors(quantity) | {self.memory_name(quantity): memory}

    @override
    def labels(self, rows: pd.DataFrame) -> list[str]:
        return moments(rows)

    @override
    def draw(
        self,
        sd: np.ndarray,
        own: Mapping[str, Any],
        rows: pd.DataFrame,
        shape: tuple[int, ...],
        rng: np.random.Generator,
    ) -> np.ndarray:
        errors, memory = own.get("errors"), np.asarray(own["memory"], float)[..., 0]
        scale = np.broadcast_to(np.asarray(sd, float)[..., 0], shape[:-1])
        found = np.empty(shape)
        kept: dict[str, dict[float, np.ndarray]] = {}
        if errors is not None:
            values = errors.to_numpy() / scale[..., None]
            for place, label in enumerate(errors[errors.dims[-1]].to_numpy().tolist()):
                run, hour = moment(label)
                kept.setdefault(run, {})[hour] = values[..., place]
        hours = rows["time_h"].to_numpy(float)
        for (run, seen), part in rows.reset_index(drop=True).groupby(["run", "known"], sort=False):
            known = kept.get(str(run), {}) if seen else {}
            mine = part.index.to_numpy()
            course = bridged(np.unique(hours[mine]), known, memory, rng)
            for place in mine:
                found[..., place] = scale * course[hours[place]]
        return found

    def _joined(
        self, effect: Any, rows: pd.DataFrame, quantity: str, found: Mapping[str, Any]
    ) -> Any:
        """Turn independent effects into a course: f = L z, with L the root of its correlation."""
        at = [moment(label) for label in dict.fromkeys(self.labels(rows))]
        runs, hours = np.array([run for run, _ in at]), np.array([hour for _, hour in at])
        rank = np.array([np.sum((runs == run) & (hours < hour)) for run, hour in at])
        before = (runs[:, None] == runs[None, :]) & (rank[None, :] <= rank[:, None])
        lag = np.where(before, hours[:, None] - hours[None, :], 0.0)
        previous = [
            hours[i] - np.max(hours[(runs == run) & (hours < hours[i])]) if rank[i] else 0.0
            for i, run in enumerate(runs)
        ]
        memory = found[self.memory_name(quantity)]
        fresh = pt.sqrt(-pt.expm1(-2.0 * np.where(rank > 0, previous, 1.0) / memory))
        root = before * pt.exp(-lag / memory) * pt.where(rank > 0, fresh, 1.0)[None, :]
        return root @ effect

    def _check(self, quantity: str, rows: pd.DataFrame) -> None:
        most = rows.groupby("run")["time_h"].nunique().max()
        if most < 3:
            raise DataError(
                f"{quantity} was read at {most} times a run at most; autocorrelated noise needs "
                "three or more. Leave out autocorrelated(...)."
            )


def moments(rows: pd.DataFrame) -> list[str]:
    """
    Name run and time of each row.

    Parameters
    ----------
    rows : DataFrame
        Columns run and time_h.

    Examples
    --------
    >>> moments(pd.DataFrame({"run": ["R1"], "time_h": [24.0]}))
    ['R1 at 24.0 h']
    """
    hours = rows["time_h"].to_numpy(float)
    return [
        f"{run} at {float(hour)!r} h"
        for run, hour in zip(rows["run"].astype(str), hours, strict=True)
    ]


def moment(label: str) -> tuple[str, float]:
    """
    Run and time of a name that `moments` gave.

    Examples
    --------
    >>> moment("R1 at 24.0 h")
    ('R1', 24.0)
    """
    run, _, hour = label.rpartition(" at ")
    return run, float(hour.removesuffix(" h"))


def bridged(
    times: Iterable[float],
    known: Mapping[float, np.ndarray],
    memory: np.ndarray,
    rng: np.random.Generator,
) -> dict[float, np.ndarray]:
    """
    Draw an exponentially correlated course of unit variance through values that are known.

    Parameters
    ----------
    times : floats [h]
        Where it is wanted.
    known : mapping of float [h] to array, shape (...)
        Where it is known.
    memory : array, shape (...) [h]
        Time after which the correlation has fallen to 1/e.
    rng : numpy Generator

    Returns
    -------
    dict of float to array, shape (...)

    Notes
    -----
    The process of Uhlenbeck and Ornstein (1930), doi:10.1103/PhysRev.36.823: Markov, so that a
    value depends on the last before it and the next known after it only.

    Examples
    --------
    >>> course = bridged([1.0], {0.0: np.array(2.0)}, np.array(1e9), np.random.default_rng(1))
    >>> float(course[1.0].round(3))
    2.0
    """
    found: dict[float, np.ndarray] = {}
    left: tuple[float, np.ndarray] | None = None
    held = sorted(known)
    for time in sorted({*map(float, times), *held}):
        if time in known:
            value = np.broadcast_to(known[time], memory.shape)
        else:
            after = next((each for each in held if each > time), None)
            ahead = 0.0 if left is None else np.exp(-(time - left[0]) / memory)
            behind = 0.0 if after is None else np.exp(-(after - time) / memory)
            both = 1.0 - (ahead * behind) ** 2
            mean = 0.0 if left is None else ahead * (1.0 - behind**2) / both * left[1]
            mean = mean + (
                0.0 if after is None else behind * (1.0 - ahead**2) / both * known[after]
            )
            variance = (1.0 - ahead**2) * (1.0 - behind**2) / both
            value = mean + np.sqrt(variance) * rng.standard_normal(memory.shape)
        found[time] = value
        left = (time, value)
    return found


def _one_each(
    labels: Sequence[str], sd: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """One normal error a label, at every place that has it."""
    different = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    drawn = sd * rng.standard_normal((*shape[:-1], len(different)))
    return drawn[..., [different[label] for label in labels]]

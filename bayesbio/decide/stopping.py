"""Optimal stopping time, chance constraints, and the value of perfect information."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.data.specification import Specification
from bayesbio.errors import DataError, did_you_mean

ORDER = ("chain", "draw", "run", "time")


@dataclasses.dataclass(frozen=True)
class StoppingDecision:
    """
    A stopping time, what is expected of it, and how sure that is.

    Attributes
    ----------
    best_time : float [h]
        Maximises the expected value, among the times that keep the chance constraint.
    feasible : bool
        Whether any time keeps it; otherwise `best_time` is where the probability is largest.
    expected_value : float [unit of the value]
        Mean value at `best_time`.
    value_interval : (float, float) [unit of the value]
        Central interval of the value at `best_time`.
    plug_in_time : float [h]
        What somebody would choose who trusts one set of parameters.
    plug_in_claim : float [unit of the value]
        Value they would promise there.
    plug_in_value : float [unit of the value]
        Mean value there under the posterior.
    perfect_information : float [unit of the value]
        What knowing the parameters before stopping would add: E[max_t v] - max_t E[v].
    perfect_information_error : float [unit of the value]
        Monte Carlo standard error of it.
    probability_of_all : float [1]
        Probability of meeting every specification when stopping at `best_time`.
    plug_in_probability_of_all : float [1]
        The same at `plug_in_time`.
    optimism : float [unit of the value]
        How much less the time chosen on one half of the draws is worth on the other half.
    times : array, shape (times,) [h]
        Candidates.
    expected : array, shape (times,) [unit of the value]
        Mean value at each.
    interval : array, shape (2, times) [unit of the value]
        Central interval of the value at each.
    probabilities : array, shape (specifications, times) [1]
        Probability of meeting each specification when stopping at each time.
    joint_probabilities : array, shape (times,) [1]
        Probability of meeting all of them.
    specifications : tuple of Specification
    minimum_probability : float or None [1]
        The chance constraint.
    probability : float [1]
        Probability of the intervals.
    value_name, unit : str
        What is maximised, and its unit.
    """

    best_time: float
    feasible: bool
    expected_value: float
    value_interval: tuple[float, float]
    plug_in_time: float
    plug_in_claim: float
    plug_in_value: float
    perfect_information: float
    perfect_information_error: float
    probability_of_all: float
    plug_in_probability_of_all: float
    optimism: float
    times: np.ndarray
    expected: np.ndarray
    interval: np.ndarray
    probabilities: np.ndarray
    joint_probabilities: np.ndarray
    specifications: tuple[Specification, ...]
    minimum_probability: float | None
    probability: float
    value_name: str
    unit: str

    @property
    def at_the_edge(self) -> bool:
        """Whether the best time is the first or last candidate: the optimum may lie beyond."""
        return len(self.times) > 1 and self.best_time in (self.times[0], self.times[-1])

    def summary(self) -> pd.DataFrame:
        """
        Value and probability at the best time and at the plug-in time.

        Returns
        -------
        DataFrame
            Index ``best`` and ``plug-in``. Columns time_h, expected_value, and probability_of_all
            with specifications; at the best time eti_5 and eti_95 (the ends of the interval of the
            probability asked for), at the plug-in time the value ``promised``. ``attrs["verdict"]``
            says the decision in sentences, ``attrs["units"]`` the unit of the value.
        """
        low, high = self.value_interval
        rows = {
            "best": {
                "time_h": self.best_time,
                "expected_value": self.expected_value,
                f"eti_{50 * (1 - self.probability):g}": low,
                f"eti_{50 * (1 + self.probability):g}": high,
                "probability_of_all": self.probability_of_all,
            },
            "plug-in": {
                "time_h": self.plug_in_time,
                "expected_value": self.plug_in_value,
                "promised": self.plug_in_claim,
                "probability_of_all": self.plug_in_probability_of_all,
            },
        }
        table = pd.DataFrame.from_dict(rows, orient="index")
        if not self.specifications:
            table = table.drop(columns="probability_of_all")
        table.attrs = {"verdict": str(self), "units": self.unit, "warnings": list(self.warnings)}
        return table

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before the decision is followed, one sentence each."""
        found = []
        if not self.feasible:
            found.append(
                f"No time reaches the required {self.minimum_probability:g}; this is the closest."
            )
        if self.at_the_edge:
            found.append("It is the first or last time considered: the optimum may lie beyond.")
        return tuple(found)

    def __str__(self) -> str:
        """Describe the decision in a few sentences."""

        def with_unit(number: float) -> str:
            return f"{number:.3g} {self.unit}" if self.unit not in ("", "1") else f"{number:.3g}"

        low, high = self.value_interval
        lines = [
            f"Stop at {self.best_time:g} h: expected {self.value_name} "
            f"{with_unit(self.expected_value)} ({100 * self.probability:g} % interval {low:.3g} to "
            f"{with_unit(high)})."
        ]
        if self.specifications:
            lines.append(
                f"Probability of meeting all specifications {self.probability_of_all:.2f}."
            )
        lines += self.warnings
        plug_in = (
            f"The plug-in choice is {self.plug_in_time:g} h: it promises "
            f"{with_unit(self.plug_in_claim)}, of which {with_unit(self.plug_in_value)} is to be "
            "expected"
        )
        if self.specifications:
            plug_in += f", with probability {self.plug_in_probability_of_all:.2f}"
        lines.append(plug_in + ".")
        lines.append(
            f"Knowing the parameters exactly would add {with_unit(self.perfect_information)} "
            f"(Monte Carlo standard error {self.perfect_information_error:.2g})."
        )
        if np.isfinite(self.optimism):
            lines.append(
                f"On draws not used for choosing, the value is lower by {with_unit(self.optimism)}."
            )
        return " ".join(lines)

    def to_dataset(self) -> xr.Dataset:
        """Give what is known at every time, dims (specification, bound, time), as a Dataset."""
        scalars = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if isinstance(getattr(self, field.name), float | str)
        }
        units = {"units": self.unit}
        return xr.Dataset(
            {
                "expected_value": ("time", self.expected, units),
                "value_interval": (("bound", "time"), self.interval, units),
                "probability": (("specification", "time"), self.probabilities, {"units": "1"}),
                "probability_of_all": ("time", self.joint_probabilities, {"units": "1"}),
            },
            coords={
                "time": ("time", self.times, {"units": "h"}),
                "bound": ["lower", "upper"],
                "specification": [str(specification) for specification in self.specifications],
            },
            attrs={**scalars, "feasible": int(self.feasible)},
        )


def optimal_stop(
    prediction: Any,
    *,
    value: str | Callable[[xr.Dataset], xr.DataArray],
    specifications: Iterable[Specification] = (),
    minimum_probability: float | None = None,
    times: Any = None,
    run: str | None = None,
    cost: float | Callable[[np.ndarray], np.ndarray] = 0.0,
    plug_in: xr.Dataset | None = None,
    probability: float = 0.9,
    random_seed: int = 0,
) -> StoppingDecision:
    """
    Choose the time that is best on average over what is not known.

    With several runs in the prediction, one time is chosen for all of them, each as likely as the
    others; `run` picks one.

    Parameters
    ----------
    prediction : Dataset or Calibration
        Dims chain, draw, run, time; or anything with ``.predict(times=..., noise=False,
        random_seed=...)``, such as a calibration, together with `times`.
    value : str or callable
        Quantity to maximise, or what turns the Dataset into a DataArray of value (profit, say)
        with dims chain, draw, run, time.
    specifications : iterable of Specification
        Limits to keep. Without ``at`` they are asked at the stopping time; with it, at that hour by
        every run that gets so far.
    minimum_probability : float, optional [1]
        Least probability of meeting all specifications; by default they are reported only.
    times : array, shape (times,), optional [h]
        Candidates; by default the times of the Dataset. Between these, linear interpolation.
    run : str, optional
        Which run.
    cost : float [unit of the value / h] or callable
        What an hour costs, or the cost of each time [h].
    plug_in : Dataset, optional
        Prediction with one set of parameters, such as the posterior means, for comparison; by
        default the mean trajectory.
    probability : float [1]
        Probability of the intervals.
    random_seed : int
        For ``.predict``.

    Returns
    -------
    StoppingDecision

    Raises
    ------
    DataError
        If a quantity, run, time or dimension is missing, or a value is not finite.

    Notes
    -----
    best time = argmax_t E[v(t)] subject to Pr(all specifications | t) >= minimum; value of perfect
    information = E[max_t v(t)] - max_t E[v(t)], without the constraint: Raiffa and Schlaifer
    (1961), ISBN 0875840175. Its standard error is from batch means within chains, Flegal and Jones
    (2010), doi:10.1214/09-AOS735. Optimism: the posterior mean of a maximum found on the same
    draws is too high, Smith and Winkler (2006), doi:10.1287/mnsc.1050.0451

    Examples
    --------
    >>> rate = xr.DataArray([[0.1], [0.3]], dims=["chain", "draw"])
    >>> time = xr.DataArray(np.linspace(0.0, 20.0, 201), dims="time")
    >>> product = (time * np.exp(-rate * time)).expand_dims(run=["R1"])
    >>> course = xr.Dataset({"product": product}).assign_coords(time=time.values)
    >>> decision = optimal_stop(course, value="product")
    >>> round(decision.best_time, 1), round(decision.perfect_information, 3)
    (7.2, 0.285)
    """
    limits = tuple(specifications)
    _check_constraint(minimum_probability, limits)
    wanted = {value, *(limit.quantity for limit in limits)} if isinstance(value, str) else None
    course = _course(prediction, times, run, random_seed, wanted)
    worth = _worth(course, value, cost)
    met = _met(course, limits)
    if plug_in is None:
        single = course.mean(("chain", "draw"), keep_attrs=True).expand_dims(chain=1, draw=1)
    else:
        single = _course(plug_in, course["time"].values, run, random_seed, wanted)
    worth_single, met_single = _worth(single, value, cost), _met(single, limits)

    over = ("chain", "draw", "run")
    drawn = worth.values
    expected = worth.mean(over).values
    joint = met.all("specification").mean(over).values
    best, feasible = _choice(expected, joint, minimum_probability)
    claimed = worth_single.mean(over).values
    joint_single = met_single.all("specification").mean(over).values
    naive, _ = _choice(claimed, joint_single, minimum_probability)

    gain = drawn.max(axis=-1) - drawn[..., np.argmax(expected)]
    tail = 0.5 * (1.0 - probability)
    interval = np.quantile(drawn, [tail, 1.0 - tail], axis=(0, 1, 2))
    candidates = course["time"].values.astype(float)
    return StoppingDecision(
        best_time=float(candidates[best]),
        feasible=feasible,
        expected_value=float(expected[best]),
        value_interval=(float(interval[0, best]), float(interval[1, best])),
        plug_in_time=float(candidates[naive]),
        plug_in_claim=float(claimed[naive]),
        plug_in_value=float(expected[naive]),
        perfect_information=float(gain.mean()),
        perfect_information_error=_standard_error(gain.mean(axis=-1)),
        probability_of_all=float(joint[best]),
        plug_in_probability_of_all=float(joint[naive]),
        optimism=_optimism(drawn, met.all("specification").values, minimum_probability),
        times=candidates,
        expected=expected,
        interval=interval,
        probabilities=met.mean(over).values,
        joint_probabilities=joint,
        specifications=limits,
        minimum_probability=minimum_probability,
        probability=probability,
        value_name=value if isinstance(value, str) else str(worth.name or "value"),
        unit=str(worth.attrs.get("units", "")),
    )


def _course(
    prediction: Any, times: Any, run: str | None, random_seed: int, wanted: set[str] | None
) -> xr.Dataset:
    """Trajectories of the wanted quantities at the candidate times, with all four dimensions."""
    if not isinstance(prediction, xr.Dataset):
        if not hasattr(prediction, "predict"):
            raise DataError(
                f"optimal_stop got a {type(prediction).__name__}; expected a Dataset of "
                "predictions or something that predicts, such as a Calibration."
            )
        if times is None:
            raise DataError(
                "optimal_stop needs the candidate times, such as times=np.arange(0.0, 337.0, 12.0)"
                ", to predict at."
            )
        prediction = prediction.predict(times=times, noise=False, random_seed=random_seed)
    if "time" not in prediction.dims or "time" not in prediction.coords:
        raise DataError(
            f"The prediction has dims {', '.join(map(str, prediction.dims))}; expected "
            f"{', '.join(ORDER)} and a time coordinate in hours. Predict at several times."
        )
    if wanted is not None:
        prediction = xr.Dataset({name: _named(prediction, name) for name in sorted(wanted)})
    course = prediction.expand_dims([name for name in ORDER if name not in prediction.dims])
    if run is not None:
        known = [str(name) for name in np.atleast_1d(course.coords.get("run", []))]
        if run not in known:
            raise DataError(
                f"The prediction has no run {run!r}; its runs are {', '.join(known) or 'unnamed'}."
            )
        course = course.isel(run=[known.index(run)])
    if times is None:
        return course
    hours = np.atleast_1d(np.asarray(times, dtype=float))
    _check_inside(course, hours)
    return _at(course, hours)


def _at(course: Any, hours: np.ndarray) -> Any:
    """Trajectories at given hours; those that were predicted as they are, others interpolated."""
    known = course["time"].values
    if np.isin(hours, known).all():
        return course.sel(time=hours)
    return course.interp(time=hours, method="linear", assume_sorted=False)


def _check_inside(course: xr.Dataset, hours: np.ndarray) -> None:
    """Refuse hours outside the predicted ones."""
    first, last = float(course["time"].min()), float(course["time"].max())
    outside = hours[~((hours >= first) & (hours <= last))]
    if outside.size:
        raise DataError(
            f"{outside[0]:g} h lies outside the prediction, which runs from {first:g} to "
            f"{last:g} h. Predict over a longer time, or ask within it."
        )


def _check_constraint(minimum: float | None, limits: tuple[Specification, ...]) -> None:
    """Refuse a chance constraint that means nothing."""
    if minimum is None:
        return
    if not limits:
        raise DataError(
            f"minimum_probability={minimum:g} came without specifications to meet. Give "
            "specifications=[Specification('titer', lower=3.0)], or leave it out."
        )
    if not 0.0 < minimum <= 1.0:
        raise DataError(
            f"minimum_probability is {minimum:g}; expected a number above 0 and up to 1, such as "
            "0.95."
        )


def _named(course: xr.Dataset, name: str) -> xr.DataArray:
    """One quantity of a prediction."""
    if name in course.data_vars:
        return course[name]
    known = [str(key) for key in course.data_vars]
    hint = did_you_mean(name, known) or f" It has {', '.join(known)}."
    raise DataError(f"The prediction has no {name!r}.{hint}")


def _worth(
    course: xr.Dataset,
    value: str | Callable[[xr.Dataset], xr.DataArray],
    cost: float | Callable[[np.ndarray], np.ndarray],
) -> xr.DataArray:
    """Value of stopping at each time, in each draw and run."""
    found = _named(course, value) if isinstance(value, str) else value(course)
    strange = set(found.dims) - set(ORDER)
    if strange or "time" not in found.dims:
        raise DataError(
            f"The value has dims {', '.join(map(str, found.dims))}; expected {', '.join(ORDER)}. "
            "Reduce other dimensions inside the value function."
        )
    lengths = {name: course.sizes[name] for name in ORDER if name not in found.dims}
    found = found.expand_dims(lengths).transpose(*ORDER)
    missing = int(np.sum(~np.isfinite(found.values).all(axis=-1)))
    if missing:
        raise DataError(
            f"The value is not finite at some time in {missing} of {found[..., 0].size} "
            "trajectories. Give times=... that every run reaches, choose one with run=..., or "
            "leave out draws whose solution failed."
        )
    hours = course["time"].values.astype(float)
    spent = np.asarray(cost(hours) if callable(cost) else cost * hours, dtype=float)
    return found.copy(data=found.values - spent)


def _met(course: xr.Dataset, limits: tuple[Specification, ...]) -> xr.DataArray:
    """Whether each specification is met when stopping at each time, in each draw and run."""
    shape = tuple(course.sizes[name] for name in ORDER)
    kept = np.ones((len(limits), *shape), dtype=bool)
    for place, limit in enumerate(limits):
        values = _named(course, limit.quantity).transpose(*ORDER)
        if limit.at is None:
            kept[place] = limit.met(values.values)
        else:
            _check_inside(course, np.array([limit.at]))
            then = limit.met(_at(values, np.array([limit.at])).values)
            kept[place] = then | (course["time"].values < limit.at)
    return xr.DataArray(kept, dims=("specification", *ORDER))


def _choice(expected: np.ndarray, joint: np.ndarray, minimum: float | None) -> tuple[int, bool]:
    """Place of the best time, and whether the chance constraint can be kept."""
    if minimum is None:
        return int(np.argmax(expected)), True
    feasible = bool(np.any(joint >= minimum))
    allowed = joint >= (minimum if feasible else joint.max())
    return int(np.argmax(np.where(allowed, expected, -np.inf))), feasible


def _standard_error(series: np.ndarray) -> float:
    """Find the standard error of the mean of draws, shape (chain, draw), by batch means."""
    size = max(1, int(np.sqrt(series.shape[1])))
    kept = series[:, : series.shape[1] // size * size]
    means = kept.reshape(len(kept), -1, size).mean(axis=-1).ravel()
    if len(means) < 2:
        return float("nan")
    return float(means.std(ddof=1) / np.sqrt(len(means)))


def _optimism(drawn: np.ndarray, met: np.ndarray, minimum: float | None) -> float:
    """Value on the draws used for choosing, less the value on the others; both ways, averaged."""
    chains, draws = drawn.shape[:2]
    if chains * draws < 2:
        return float("nan")
    if chains > 1:
        halves = [slice(0, chains // 2), slice(chains // 2, None)]
        parts = [(drawn[half], met[half]) for half in halves]
    else:
        halves = [slice(0, draws // 2), slice(draws // 2, None)]
        parts = [(drawn[:, half], met[:, half]) for half in halves]
    means = [(value.mean(axis=(0, 1, 2)), kept.mean(axis=(0, 1, 2))) for value, kept in parts]
    lost = []
    for own, other in ((0, 1), (1, 0)):
        chosen, _ = _choice(*means[own], minimum)
        lost.append(means[own][0][chosen] - means[other][0][chosen])
    return float(np.mean(lost))

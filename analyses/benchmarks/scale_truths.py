"""Virtual scale-ups whose truth is known, and how often predictions of the largest vessel hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data import Campaign, Run
from bayesbio.errors import DataError
from bayesbio.inference.validation.scores import crps
from bayesbio.mechanistic import GrowthCurve
from bayesbio.mechanistic.process_model import record

VOLUMES = (10.0, 100.0, 4000.0, 100_000.0)
TIMES = np.linspace(5.3, 94.7, 18)
QUANTITY = "response"
NOISE = (0.3, 0.01)  # constant error [unit of the response], and relative
DEVIATION = 0.05
VISIBLE = 0.1  # share of the plateau from which the logarithm of a response is scored


@dataclasses.dataclass(frozen=True, eq=False)
class VirtualScales:
    """
    A synthetic campaign with its truth.

    Parameters
    ----------
    campaign : Campaign
        One run a volume, read with noise.
    truth : str
        From `TRUTHS`.
    courses : array, (volumes, times)
        Without noise.
    plateaus : array, (volumes,)
    """

    campaign: Campaign
    truth: str
    courses: np.ndarray
    plateaus: np.ndarray


def _power(decades: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-0.35, 0.0) * (decades - 1.0)


def _deviating(decades: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _power(decades, rng) + DEVIATION * rng.standard_normal(decades.shape)


def _mixing(decades: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    half, exponent = rng.uniform(4.0, 6.0), rng.uniform(0.2, 0.33)
    return -np.log1p(10.0 ** (exponent * (decades - half)))


def _linear(decades: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.log(1.0 - rng.uniform(0.05, 0.17) * (decades - 1.0))


def _regimes(decades: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    first, change, turn = rng.uniform(-0.15, 0.0), rng.uniform(-0.2, -0.05), rng.uniform(2.0, 3.5)
    return first * (decades - 1.0) + change * np.maximum(decades - turn, 0.0)


TRUTHS = {
    "power law": _power,
    "5 % deviation": _deviating,
    "mixing saturation": _mixing,
    "linear in log V": _linear,
    "regime change": _regimes,
}
"""How the logarithm of the plateau runs over log10 V, relative to 10 L."""


def virtual_scales(
    truth: str,
    *,
    random_seed: Any,
    form: str = "kumaraswamy_ramp",
    volumes: Sequence[float] = VOLUMES,
    runs: int = 1,
) -> VirtualScales:
    """
    Make a synthetic campaign: response curves whose plateau follows a known law over scale.

    Parameters
    ----------
    truth : str
        From `TRUTHS`: power law; the same with deviations of 5 %; a response limited by a mixing
        time that grows as a power of the volume; linear in log10 V; a slope that changes once.
    random_seed : int or sequence of int
    form : str
        Shape of the curves: ``kumaraswamy_ramp``, or ``logistic``, which is not the default curve
        of a `ScaleModel`.
    volumes : sequence of float [L]
    runs : int
        Runs at each volume; with several, each has an effect of 3 %.

    Returns
    -------
    VirtualScales

    Raises
    ------
    DataError
        If the truth is unknown.

    Examples
    --------
    >>> made = virtual_scales("power law", random_seed=1)
    >>> made.campaign.names, made.courses.shape
    (('10 L', '100 L', '4000 L', '100000 L'), (4, 18))
    """
    if truth not in TRUTHS:
        raise DataError(f"There is no truth {truth!r}; choose among {', '.join(TRUTHS)}.")
    rng = np.random.default_rng(random_seed)
    decades = np.log10(np.asarray(volumes, float))
    plateaus = 100.0 * np.exp(TRUTHS[truth](decades, rng))
    away = decades - 1.0
    slopes = rng.normal(0.0, 0.04, size=3)
    scatter = DEVIATION * (truth == "5 % deviation")

    def following(middle: float, slope: float) -> np.ndarray:
        return middle * np.exp(slope * away + scatter * rng.standard_normal(away.shape))

    if form == "kumaraswamy_ramp":
        shapes = {
            "lag_time": following(rng.uniform(3.0, 8.0), slopes[0]),
            "rise_time": following(rng.uniform(60.0, 90.0), slopes[1]),
            "rise_exponent": np.full(away.shape, rng.uniform(1.1, 1.5)),
            "settling_exponent": np.full(away.shape, rng.uniform(1.4, 2.0)),
        }
        start = 0.5
    else:
        shapes = {"maximum_growth_rate": following(rng.uniform(0.08, 0.14), slopes[0])}
        start = 3.0
    curve = GrowthCurve(form, quantity=QUANTITY, unit="1")
    settings = record("Settings", (f"initial_{QUANTITY}",))(start)
    made, courses = [], []
    for place, volume in enumerate(volumes):
        named = {name: values[place] for name, values in shapes.items()}
        for number in range(runs):
            effect = np.exp(0.03 * rng.standard_normal()) if runs > 1 else 1.0
            parameters = curve.Parameters(plateau=plateaus[place] * effect, **named)
            course = np.array(curve.solution(TIMES, parameters, settings)[0])
            spread = np.sqrt(NOISE[0] ** 2 + (NOISE[1] * course) ** 2)
            readings = np.maximum(course + spread * rng.standard_normal(course.shape), 0.0)
            table = pd.DataFrame({"time_h": TIMES, "quantity": QUANTITY, "value": readings})
            name = f"{volume:g} L" if runs == 1 else f"{volume:g} L, run {number + 1}"
            made.append(Run(name, table, settings={"volume": float(volume)}))
            courses.append(course)
    return VirtualScales(Campaign(made, units={QUANTITY: "1"}), truth, np.array(courses), plateaus)


def simulated_coverage(
    model: Any,
    *,
    replicates: Iterable[int],
    truths: Iterable[str] | None = None,
    form: str = "kumaraswamy_ramp",
    random_seed: int,
    laws: Iterable[str | None] = (None,),
    **options: Any,
) -> pd.DataFrame:
    """
    Predict the largest of four virtual vessels from the three smaller ones, again and again.

    Parameters
    ----------
    model : ScaleModel
    replicates : iterable of int
        Numbers of the replicates of each truth.
    truths : iterable of str, optional
        From `TRUTHS`; all by default.
    form : str
        Shape of the true curves.
    random_seed : int
    laws : iterable of str or None
        Which predictions to score from each fit: None is the mixture.
    **options
        As for `ScaleModel.fit`.

    Returns
    -------
    DataFrame
        One row a truth, replicate and law: coverage (share of the true responses inside the 90 %
        interval), crps and width (of the log response), passed (verdict). Scored is the logarithm
        of the true response wherever that is above a tenth of its plateau.

    Examples
    --------
    ``simulated_coverage(ScaleModel(), replicates=range(100), random_seed=1, draws=250, tune=100)``
    """
    rows = []
    for truth in TRUTHS if truths is None else truths:
        for replicate in replicates:
            seed = [random_seed, list(TRUTHS).index(truth), replicate]
            made = virtual_scales(truth, random_seed=seed, form=form)
            largest = made.campaign.names[-1]
            fit = model.fit(
                made.campaign.without(largest), random_seed=random_seed + replicate, **options
            )
            course = made.courses[-1]
            seen = course >= VISIBLE * made.plateaus[-1]
            for law in laws:
                predicted = fit.predict(
                    VOLUMES[-1], times=TIMES, noise=False, law=law, random_seed=replicate
                )
                drawn = np.log(predicted[QUANTITY].to_numpy().reshape(-1, len(TIMES))[:, seen])
                low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
                actual = np.log(course[seen])
                rows.append(
                    {
                        "truth": truth,
                        "replicate": replicate,
                        "law": law or "mixture",
                        "coverage": float(np.mean((low <= actual) & (actual <= high))),
                        "crps": float(np.mean(crps(drawn, actual))),
                        "width": float(np.mean(high - low)),
                        "passed": fit.check().passed,
                    }
                )
    return pd.DataFrame(rows)

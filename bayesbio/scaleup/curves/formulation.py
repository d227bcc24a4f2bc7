"""The PyMC model of a scale-up: one graph for every law and fold, compiled once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from bayesbio.inference import LogDensity
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.schedule.dynamic_events import problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.trajectory import SCHEDULE, trajectories
from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.laws.law_prior import LawPrior
from bayesbio.scaleup.laws.pooled_law import PooledLaw
from bayesbio.scaleup.laws.volume_laws import Law

NOISE_SHARE = 0.005  # prior median of the constant error, in largest readings
NOISE_RELATIVE = 0.02  # prior median of the proportional error
NOISE_SPREAD = 1.0  # prior sd of the logarithm of both
KEPT = 8  # compiled densities that are kept for the next fit
CODES = {"": 0.0, "below": -1.0, "above": 1.0}


@dataclasses.dataclass(frozen=True, eq=False)
class Assembled:
    """
    Everything the graph reads, for one problem, set of laws and fold.

    Parameters
    ----------
    data : dict of str to array
        Values of the graph's `pm.Data`.
    laws : list of PooledLaw
    learned : array of bool, (runs,)
    """

    data: dict[str, np.ndarray]
    laws: list[PooledLaw]
    learned: np.ndarray


def assemble(
    problem: ScaleProblem, laws: Sequence[Law], learned: np.ndarray | None = None
) -> Assembled:
    """
    Put numbers on the graph: readings, which of them count, and laws as normal mixtures.

    Parameters
    ----------
    problem : ScaleProblem
    laws : sequence of Law
    learned : array of bool, (runs,), optional
        Runs that are learned from; all by default. The others' readings weigh nothing, and their
        curves hang on nothing.

    Returns
    -------
    Assembled
    """
    runs, unknowns = len(problem.decades), len(problem.names)
    learned = np.ones(runs, bool) if learned is None else learned
    rows = problem.rows
    counted = np.isin(rows["run"].to_numpy(str), np.array(problem.campaign.names)[learned])
    noise = np.empty((len(problem.quantities), 2))
    for place, name in enumerate(problem.quantities):
        largest = rows.loc[(rows["quantity"] == name) & counted, "value"].abs().max()
        noise[place] = np.log([NOISE_SHARE * (largest or 1.0), NOISE_RELATIVE])
    size = runs * unknowns + noise.size
    start = np.zeros(size)
    start[runs * unknowns :] = noise.ravel()
    width = np.concatenate([np.tile(problem.spread, runs), np.full(noise.size, 0.5)])
    data: dict[str, np.ndarray] = {
        "readings": rows["value"].to_numpy(float, copy=True),
        "weights": counted.astype(float),
        "centre": problem.centre,
        "unit_size": problem.unit_size,
        "noise_centre": noise,
        "middle": start,
        "root": np.diag(width),
        "log_weights": np.full(len(laws), -np.log(len(laws))),
    }
    if (rows["flag"] != "").any():
        data["codes"] = rows["flag"].map(CODES).to_numpy(float, copy=True)
    pooled = [PooledLaw.of(problem, law, learned=learned) for law in laws]
    for number, law in enumerate(pooled):
        following = [
            prior for prior, start in zip(law.priors, law.starts, strict=True) if not start
        ]
        data |= _terms(f"law_{number}", following, learned)
        data[f"law_{number}_shared"] = law.shared
    starts = [each for each, start in zip(pooled[0].priors, pooled[0].starts, strict=True) if start]
    if starts:
        data |= _terms("starts", starts, learned)
    return Assembled(data, pooled, learned)


def _terms(name: str, priors: list[LawPrior], learned: np.ndarray) -> dict[str, np.ndarray]:
    """Polynomials in z of the exponents of normal mixtures; unknowns, own, shared."""
    runs, places = len(learned), np.flatnonzero(learned)
    unknowns, components = len(priors), len(priors[0].constant)
    own = priors[0].structure.own
    constant = np.empty((unknowns, components))
    square = np.zeros((unknowns, components, runs, runs))
    linear = np.zeros((unknowns, components, runs))
    for unknown, prior in enumerate(priors):
        pulled = np.einsum("kij,kj->ki", prior.precision, prior.mean)
        constant[unknown] = prior.constant - 0.5 * np.einsum("ki,ki->k", pulled, prior.mean)
        square[np.ix_([unknown], np.arange(components), places, places)] = prior.precision
        linear[np.ix_([unknown], np.arange(components), places)] = pulled
    for run in np.flatnonzero(~learned):
        square[:, :, run, run] = 1.0
    return {
        f"{name}_constant": constant.reshape(unknowns, own, -1),
        f"{name}_square": square.reshape(unknowns, components, runs * runs),
        f"{name}_linear": linear,
    }


def build_scale_model(problem: ScaleProblem, assembled: Assembled) -> pm.Model:
    """
    Write the model: a curve for each run, its unknowns following a mixture of laws over scale.

    Parameters
    ----------
    problem : ScaleProblem
    assembled : Assembled

    Returns
    -------
    pm.Model
        ``coordinates`` are standardised by the posterior's own shape (data ``middle`` and
        ``root``), so that the sampler meets a nearly standard normal distribution. Law
        parameters are integrated out: `PooledLaw` draws them afterwards, exactly.

    Notes
    -----
    reading ~ Normal(curve(t; unknowns of the run), sqrt(constant^2 + (relative curve)^2));
    unknowns of all runs ~ sum over laws of weight x normal mixture, whose components are shared by
    the parameters of the curve: see `PooledLaw`.
    """
    runs, unknowns = len(problem.decades), len(problem.names)
    laws = len(assembled.laws)
    with pm.Model(coords={"run": list(problem.campaign.names), "law": np.arange(laws)}) as model:
        data = {name: pm.Data(name, value) for name, value in assembled.data.items()}
        size = assembled.data["middle"].size
        u = pm.Flat("coordinates", shape=size)
        whole = data["middle"] + pt.dot(data["root"], u)
        z = whole[: runs * unknowns].reshape((runs, unknowns))
        values: dict[str, Any] = {}
        for place, name in enumerate(problem.names):
            standard = z[:, place]
            natural = (
                pt.exp(data["centre"][place] + standard)
                if problem.positive[place]
                else data["centre"][place] + data["unit_size"][place] * standard
            )
            values[name] = pm.Deterministic(f"{name}_by_run", natural, dims="run")
        log_noise = whole[runs * unknowns :].reshape(assembled.data["noise_centre"].shape)
        noise = pt.exp(log_noise)
        off = (log_noise - data["noise_centre"]) / NOISE_SPREAD
        pm.Potential("noise", pt.sum(-0.5 * off**2))
        course = trajectories(problem.curve, problem.campaign, values)
        spreads = []
        for place, name in enumerate(problem.quantities):
            constant = pm.Deterministic(f"noise_{name}", noise[place, 0])
            relative = pm.Deterministic(f"noise_{name}_relative", noise[place, 1])
            spreads.append(pt.sqrt(constant**2 + (relative * course[name]) ** 2))
        mean = pt.concatenate([course[name] for name in problem.quantities])
        spread = pt.concatenate(spreads)
        away = (data["readings"] - mean) / spread
        fit = -0.5 * away**2 - pt.log(spread) - 0.5 * np.log(2.0 * np.pi)
        if "codes" in data:
            limit = pm.logcdf(pm.Normal.dist(0.0, 1.0), -data["codes"] * away)
            fit = pt.switch(pt.eq(data["codes"], 0.0), fit, limit)
        pm.Potential("readings_given_curves", (data["weights"] * fit).sum())
        starts = assembled.laws[0].starts

        def terms(name: str, along: Any) -> Any:
            """Log of weight times density, (unknowns, own, shared), for z of those unknowns."""
            products = (along[:, :, None] * along[:, None, :]).reshape(
                (along.shape[0], 1, runs * runs)
            )
            exponents = (data[f"{name}_linear"] * along[:, None, :]).sum(axis=-1)
            exponents -= 0.5 * (data[f"{name}_square"] * products).sum(axis=-1)
            shape = assembled.data[f"{name}_constant"].shape
            return data[f"{name}_constant"] + exponents.reshape(shape)

        densities = []
        for number in range(laws):
            own = pt.logsumexp(terms(f"law_{number}", z.T[np.flatnonzero(~starts)]), axis=1)
            # The constants hold the weights of what is shared: once for each parameter.
            shared = data[f"law_{number}_shared"]
            densities.append(pt.logsumexp((own - shared).sum(axis=0) + shared))
        if starts.any():
            at_start = terms("starts", z.T[np.flatnonzero(starts)])
            pm.Potential("starts", pt.logsumexp(at_start, axis=(1, 2)).sum())
        density = pm.Deterministic("law_log_density", pt.stack(densities), dims="law")
        pm.Potential("laws", pt.logsumexp(data["log_weights"] + density))
    return model


_COMPILED: OrderedDict[str, LogDensity] = OrderedDict()


def density_of(problem: ScaleProblem, assembled: Assembled) -> LogDensity:
    """
    Compile the model, or take one of the same shape that was compiled before, with new numbers.

    Parameters
    ----------
    problem : ScaleProblem
    assembled : Assembled

    Returns
    -------
    LogDensity
    """
    arrays = _schedule(problem)
    key = _shape_of(problem, assembled, arrays)
    if key not in _COMPILED:
        _COMPILED[key] = LogDensity(build_scale_model(problem, assembled))
        while len(_COMPILED) > KEPT:
            _COMPILED.popitem(last=False)
    _COMPILED.move_to_end(key)
    density = _COMPILED[key]
    numbers = dict(assembled.data)
    for part, array in zip(SCHEDULE, arrays, strict=True):
        for name in density.data_names:
            if name.startswith("schedule_") and name.endswith(f"_{part}"):
                numbers[name] = array
    density.set_data({name: numbers[name] for name in density.data_names if name in numbers})
    return density


def _schedule(problem: ScaleProblem) -> Any:
    """When each run is read, fed and switched, as the kernels take it."""
    plans = []
    for run in problem.campaign:
        own = problem.rows[problem.rows["run"] == run.name]
        times = np.unique(own["time_h"].to_numpy(float, copy=True))
        plans.append(Plan(run.name, times, run.profiles, run.events))
    traced = kernels(problem.curve).trace
    made = problem_of(traced, plans)[0]
    return (*made.segments, *made.events)


def _shape_of(problem: ScaleProblem, assembled: Assembled, arrays: Any) -> str:
    """Describe all that is fixed when the graph is compiled."""
    places = []
    for run in problem.campaign:
        own = problem.rows[problem.rows["run"] == run.name]
        times = np.unique(own["time_h"])
        places.append(np.searchsorted(times, own["time_h"]).tolist())
    told = {
        "curve": kernels(problem.curve).trace.fingerprint,
        "names": problem.names,
        "positive": problem.positive.tolist(),
        "quantities": problem.quantities,
        "order": [
            pd.factorize(problem.rows["run"])[0].tolist(),
            problem.rows["quantity"].tolist(),
            places,
        ],
        "stated": [
            {
                name: str(run.settings.get(name, run.settings.get(name.removeprefix("initial_"))))
                for name in kernels(problem.curve).trace.names
            }
            for run in problem.campaign
        ],
        "data": {name: value.shape for name, value in assembled.data.items()},
        "schedule": [(np.shape(array), str(np.asarray(array).dtype)) for array in arrays],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()

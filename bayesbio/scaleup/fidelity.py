"""Many cheap runs and a few dear ones: one prediction for the dear ones, with honest intervals."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import DataError, ModelError
from bayesbio.inference.archive import write_archive
from bayesbio.inference.verdict import Verdict
from bayesbio.surrogate.covariance import FAMILIES, Covariance, Linear, Smooth
from bayesbio.surrogate.gaussian_process import (
    PREDICTIVE_DRAWS,
    SCALES,
    check_choice,
    chosen_scale,
    draw_function,
    evenly,
    first_covariance,
)
from bayesbio.surrogate.process_draws import Latent, ProcessDraws, sample_process
from bayesbio.surrogate.process_inputs import (
    SAME,
    Domain,
    NoiseBelief,
    OutcomeScale,
    as_outcomes,
    as_points,
    check_duplicates,
    prediction_of,
)
from bayesbio.surrogate.process_posterior import (
    hash_of,
    hyperparameters,
    judge,
    left_out_draws,
    posterior_tree,
    summary_of,
)
from bayesbio.surrogate.simulator_runs import run_simulator

METHODS = ("nonlinear", "linear")
LINK = 4.0  # prior variance of the slope along the fidelity below, standardised
MOMENT_DRAWS = 200  # draws over which unknown values of the fidelity below are averaged
ENOUGH_ABOVE = 3  # readings of a higher fidelity below which a remark is made, per input


@dataclasses.dataclass(frozen=True, eq=False)
class Fidelity:
    """
    Readings of one fidelity: a scale, a model, an assay.

    Parameters
    ----------
    inputs : DataFrame, mapping of str to array, or array of shape (readings, inputs)
    outcome : array of shape (readings,)
    noise : "estimate", "varying", float or array of shape (readings,)
        Standard deviation, as in `GaussianProcessRegression.fit`.
    name : str
        For tables and sentences: "bench", "pilot", ...
    """

    inputs: Any
    outcome: Any
    noise: Any = "estimate"
    name: str = ""


@dataclasses.dataclass(frozen=True)
class MultiFidelity:
    """
    A function learned from few dear readings, many cheap ones, and how the two are related.

    Each fidelity is a Gaussian process that takes the inputs and the outcome of the fidelity
    below. Every hyperparameter is integrated over, so that ten dear readings give intervals worth
    ten readings. Designs need not be nested; a reading may be exact, noisy, or noisier than others.

    Parameters
    ----------
    method : {"nonlinear", "linear"}
        "nonlinear": y_t(x) = constant + rho y_(t-1)(x) + trend(x) + g_t(x, y_(t-1)(x)), where g
        bends with both. "linear": g_t depends on x alone, with the classical scale factor rho.
    family : {"smooth", "squared_exponential", "matern52"}
        How smooth the functions are believed to be, as in `GaussianProcessRegression`.
    scale : {"auto", "identity", "log"}
        Scale of all outcomes; "auto" takes the log where everything is positive and the readings of
        the lowest fidelity find it clearly more plausible.

    Notes
    -----
    Linear: Kennedy and O'Hagan (2000), doi:10.1093/biomet/87.1.1. Nonlinear: after Perdikaris et
    al. (2017), doi:10.1098/rspa.2016.0751, with hyperparameters integrated over. Values of the
    fidelity below that were not read exactly are unknowns with that fidelity's posterior, as a
    normal distribution, for prior: the higher readings inform them, not its hyperparameters.

    Examples
    --------
    >>> cheap, dear = np.linspace(0.0, 1.0, 9), np.array([0.0, 0.4, 0.7, 1.0])
    >>> learned = MultiFidelity(method="linear").fit(
    ...     [(cheap, np.sin(6.0 * cheap)), (dear, 2.0 * np.sin(6.0 * dear) + dear)],
    ...     noise=0.0, draws=100, chains=2, random_seed=1)
    >>> prediction = learned.predict([0.2])
    >>> round(float(prediction["mean"][0]), 1)  # the truth is 2.06
    2.1
    """

    method: str = "nonlinear"
    family: str = "smooth"
    scale: str = "auto"

    def __post_init__(self) -> None:
        check_choice("method", self.method, METHODS)
        check_choice("family", self.family, FAMILIES)
        check_choice("scale", self.scale, SCALES)

    def fit(
        self,
        levels: Sequence[Any],
        *,
        noise: Any = "estimate",
        domain: Mapping[str, Any] | None = None,
        draws: int = 500,
        tune: int = 300,
        chains: int = 4,
        random_seed: int,
    ) -> MultiFidelityPosterior:
        """
        Learn all fidelities.

        Parameters
        ----------
        levels : sequence, the lowest fidelity first
            `Fidelity` objects or pairs (inputs, outcome). The first may be a simulator: a function
            of one array per input by name (or of the table of inputs) that returns one outcome per
            row; it is asked wherever its value is needed.
        noise : as in `Fidelity`, or a list with one entry per pair
            Noise of the levels given as pairs.
        domain : mapping of str to (low, high), optional
            Where the function may be asked for; the range of all readings by default.
        draws, tune, chains, random_seed : int
            Of the sampler.

        Returns
        -------
        MultiFidelityPosterior

        Raises
        ------
        DataError
            If there is only one fidelity, the inputs differ, a value is missing, a fidelity has
            fewer than three readings, or two exact readings are at one point.
        """
        simulator, fidelities = _separated(levels, noise)
        tables, names = [], None
        for fidelity in fidelities:
            table = as_points(fidelity.inputs, names=names, what=f"fidelity {fidelity.name!r}")
            names = tuple(table.columns)
            tables.append(table)
        values = [
            as_outcomes(fidelity.outcome, rows=len(table), what=f"fidelity {fidelity.name!r}")
            for fidelity, table in zip(fidelities, tables, strict=True)
        ]
        box = Domain.of(pd.concat(tables, ignore_index=True), domain)
        rows = [box.standardised(table) for table in tables]
        beliefs = []
        for fidelity, own in zip(fidelities, rows, strict=True):
            what = f"fidelity {fidelity.name!r}"
            beliefs.append(NoiseBelief.of(fidelity.noise, rows=len(own), what=what))
            check_duplicates(own, beliefs[-1], what=what)
        simulated = None if simulator is None else run_simulator(simulator, tables[0])
        kind = self._scale_kind(rows, values, beliefs, simulated, seed=random_seed)
        scales = [OutcomeScale.of(own, kind) for own in values]
        below_scale = None
        if simulated is not None:
            if np.all(simulated == simulated[0]):
                raise DataError(
                    f"The simulator answers {simulated[0]:g} at every reading of "
                    f"{fidelities[0].name!r}, so it cannot be related to them. Check that it uses "
                    f"its inputs {', '.join(box.names)}."
                )
            below_scale = OutcomeScale.of(simulated, kind)
        learned = MultiFidelityPosterior(
            model=self,
            names=tuple(fidelity.name for fidelity in fidelities),
            processes=(),
            domain=box,
            scales=tuple(scales),
            simulator=simulator,
            simulator_scale=below_scale,
            tables=tuple(
                table.assign(outcome=own) for table, own in zip(tables, values, strict=True)
            ),
            random_seed=random_seed,
        )
        for level, (own, belief, scale) in enumerate(zip(rows, beliefs, scales, strict=True)):
            latent = None
            stacked = own
            if level:
                exact = beliefs[level - 1].exact
                column, latent = _below(learned, level, own, exact=exact)
                stacked = np.column_stack([own, column])
            elif simulated is not None and below_scale is not None:
                stacked = np.column_stack([own, below_scale.forward(simulated)])
            process = sample_process(
                _covariance(self, len(box.names), first=level == 0 and simulator is None),
                stacked,
                scale.forward(values[level]),
                known_noise=scale.noise_variance(belief.deviation, values[level]),
                noise_design=belief.design(own, len(box.names)),
                inputs=len(box.names),
                latent=latent,
                draws=draws,
                tune=tune,
                chains=chains,
                random_seed=random_seed + level,
            )
            learned = dataclasses.replace(learned, processes=(*learned.processes, process))
        return learned

    def _scale_kind(
        self,
        rows: Sequence[np.ndarray],
        values: Sequence[np.ndarray],
        beliefs: Sequence[NoiseBelief],
        simulated: np.ndarray | None,
        *,
        seed: int,
    ) -> str:
        """Scale of all outcomes."""
        if self.scale != "auto":
            return self.scale
        everything = [*values, *([] if simulated is None else [simulated])]
        if min(float(own.min()) for own in everything) <= 0:
            return "identity"
        inputs = rows[0].shape[1]
        return chosen_scale(
            "auto",
            first_covariance(inputs, self.family),
            rows[0],
            values[0],
            beliefs[0],
            inputs=inputs,
            seed=seed,
        ).kind


def _separated(
    levels: Sequence[Any], noise: Any
) -> tuple[Callable[..., Any] | None, list[Fidelity]]:
    """Take a simulator off the front, and make fidelities of pairs."""
    given = list(levels)
    simulator = None
    if given and callable(given[0]) and not isinstance(given[0], Fidelity):
        simulator = given.pop(0)
    if len(given) + (simulator is not None) < 2 or not given:
        raise DataError(
            f"{len(given) + (simulator is not None)} fidelity came; at least two are needed, the "
            "lowest first, such as [(cheap_inputs, cheap_outcome), (inputs, outcome)] or "
            "[simulator, (inputs, outcome)]. For one alone use "
            "surrogate.GaussianProcessRegression."
        )
    per_level = isinstance(noise, list | tuple)
    if per_level and len(noise) != len(given):
        raise DataError(
            f"noise has {len(noise)} entries for {len(given)} fidelities with readings; give one "
            "for all, or a list with one each."
        )
    found = []
    for place, level in enumerate(given):
        name = f"level {place + 1 + (simulator is not None)}"
        if isinstance(level, Fidelity):
            found.append(level if level.name else dataclasses.replace(level, name=name))
        elif isinstance(level, tuple | list) and len(level) == 2:
            own = noise[place] if per_level else noise
            found.append(Fidelity(level[0], level[1], own, name))
        else:
            raise DataError(
                f"Fidelity {place + 1} is a {type(level).__name__}; expected a pair (inputs, "
                "outcome) or Fidelity(inputs, outcome, noise=...); only the first may be a "
                "function."
            )
    names = [fidelity.name for fidelity in found]
    if len(set(names)) < len(names):
        raise DataError(f"Two fidelities have the same name: {', '.join(names)}.")
    return simulator, found


def _covariance(model: MultiFidelity, inputs: int, *, first: bool) -> Covariance:
    """Prior of one fidelity; the last column of all but the first is the fidelity below."""
    if first:
        return first_covariance(inputs, model.family)
    columns = tuple(range(inputs))
    along = (*columns, inputs) if model.method == "nonlinear" else columns
    return Covariance(
        (Smooth("difference", along, model.family), Linear("trend", columns)),
        np.concatenate([[1.0], np.zeros(inputs), [LINK]]),
    )


def _below(
    learned: MultiFidelityPosterior, level: int, rows: np.ndarray, *, exact: bool
) -> tuple[np.ndarray, Latent | None]:
    """Value of the fidelity below at each row, and what is uncertain about it."""
    inputs = rows.shape[1]
    process = learned.processes[level - 1]
    column, found = np.zeros(len(rows)), np.zeros(len(rows), bool)
    if exact:
        for place, row in enumerate(rows):
            near = np.max(np.abs(process.rows[:, :inputs] - row), axis=1) < SAME
            if near.any():
                column[place], found[place] = process.values[np.argmax(near)], True
    unknown = np.flatnonzero(~found)
    if not len(unknown):
        return column, None
    rng = np.random.default_rng((learned.random_seed, 4, level))
    chosen = evenly(process, MOMENT_DRAWS).ravel()
    means, spreads = [], np.zeros((len(unknown), len(unknown)))
    for draw in chosen:
        mean, spread = learned.moments(level - 1, int(draw), rows[unknown], rng=rng)
        means.append(mean)
        spreads += spread / len(chosen)
    spreads += np.cov(np.array(means), rowvar=False).reshape(spreads.shape)
    spreads[np.diag_indices(len(unknown))] += 1e-10
    column[unknown] = np.mean(means, axis=0)
    return column, Latent(inputs, unknown, column[unknown], np.linalg.cholesky(spreads))


@dataclasses.dataclass(frozen=True, eq=False)
class MultiFidelityPosterior:
    """
    Fidelities that have seen their readings.

    Parameters
    ----------
    model : MultiFidelity
    names : tuple of str
        Of the fidelities with readings, the lowest first.
    processes : tuple of ProcessDraws
        One each, on standardised scales.
    domain : Domain
    scales : tuple of OutcomeScale
    simulator : callable, optional
        The fidelity below all readings.
    simulator_scale : OutcomeScale, optional
    tables : tuple of DataFrame
        Inputs, and the column outcome.
    random_seed : int
    """

    model: MultiFidelity
    names: tuple[str, ...]
    processes: tuple[ProcessDraws, ...]
    domain: Domain
    scales: tuple[OutcomeScale, ...]
    simulator: Callable[..., Any] | None
    simulator_scale: OutcomeScale | None
    tables: tuple[pd.DataFrame, ...]
    random_seed: int

    def simulate(self, rows: np.ndarray) -> np.ndarray:
        """Standardised answers of the simulator at standardised inputs."""
        if self.simulator is None or self.simulator_scale is None:
            raise ModelError(
                "The lowest fidelity is a simulator, which no file holds. Give it when loading: "
                "bayesbio.load(path, model=simulator)."
            )
        natural = self.domain.low + (rows + 0.5) * self.domain.widths
        answers = run_simulator(
            self.simulator, pd.DataFrame(natural, columns=list(self.domain.names))
        )
        if self.simulator_scale.kind == "log" and answers.min() <= 0:
            raise ModelError(
                f"The simulator answers {answers.min():g}, but the outcomes are modelled on a log "
                "scale. Fit with scale='identity'."
            )
        return self.simulator_scale.forward(answers)

    def predict(
        self,
        points: Any,
        *,
        fidelity: str | None = None,
        probability: float = 0.9,
        noise: bool = False,
        joint: bool = False,
        outside: str = "flag",
        random_seed: int = 0,
    ) -> xr.Dataset:
        """
        Predict one fidelity, the highest by default.

        Parameters
        ----------
        points : DataFrame, mapping or array of shape (points, inputs)
        fidelity : str, optional
            One of `names`.
        probability : float
            Of the central interval.
        noise : bool
            Predict readings instead of the function; needs noise that was estimated, or known as
            one number.
        joint : bool
            Draw curves, dependent between points; else each point stands for itself.
        outside : {"flag", "refuse"}
            What to do beyond the domain: mark in `inside`, or raise.
        random_seed : int
            Same seed, same draws.

        Returns
        -------
        Dataset
            `outcome` (chain, draw, point), `mean`, `sd`, `interval` (bound, point), `inside`.

        Raises
        ------
        ModelError
            If the fidelity is unknown, or a point is outside and `outside` is "refuse".
        """
        level = len(self.names) - 1
        if fidelity is not None:
            check_choice("fidelity", fidelity, self.names)
            level = self.names.index(fidelity)
        table = as_points(points, names=self.domain.names)
        inside = self.domain.inside(table, outside=outside)
        rows = self.domain.standardised(table)
        rng = np.random.default_rng((random_seed, 5))
        chosen = evenly(self.processes[level], PREDICTIVE_DRAWS)
        scores = np.empty((chosen.size, len(rows)))
        known: dict[bytes, np.ndarray] = {}
        for place, draw in enumerate(chosen.ravel()):
            scores[place] = self._drawn(level, int(draw), rows, joint=joint, rng=rng, known=known)
            if noise:
                deviation = self.processes[level].new_noise(int(draw), rows)
                scores[place] += deviation * rng.standard_normal(len(rows))
        outcome = self.scales[level].backward(scores).reshape(*chosen.shape, len(rows))
        return prediction_of(outcome, inside=inside, probability=probability)

    def _stacked(
        self,
        level: int,
        draw: int,
        rows: np.ndarray,
        *,
        joint: bool,
        rng: np.random.Generator,
        known: dict[bytes, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Rows with a draw of the fidelity below; rows where this fidelity was inferred above."""
        extra, values = np.empty((0, rows.shape[1])), None
        if level + 1 < len(self.processes):
            above = self.processes[level + 1]
            if len(above.latent_rows):
                extra = above.rows[above.latent_rows, : rows.shape[1]]
                values = above.latent[draw]
        everything = np.vstack([extra, rows])
        if level == 0 and self.simulator_scale is not None:
            key = everything.tobytes()
            if key not in known:
                known[key] = self.simulate(everything)
            everything = np.column_stack([everything, known[key]])
        elif level:
            below = self._drawn(level - 1, draw, everything, joint=joint, rng=rng, known=known)
            everything = np.column_stack([everything, below])
        if values is None:
            return everything, None, None
        return everything[len(extra) :], everything[: len(extra)], values

    def _drawn(
        self,
        level: int,
        draw: int,
        rows: np.ndarray,
        *,
        joint: bool,
        rng: np.random.Generator,
        known: dict[bytes, np.ndarray],
    ) -> np.ndarray:
        """Draw a fidelity's standardised function at standardised inputs."""
        stacked, at, values = self._stacked(level, draw, rows, joint=joint, rng=rng, known=known)
        return draw_function(
            self.processes[level],
            draw,
            stacked,
            joint=joint,
            rng=rng,
            known_rows=at,
            known_values=values,
        )

    def moments(
        self, level: int, draw: int, rows: np.ndarray, *, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of a fidelity's standardised function, one draw given."""
        stacked, at, values = self._stacked(level, draw, rows, joint=True, rng=rng, known={})
        return self.processes[level].condition(
            draw, stacked, joint=True, known_rows=at, known_values=values
        )

    @cached_property
    def scale_factors(self) -> dict[str, np.ndarray]:
        """
        Draws of rho, the slope along the fidelity below, by name of the higher fidelity.

        On a log scale it is the exponent. Beside the nonlinear term it is not identified, so only
        the linear method reports it.
        """
        found: dict[str, np.ndarray] = {}
        if self.model.method != "linear":
            return found
        rng = np.random.default_rng((self.random_seed, 6))
        below = [self.simulator_scale, *self.scales]
        for place, (name, process) in enumerate(zip(self.names, self.processes, strict=True)):
            lower = below[place]
            if lower is None:
                continue
            mean, deviation = process.slope_along(len(self.domain.names))
            slope = mean + deviation * rng.standard_normal(process.draws)
            found[name] = slope * self.scales[place].spread / lower.spread
        return found

    @cached_property
    def posterior(self) -> xr.DataTree:
        """Hyperparameters on readable scales, and sampler statistics, for ArviZ."""
        variables: dict[str, Any] = {}
        for name, process, scale in zip(self.names, self.processes, self.scales, strict=True):
            prefix = name.replace(" ", "_") + "_"
            variables |= hyperparameters(process, prefix=prefix, domain=self.domain, scale=scale)
            if name in self.scale_factors:
                shape = (process.chains, process.draws // process.chains)
                variables[f"{prefix}scale_factor"] = (
                    ("chain", "draw"),
                    self.scale_factors[name].reshape(shape),
                    {"unit": "1"},
                )
        return posterior_tree(variables, self.processes, inputs=self.domain.names)

    def summary(self) -> pd.DataFrame:
        """
        Hyperparameters of every fidelity, one row a number.

        Returns
        -------
        DataFrame
            Columns unit, mean, sd, eti_5, eti_50, eti_95, r_hat, ess_bulk, ess_tail.
        """
        return summary_of(self.posterior)

    def check(self) -> Verdict:
        """Tell whether the chains may be believed, and how left-out readings were predicted."""
        left_out = {
            name: (left_out_draws(process, random_seed=self.random_seed), process.values)
            for name, process in zip(self.names, self.processes, strict=True)
        }
        return judge(self.posterior, left_out)

    @property
    def noticed(self) -> tuple[str, ...]:
        """What the reader should know of the data and the choices made."""
        said = [f"The outcomes are modelled on the {self.scales[0].kind} scale."]
        for name, process in zip(self.names, self.processes, strict=True):
            if len(process.latent_rows):
                said.append(
                    f"{len(process.latent_rows)} of {len(process.values)} readings of {name} lie "
                    "where the fidelity below was not read exactly; its value there is inferred."
                )
        top, needed = self.processes[-1], ENOUGH_ABOVE * len(self.domain.names)
        if len(top.values) < needed:
            said.append(
                f"{self.names[-1]} has {len(top.values)} readings for {len(self.domain.names)} "
                f"inputs (three each, {needed}, is a rule of thumb): what is particular to it "
                "rests on the prior."
            )
        for lower, upper in zip(self.names, self.names[1:], strict=False):
            counts = [len(self.processes[self.names.index(each)].values) for each in (lower, upper)]
            if counts[0] < counts[1]:
                said.append(
                    f"{lower} has fewer readings ({counts[0]}) than {upper} ({counts[1]}): was the "
                    "order of the fidelities turned round? The lowest comes first."
                )
        return tuple(said)

    @cached_property
    def data_hash(self) -> str:
        """Fingerprint of inputs and outcomes of all fidelities."""
        return hash_of(*(" ".join(table.columns) for table in self.tables), *self.tables)

    @cached_property
    def hash(self) -> str:
        """Fingerprint of the draws."""
        return hash_of(self.data_hash, *(process.parameters for process in self.processes))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads; a simulator is not in it."""
        groups = {
            f"process_{level}": process.to_dataset() for level, process in enumerate(self.processes)
        }
        groups |= {
            f"table_{level}": xr.Dataset(
                {"table": (("reading", "table_column"), table.to_numpy(float))}
            )
            for level, table in enumerate(self.tables)
        }
        groups["domain"] = xr.Dataset(
            {"low": ("input", self.domain.low), "high": ("input", self.domain.high)}
        )
        below = self.simulator_scale
        content = {
            "model": dataclasses.asdict(self.model),
            "names": list(self.names),
            "inputs": list(self.domain.names),
            "scales": [dataclasses.asdict(scale) for scale in self.scales],
            "simulator_scale": None if below is None else dataclasses.asdict(below),
            "random_seed": self.random_seed,
        }
        tree = xr.DataTree.from_dict(groups)
        write_archive(path, tree, kind="multi_fidelity", content=content)
        return Path(path)


def multi_fidelity_from_archive(
    tree: xr.DataTree, content: Mapping[str, Any], model: Any = None
) -> MultiFidelityPosterior:
    """
    Rebuild what `MultiFidelityPosterior.save` wrote; `bayesbio.load` calls it.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : callable, optional
        The simulator, where the lowest fidelity is one.

    Returns
    -------
    MultiFidelityPosterior
    """
    settings = MultiFidelity(**content["model"])
    names, inputs = tuple(content["names"]), tuple(content["inputs"])
    below = content["simulator_scale"]
    box = tree["domain"].to_dataset()
    return MultiFidelityPosterior(
        model=settings,
        names=names,
        processes=tuple(
            ProcessDraws.from_dataset(
                tree[f"process_{level}"].to_dataset(),
                _covariance(settings, len(inputs), first=level == 0 and below is None),
            )
            for level in range(len(names))
        ),
        domain=Domain(inputs, box["low"].to_numpy(), box["high"].to_numpy()),
        scales=tuple(OutcomeScale(**scale) for scale in content["scales"]),
        simulator=model,
        simulator_scale=None if below is None else OutcomeScale(**below),
        tables=tuple(
            pd.DataFrame(tree[f"table_{level}/table"].to_numpy(), columns=[*inputs, "outcome"])
            for level in range(len(names))
        ),
        random_seed=int(content["random_seed"]),
    )

"""Posterior of a multi-fidelity Gaussian process: predictions, checks, files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.archive.results import result_hash, save_result
from bayesbio.inference.diagnostics.draws import summary_table
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.diagnostics.verdict import Verdict
from bayesbio.surrogate.gaussian_process.conditioning import (
    GaussianProcessDraws,
    draw_function,
    thinned,
)
from bayesbio.surrogate.gaussian_process.inputs import OutcomeTransform
from bayesbio.surrogate.gaussian_process.regression import PREDICTIVE_DRAWS
from bayesbio.surrogate.gaussian_process.tables import (
    hash_of,
    hyperparameters,
    judge,
    left_out_draws,
    posterior_tree,
)
from bayesbio.surrogate.points import Domain, as_points, check_choice, prediction_of
from bayesbio.surrogate.simulator_runs import run_simulator

ENOUGH_ABOVE = 3  # readings of a higher fidelity below which a remark is made, per input


@dataclasses.dataclass(frozen=True, eq=False)
class MultiFidelityPosterior:
    """
    Posterior of a multi-fidelity Gaussian process; made by `MultiFidelity.fit`.

    Parameters
    ----------
    model : MultiFidelity
    names : tuple of str
        Of the fidelities with readings, the lowest first.
    processes : tuple of GaussianProcessDraws
        One each, on standardised scales.
    domain : Domain
    transforms : tuple of OutcomeTransform
    simulator : callable, optional
        The fidelity below all readings.
    simulator_transform : OutcomeTransform, optional
    tables : tuple of DataFrame
        Inputs, and the column outcome.
    random_seed : int
    unit : str
        Of the outcome.
    """

    model: Any  # MultiFidelity
    names: tuple[str, ...]
    processes: tuple[GaussianProcessDraws, ...]
    domain: Domain
    transforms: tuple[OutcomeTransform, ...]
    simulator: Callable[..., Any] | None
    simulator_transform: OutcomeTransform | None
    tables: tuple[pd.DataFrame, ...]
    random_seed: int
    unit: str = "1"

    __repr__ = short_repr

    def simulate(self, rows: np.ndarray) -> np.ndarray:
        """Standardised answers of the simulator at standardised inputs."""
        if self.simulator is None or self.simulator_transform is None:
            raise ModelError(
                "The lowest fidelity is a simulator, which no file holds. Give it when loading: "
                "bayesbio.load(path, model=simulator)."
            )
        natural = self.domain.low + (rows + 0.5) * self.domain.widths
        answers = run_simulator(
            self.simulator, pd.DataFrame(natural, columns=list(self.domain.names))
        )
        if self.simulator_transform.link == "log" and answers.min() <= 0:
            raise ModelError(
                f"The simulator answers {answers.min():g}, but the log link needs outcomes "
                "above zero. Fit with link='identity'."
            )
        return self.simulator_transform.forward(answers)

    def predict(
        self,
        points: Any,
        *,
        fidelity: str | None = None,
        noise: bool = True,
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
        noise : bool
            Predict readings rather than the function; the noise has to be estimated, or known as
            one number.
        joint : bool
            Draw curves, dependent between points; else each point stands for itself.
        outside : {"flag", "refuse"}
            What to do beyond the domain: mark it in `outside`, or raise.
        random_seed : int
            Same seed, same draws.

        Returns
        -------
        Dataset
            `outcome` (chain, draw, point) and `outside` (point).

        Raises
        ------
        ModelError
            If the fidelity is unknown, a point is outside and `outside` is "refuse", or the noise
            of a new reading is not known.
        """
        level = len(self.names) - 1
        if fidelity is not None:
            check_choice("fidelity", fidelity, self.names)
            level = self.names.index(fidelity)
        table = as_points(points, names=self.domain.names)
        beyond = self.domain.outside(table, outside=outside)
        rows = self.domain.standardised(table)
        rng = np.random.default_rng((random_seed, 5))
        chosen = thinned(self.processes[level], PREDICTIVE_DRAWS)
        scores = np.empty((chosen.size, len(rows)))
        known: dict[bytes, np.ndarray] = {}
        for place, draw in enumerate(chosen.ravel()):
            scores[place] = self._drawn(level, int(draw), rows, joint=joint, rng=rng, known=known)
            if noise:
                deviation = self.processes[level].new_noise(int(draw), rows)
                scores[place] += deviation * rng.standard_normal(len(rows))
        outcome = self.transforms[level].backward(scores).reshape(*chosen.shape, len(rows))
        return prediction_of(outcome, outside=beyond, unit=self.unit)

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
        if level == 0 and self.simulator_transform is not None:
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

        With the log link it is the exponent. Beside the nonlinear term it is not identified, so
        only the linear method reports it.
        """
        found: dict[str, np.ndarray] = {}
        if self.model.method != "linear":
            return found
        rng = np.random.default_rng((self.random_seed, 6))
        below = [self.simulator_transform, *self.transforms]
        for place, (name, process) in enumerate(zip(self.names, self.processes, strict=True)):
            lower = below[place]
            if lower is None:
                continue
            mean, deviation = process.slope_along(len(self.domain.names))
            slope = mean + deviation * rng.standard_normal(process.draws)
            found[name] = slope * self.transforms[place].spread / lower.spread
        return found

    @cached_property
    def posterior(self) -> xr.DataTree:
        """Hyperparameters on readable scales, and sampler statistics, for ArviZ."""
        variables: dict[str, Any] = {}
        for name, process, transform in zip(
            self.names, self.processes, self.transforms, strict=True
        ):
            prefix = name.replace(" ", "_") + "_"
            variables |= hyperparameters(
                process,
                prefix=prefix,
                domain=self.domain,
                transform=transform,
                unit=self.unit,
            )
            if name in self.scale_factors:
                shape = (process.chains, process.draws // process.chains)
                variables[f"{prefix}scale_factor"] = (
                    ("chain", "draw"),
                    self.scale_factors[name].reshape(shape),
                    {"units": "1"},
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
        return summary_table(self.posterior, verdict=self.check())

    def check(self) -> Verdict:
        """Judge the chains, and how left-out readings were predicted."""
        left_out = {
            name: (left_out_draws(process, random_seed=self.random_seed), process.values)
            for name, process in zip(self.names, self.processes, strict=True)
        }
        return judge(self.posterior, left_out)

    def require(self) -> MultiFidelityPosterior:
        """Return this posterior if its verdict passed; a `CalibrationError` otherwise."""
        if not self.check().passed:
            raise CalibrationError(f"The fit did not pass its checks.\n{self.check()}")
        return self

    @property
    def data(self) -> dict[str, pd.DataFrame]:
        """Inputs and outcome of each fidelity, by name."""
        return dict(zip(self.names, self.tables, strict=True))

    @property
    def options(self) -> dict[str, Any]:
        """What was asked, as plain values."""
        process = self.processes[0]
        return {
            **dataclasses.asdict(self.model),
            "simulator": self.simulator_transform is not None,
            "draws": process.draws // process.chains,
            "chains": process.chains,
            "random_seed": self.random_seed,
        }

    @property
    def warnings(self) -> list[str]:
        """What the reader should know of the data and the choices made."""
        found = [f"The outcomes are modelled with the {self.transforms[0].link} link."]
        for name, process in zip(self.names, self.processes, strict=True):
            if len(process.latent_rows):
                found.append(
                    f"{len(process.latent_rows)} of {len(process.values)} readings of {name} lie "
                    "where the fidelity below was not read exactly; its value there is inferred."
                )
        top, needed = self.processes[-1], ENOUGH_ABOVE * len(self.domain.names)
        if len(top.values) < needed:
            found.append(
                f"{self.names[-1]} has {len(top.values)} readings for {len(self.domain.names)} "
                f"inputs (three each, {needed}, is a rule of thumb): what is particular to it "
                "rests on the prior."
            )
        for lower, upper in zip(self.names, self.names[1:], strict=False):
            counts = [len(self.processes[self.names.index(each)].values) for each in (lower, upper)]
            if counts[0] < counts[1]:
                found.append(
                    f"{lower} has fewer readings ({counts[0]}) than {upper} ({counts[1]}): was the "
                    "order of the fidelities turned round? The lowest comes first."
                )
        return found

    @cached_property
    def data_hash(self) -> str:
        """Fingerprint of inputs and outcomes of all fidelities."""
        return hash_of(*(" ".join(table.columns) for table in self.tables), *self.tables)

    @cached_property
    def hash(self) -> str:
        """Content hash of everything that is saved."""
        return result_hash(self)

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        return Evidence(self, f"Fidelities {', '.join(self.names)} as one", predict=self.predict)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads; a simulator is not in it."""
        return save_result(path, self, kind="multi_fidelity")

    def to_saved(self) -> dict[str, Any]:
        """All fields but the simulator, the model as plain values."""
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        del fields["simulator"]
        return {**fields, "model": dataclasses.asdict(self.model)}

    @classmethod
    def from_saved(cls, saved: Mapping[str, Any], model: Any = None) -> MultiFidelityPosterior:
        """Rebuild; the model given to `bayesbio.load` is the simulator."""
        return cls(**saved, simulator=model)

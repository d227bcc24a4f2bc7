"""TiterPosterior: draws of a titer regression, their verdict, predictions and questions."""

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

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.archive.results import result_hash, save_result
from bayesbio.inference.diagnostics.draws import summary_table
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.diagnostics.posterior_checks import verdict_of
from bayesbio.inference.diagnostics.verdict import Gate, Verdict
from bayesbio.titer.factors.factor_coding import as_rows
from bayesbio.titer.questions.contributions import explain
from bayesbio.titer.questions.key_factors_table import confounding, interactions, key_factors
from bayesbio.titer.questions.partial_dependence import interaction_surface, partial_effect
from bayesbio.titer.questions.suggestions import suggest
from bayesbio.titer.regression.draws import TiterDraws
from bayesbio.titer.regression.group_effects import PRODUCTION
from bayesbio.titer.regression.problem import Problem
from bayesbio.titer.regression.rescaling import predictive_groups, rescaled

KIND = "titer"
# Many, shrunken, and summed up by what is judged: scales of effects, single levels, single cells.
NUISANCE = ("effect_prior_sd", f"{PRODUCTION}effect_prior_sd", "missing_cell")
# A regression with as many terms as rows is close to each of its own readings, as it should be:
# whether it predicts is asked of readings left out.
GATE = Gate(coverage=(0.80, 1.0))


@dataclasses.dataclass(frozen=True, eq=False)
class TiterPosterior(TiterDraws):
    """
    Posterior of a titer regression.

    Made by `TiterModel.fit`, or read back by `bayesbio.load`. For its attributes see `TiterDraws`.
    """

    __repr__ = short_repr

    @classmethod
    def of_sampled(
        cls, problem: Problem, tree: xr.DataTree, options: Mapping[str, Any]
    ) -> TiterPosterior:
        """Rescale what the sampler gave, and add replicated readings for the verdict."""
        fitted = cls(
            model=problem.model,
            table=problem.table,
            transform=problem.transform,
            regression=problem.regression,
            factor_distribution=problem.factor_distribution,
            distribution=problem.response.distribution,
            posterior=rescaled(problem, tree),
            options=dict(options),
            warnings=problem.warnings,
        )
        groups = {name: node.to_dataset() for name, node in fitted.posterior.children.items()}
        groups |= predictive_groups(problem, fitted)
        return dataclasses.replace(fitted, posterior=xr.DataTree.from_dict(groups))

    @property
    def data(self) -> Any:
        """Table it was fitted on."""
        return self.table

    @property
    def data_hash(self) -> str:
        """Hash of the table."""
        return self.table.hash

    @property
    def random_seed(self) -> int:
        """Seed of the sampler."""
        return int(self.options["random_seed"])

    @cached_property
    def hash(self) -> str:
        """Hash of model, data and draws."""
        return result_hash(self)

    def check(self) -> Verdict:
        """Judge convergence and fit."""
        return self._verdict

    @cached_property
    def _verdict(self) -> Verdict:
        by_level = {f"{p}by_{one.name}" for one in self.regression.levels for p in ("", PRODUCTION)}
        names = [str(name) for name in self.posterior["posterior"].data_vars]
        judged = [name for name in names if name not in by_level and name not in NUISANCE]
        return verdict_of(self.posterior, gate=GATE, variables=judged)

    def require(self) -> TiterPosterior:
        """
        Give the posterior itself if its checks pass.

        Raises
        ------
        CalibrationError
            If they do not; the message is the verdict.
        """
        if not self.check().passed:
            raise CalibrationError(str(self.check()))
        return self

    def summary(self) -> pd.DataFrame:
        """
        Posterior of each unknown, one row a number.

        Returns
        -------
        DataFrame
            Index parameter; columns unit, mean, sd, eti_5, eti_50, eti_95, r_hat, ess_bulk,
            ess_tail. Effects are of the transformed titer, per standard deviation of the factor.
        """
        names = [str(n) for n in self.posterior["posterior"].data_vars if n not in NUISANCE]
        response = "log" if self.transform == "log" else self.unit
        units = {"degrees_of_freedom": "1", **self.design.shape_units}
        units |= {f"{PRODUCTION}{name}": "logit" for name in ("intercept", "effect")}
        for one in self.regression.levels:
            units |= {f"{PRODUCTION}{part}_{one.name}": "logit" for part in ("sd", "by")}
        return summary_table(
            self.posterior,
            lambda name, label: units.get(name, response),
            names=names,
            verdict=self.check(),
        )

    def predict(
        self, rows: Any, *, noise: bool = True, random_seed: int = 0, outside: str = "flag"
    ) -> xr.Dataset:
        """
        Posterior predictive distribution of the titer of cultures.

        Parameters
        ----------
        rows : Table, DataFrame, mapping or list of mappings
            Factors of the cultures (as they are, not as an instrument with an error reads them),
            and their groups where known. A missing number is drawn given the other factors of its
            row; a level that was not fitted from the distribution of levels.
        noise : bool
            Whether readings are predicted (scatter of cultures, true zeros, assay), or the typical
            titer: the median where the titer was log transformed, else the mean; times the
            probability of product.
        random_seed : int
            Same input, same bytes.
        outside : {"flag", "refuse"}
            Whether rows beyond the fitted ranges and levels are marked or refused.

        Returns
        -------
        Dataset
            The response, dims (chain, draw, run) [unit of the response], and ``outside``, dims
            (run,). ``attrs["warnings"]`` names what had to be assumed.

        Raises
        ------
        DataError
            If a factor is missing altogether, a level of an ordered factor is unknown, or a row is
            outside and that is refused.
        """
        if outside not in ("flag", "refuse"):
            raise DataError(f"outside is {outside!r}; expected 'flag' or 'refuse'.")
        frame = as_rows(rows)
        beyond = self.design.coding.outside(frame)
        if outside == "refuse" and beyond.any():
            raise DataError(
                f"Row {int(beyond.argmax()) + 1} is outside of what was fitted. Keep within the "
                "ranges and levels of the table, or ask with outside='flag'."
            )
        rng = np.random.default_rng(random_seed)
        coded = self.rows(frame, rng)
        warnings = self.regression.new_levels(coded)
        if any(np.ndim(cells) == 2 for cells in coded.cells.values()):
            warnings.append("Missing factors were drawn given the others of their row.")
        values = self.predicted(frame, np.random.default_rng(random_seed), noise=noise)
        sizes = self.posterior["posterior"].sizes
        shape = (sizes["chain"], sizes["draw"], len(frame))
        return xr.Dataset(
            {
                self.response: (
                    ("chain", "draw", "run"),
                    values.reshape(shape),
                    {"units": self.unit},
                ),
                "outside": ("run", beyond),
            },
            coords={
                name: np.arange(n) for name, n in zip(("chain", "draw", "run"), shape, strict=True)
            },
            attrs={"warnings": warnings},
        )

    def key_factors(self, size: float | str | None = None, *, at: Any = None) -> pd.DataFrame:
        """Rank the factors by their influence; see `bayesbio.titer.key_factors`."""
        return key_factors(self, size, at=at)

    def interactions(self, size: float | str | None = None) -> pd.DataFrame:
        """Rank the pairs that interact; see `bayesbio.titer.interactions`."""
        return interactions(self, size)

    def confounding(self, *, size: float | str | None = None, at: Any = None) -> pd.DataFrame:
        """List factors whose effects cannot be distinguished; see `bayesbio.titer.confounding`."""
        return confounding(self, size=size, at=at)

    def explain(self, row: Any, *, random_seed: int = 0) -> pd.DataFrame:
        """Contributions to one prediction; see `bayesbio.titer.explain`."""
        return explain(self, row, random_seed=random_seed)

    def partial_effect(
        self, factor: str, *, at: Mapping[str, Any] | None = None, points: int = 41
    ) -> pd.DataFrame:
        """Partial dependence on one factor; see `bayesbio.titer.partial_effect`."""
        return partial_effect(self, factor, at=at, points=points)

    def interaction_surface(
        self, factor: str, other: str, *, at: Mapping[str, Any] | None = None, points: int = 15
    ) -> xr.Dataset:
        """Partial dependence on two factors; see `bayesbio.titer.interaction_surface`."""
        return interaction_surface(self, factor, other, at=at, points=points)

    def suggest(
        self,
        n: int = 1,
        constraints: Mapping[str, Any] | None = None,
        *,
        target: float | None = None,
        where: Callable[[pd.DataFrame], Any] | None = None,
        random_seed: int = 0,
    ) -> pd.DataFrame:
        """Suggest the next cultures; see `bayesbio.titer.suggest`."""
        return suggest(self, n, constraints, target=target, where=where, random_seed=random_seed)

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        return Evidence(self, f"What decides the {self.response}", predict=self.predict)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        return save_result(path, self, KIND)

"""What was learned about the titer, whether to believe it, and what it predicts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special, stats

from bayesbio.data.table import Table
from bayesbio.inference.archive.files import write_archive
from bayesbio.inference.diagnostics.judgement import verdict_of
from bayesbio.inference.diagnostics.verdict import Gate, Verdict
from bayesbio.titer.factors.design_matrix import Design
from bayesbio.titer.factors.factor_coding import as_rows
from bayesbio.titer.factors.missing_factors import Population
from bayesbio.titer.factors.mixtures import Mixture
from bayesbio.titer.regression.group_effects import MAKES, Varying
from bayesbio.titer.regression.likelihood import FAMILIES, Gaussian
from bayesbio.titer.regression.linear_predictor import added_up, grouped, unknown_levels

KIND = "titer"
JUDGED_STARTS = ("sd_", "makes_sd_", "half_", "degrees_")
JUDGED = ("intercept", "effect", "noise", "makes_intercept", "makes_effect")
# A regression with as many terms as rows is close to each of its own readings, as it should be:
# whether it predicts is asked of readings left out.
GATE = Gate(coverage=(0.80, 1.0))


@dataclasses.dataclass(frozen=True, eq=False)
class TiterPosterior:
    """
    Draws of what every factor does to the titer.

    Made by `TiterModel.fit`, or read back by `bayesbio.load`.

    Attributes
    ----------
    table : Table
        The rows it was fitted on.
    response : str
    scale : {"log", "natural"}
        Whether effects multiply or add.
    design, makes : Design
        Terms of the titer, and of making product at all (a hurdle; else None).
    population : Population
        How the factors go together, for cells that are not known.
    family : Gaussian or StudentT
    levels : mapping of Varying to tuple of str
        Levels of the groups.
    mixtures : tuple of Mixture
    posterior : DataTree
        Groups posterior (intercept; effect by term, on the scale of the model per standard
        deviation of the factor; noise; ``sd_`` and ``by_`` of groups; shapes), sample_stats,
        posterior_predictive, log_likelihood and observed_data.
    random_seed : int
    noticed : tuple of str
        Sentences about the data and what was decided from them.
    """

    table: Table
    response: str
    scale: str
    design: Design
    makes: Design | None
    population: Population
    family: Gaussian
    levels: Mapping[Varying, tuple[str, ...]]
    mixtures: tuple[Mixture, ...]
    posterior: xr.DataTree
    random_seed: int
    noticed: tuple[str, ...] = ()

    # What was learned -----------------------------------------------------------------------

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors that vary in the table."""
        return self.design.coding.names

    @property
    def unit(self) -> str:
        """Unit of the response."""
        return self.table.unit(self.response)

    @property
    def floor(self) -> float:
        """No titer is below it: zero if none was."""
        return 0.0 if self.table[self.response].min() >= 0.0 else -np.inf

    @cached_property
    def all_draws(self) -> dict[str, np.ndarray]:
        """Draws of every unknown, all chains in a row."""
        posterior = self.posterior["posterior"].to_dataset()
        return {
            str(name): values.to_numpy().reshape(-1, *values.shape[2:])
            for name, values in posterior.data_vars.items()
        }

    def draws(self, name: str) -> np.ndarray:
        """Give the draws of one unknown, all chains in a row, shape (draws, ...)."""
        return self.all_draws[name]

    @property
    def data_hash(self) -> str:
        """Hash of the table."""
        return self.table.hash

    @cached_property
    def hash(self) -> str:
        """Hash of model, data and draws."""
        found = hashlib.sha256(self.table.hash.encode())
        found.update(json.dumps(self._content(), sort_keys=True, default=str).encode())
        for name, values in sorted(self.all_draws.items()):
            found.update(name.encode())
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest()

    def check(self) -> Verdict:
        """Tell whether the draws can be trusted and the model fits."""
        return self._verdict

    @cached_property
    def _verdict(self) -> Verdict:
        names = [str(name) for name in self.posterior["posterior"].data_vars]
        judged = [n for n in names if n in JUDGED or n.startswith(JUDGED_STARTS)]
        return verdict_of(self.posterior, gate=GATE, variables=judged)

    def summary(self) -> pd.DataFrame:
        """
        Give the posterior of each unknown, one row a number.

        Returns
        -------
        DataFrame
            Index parameter; columns unit, mean, sd, eti_5, eti_50, eti_95, r_hat, ess_bulk,
            ess_tail. Effects are per standard deviation of the factor, on the scale of the model.
        """
        import arviz as az

        exact = {"stats.ci_prob": 0.9, "stats.ci_kind": "eti", "stats.round_to": "none"}
        names = [
            str(name)
            for name in self.posterior["posterior"].data_vars
            if not str(name).endswith("_scale") and name != "cell"
        ]
        with az.rc_context(exact):
            table = az.summary(self.posterior, var_names=names, kind="all")
        flat = {}
        for name in names:
            values = self.draws(name).reshape(len(self.draws(name)), -1)
            flat[name] = np.median(values, axis=0)
        low = next(column for column in table.columns if column.endswith("_lb"))
        high = next(column for column in table.columns if column.endswith("_ub"))
        unit = "log" if self.scale == "log" else self.unit
        own = ("half_", "steps_", "degrees_", "makes_")
        found = pd.DataFrame(
            {
                "unit": [
                    self._unit_of(str(n)) if str(n).startswith(own) else unit for n in table.index
                ],
                "mean": table["mean"].to_numpy(float),
                "sd": table["sd"].to_numpy(float),
                "eti_5": table[low].to_numpy(float),
                "eti_50": np.concatenate([flat[name] for name in names]),
                "eti_95": table[high].to_numpy(float),
                "r_hat": table["r_hat"].to_numpy(float),
                "ess_bulk": table["ess_bulk"].to_numpy(float),
                "ess_tail": table["ess_tail"].to_numpy(float),
            },
            index=pd.Index([str(name) for name in table.index], name="parameter"),
        )
        found.attrs["verdict"] = str(self.check())
        return found

    def _unit_of(self, name: str) -> str:
        if name.startswith("half_saturation_"):
            return self.design.coding[name.removeprefix("half_saturation_")].unit
        return "logit" if name.startswith("makes_") else "1"

    # What it predicts -----------------------------------------------------------------------

    def predict(self, rows: Any, *, noise: bool = True, random_seed: int = 0) -> xr.Dataset:
        """
        Predict the titer of cultures.

        Parameters
        ----------
        rows : Table, DataFrame, mapping or list of mappings
            Factors of the cultures (as they are, not as an instrument with an error reads them),
            and their groups where known. A missing number is drawn given the other factors of its
            row; a level that was not fitted from the distribution of
            levels.
        noise : bool
            Whether readings are predicted (scatter of cultures, true zeros, assay), or the typical
            titer: the median on the log scale, else the mean; times the probability of product.
        random_seed : int
            Same input, same bytes.

        Returns
        -------
        Dataset
            The response, dims (chain, draw, run) [unit of the response]. ``attrs["noticed"]`` tells
            what had to be assumed.

        Raises
        ------
        DataError
            If a factor is missing altogether, or a level of an ordered factor is unknown.
        """
        frame = as_rows(rows)
        rng = np.random.default_rng(random_seed)
        location, makes, said = self.locate(frame, rng)
        if noise:
            values = self._readings_drawn(frame, location, makes, rng)
        else:
            values = self.typical(location, makes)
        sizes = self.posterior["posterior"].sizes
        shape = (sizes["chain"], sizes["draw"], len(frame))
        found = xr.Dataset(
            {self.response: (("chain", "draw", "run"), values.reshape(shape))},
            coords={
                "chain": np.arange(shape[0]),
                "draw": np.arange(shape[1]),
                "run": np.arange(len(frame)),
            },
            attrs={"noticed": list(said)},
        )
        found[self.response].attrs["unit"] = self.unit
        return found

    def locate(
        self, frame: pd.DataFrame, rng: np.random.Generator, *, draws: Any = slice(None)
    ) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
        """
        Place cultures on the scale of the model.

        Parameters
        ----------
        frame : DataFrame
        rng : numpy Generator
            For cells and levels that are not known.
        draws : slice or array of int
            Which draws.

        Returns
        -------
        location : array, shape (draws, rows)
        makes : array, shape (draws, rows), or None
            Logit of making product.
        noticed : list of str
        """
        cells = self.design.coding.cells(frame)
        said = unknown_levels(self.design, frame, cells)
        chosen = {name: values[draws] for name, values in self.all_draws.items()}
        count = len(chosen["intercept"])
        if any(np.isnan(cells[name]).any() for name in self.population.names):
            cells = self.population.completed(cells, count, rng)
            said.append("Missing factors were drawn given the others of their row.")
        location = chosen["intercept"][:, None] + added_up(
            self.design, cells, chosen, "effect", frame, rng
        )
        location = location + grouped(self.levels, frame, cells, chosen, "", rng, said)
        makes = None
        if self.makes is not None:
            makes = chosen["makes_intercept"][:, None] + added_up(
                self.makes, cells, chosen, "makes_effect", frame, rng
            )
            makes = makes + grouped(self.levels, frame, cells, chosen, MAKES, rng, [])
        return location, makes, said

    def typical(
        self, location: np.ndarray, makes: np.ndarray | None, *, draws: Any = slice(None)
    ) -> np.ndarray:
        """
        Typical titer at a place on the scale of the model; see `predict`.

        On the natural scale it is the mean of a normal cut off at zero where no titer is below.
        """
        if self.scale == "log":
            titer = np.exp(location)
        elif np.isfinite(self.floor):
            noise = self.all_draws["noise"][draws].reshape(-1, *[1] * (location.ndim - 1))
            score = location / noise
            titer = location * special.ndtr(score) + noise * stats.norm.pdf(score)
            if makes is not None:
                titer = titer / np.maximum(special.ndtr(score), 1e-300)
        else:
            titer = location
        return titer if makes is None else titer * special.expit(makes)

    def _readings_drawn(
        self,
        frame: pd.DataFrame,
        location: np.ndarray,
        makes: np.ndarray | None,
        rng: np.random.Generator,
    ) -> np.ndarray:
        values = {name: self.all_draws[name][:, None] for name in self.family.unknown_names}
        assay = self.family.assay
        known: Any = 0.0
        if isinstance(assay, str):
            own = self.table[assay] if assay not in frame else frame[assay].to_numpy(float)
            known = own if assay in frame else np.sqrt(np.nanmean(own**2))
            if self.scale == "log":
                known = np.sqrt(np.log1p((known / np.exp(location)) ** 2))
        elif assay is not None:
            known = np.sqrt(np.log1p(assay**2)) if self.scale == "log" else assay
        spread = np.sqrt(values["noise"] ** 2 + known**2)
        if self.scale == "natural" and makes is not None:
            # What is made is above zero: the normal part is drawn from its upper tail.
            start = special.ndtr(-location / spread)
            share = start + (1.0 - start) * rng.uniform(size=location.shape)
            drawn = location + spread * special.ndtri(np.clip(share, 1e-15, 1.0 - 1e-15))
        else:
            drawn = location + spread * self.family.draw(location.shape, values, rng)
        drawn = np.exp(drawn) if self.scale == "log" else np.maximum(drawn, self.floor)
        if makes is not None:
            drawn = np.where(rng.uniform(size=drawn.shape) < special.expit(makes), drawn, 0.0)
        return drawn

    # What it is asked -----------------------------------------------------------------------

    def key_factors(self, size: float | str | None = None, **options: Any) -> pd.DataFrame:
        """Rank the factors by what they do; see `bayesbio.titer.key_factors`."""
        from bayesbio.titer.questions.key_factors_table import key_factors

        return key_factors(self, size, **options)

    def interactions(self, size: float | str | None = None) -> pd.DataFrame:
        """Rank the pairs that act together; see `bayesbio.titer.interactions`."""
        from bayesbio.titer.questions.key_factors_table import interactions

        return interactions(self, size)

    def confounding(self, **options: Any) -> pd.DataFrame:
        """Tell which factors cannot be told apart; see `bayesbio.titer.confounding`."""
        from bayesbio.titer.questions.key_factors_table import confounding

        return confounding(self, **options)

    def explain(self, row: Any, **options: Any) -> pd.DataFrame:
        """Take a prediction apart; see `bayesbio.titer.explain`."""
        from bayesbio.titer.questions.contributions import explain

        return explain(self, row, **options)

    def partial_effect(self, factor: str, **options: Any) -> pd.DataFrame:
        """Give the titer along one factor; see `bayesbio.titer.partial_effect`."""
        from bayesbio.titer.questions.partial_dependence import partial_effect

        return partial_effect(self, factor, **options)

    def interaction_surface(self, factor: str, other: str, **options: Any) -> xr.Dataset:
        """Give the titer over two factors; see `bayesbio.titer.interaction_surface`."""
        from bayesbio.titer.questions.partial_dependence import interaction_surface

        return interaction_surface(self, factor, other, **options)

    def suggest(self, n: int = 1, constraints: Any = None, **options: Any) -> pd.DataFrame:
        """Suggest what to try next; see `bayesbio.titer.suggest`."""
        from bayesbio.titer.questions.suggestions import suggest

        return suggest(self, n, constraints, **options)

    # Keeping it -----------------------------------------------------------------------------

    def _content(self) -> dict[str, Any]:
        return {
            "table": self.table.to_dict(),
            "response": self.response,
            "scale": self.scale,
            "design": self.design.to_dict(),
            "makes": None if self.makes is None else self.makes.to_dict(),
            "population": self.population.to_dict(),
            "family": [type(self.family).__name__, dataclasses.asdict(self.family)],
            "levels": [[dataclasses.asdict(one), list(n)] for one, n in self.levels.items()],
            "mixtures": [dataclasses.asdict(mixture) for mixture in self.mixtures],
            "random_seed": self.random_seed,
            "noticed": list(self.noticed),
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        write_archive(path, self.posterior, kind=KIND, content=self._content())
        return Path(path)


def titer_from_archive(tree: xr.DataTree, content: Mapping[str, Any], model: Any = None) -> Any:
    """
    Rebuild what `TiterPosterior.save` wrote; `bayesbio.load` calls it.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : ignored
        A regression needs no process model.

    Returns
    -------
    TiterPosterior

    Examples
    --------
    ``bayesbio.load("titer.nc").key_factors()`` asks a saved posterior.
    """
    family, fields = content["family"]
    return TiterPosterior(
        table=Table.from_dict(content["table"]),
        response=content["response"],
        scale=content["scale"],
        design=Design.from_dict(content["design"]),
        makes=None if content["makes"] is None else Design.from_dict(content["makes"]),
        population=Population.from_dict(content["population"]),
        family=FAMILIES[family](**fields),
        levels={Varying(**one): tuple(names) for one, names in content["levels"]},
        mixtures=tuple(Mixture(**mixture) for mixture in content["mixtures"]),
        posterior=tree,
        random_seed=int(content["random_seed"]),
        noticed=tuple(content["noticed"]),
    )

"""What was learned about the titer, whether to believe it, and what it predicts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special, stats

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.inference.archive import write_archive
from bayesbio.inference.judging import verdict_of
from bayesbio.inference.verdict import Gate, Verdict
from bayesbio.titer.coding import as_rows
from bayesbio.titer.grouping import MAKES, Varying, level_name, row_levels
from bayesbio.titer.likelihood import FAMILIES, Gaussian, log_likelihood
from bayesbio.titer.mixtures import Mixture
from bayesbio.titer.predictor import Design
from bayesbio.titer.terms import Nominal, Ordered
from bayesbio.titer.uncertain_cells import Population

if TYPE_CHECKING:
    from bayesbio.titer.regression import Problem

KIND = "titer"
JUDGED_STARTS = ("sd_", "makes_sd_", "half_", "degrees_")
JUDGED = ("intercept", "effect", "noise", "makes_intercept", "makes_effect")
# A regression with as many terms as rows is close to each of its own readings, as it should be:
# whether it predicts is asked of readings left out.
GATE = Gate(coverage=(0.80, 1.0))
PREDICTIVE_DRAWS = 1000  # of all chains together, for the verdict


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
    def _draws(self) -> dict[str, np.ndarray]:
        posterior = self.posterior["posterior"].to_dataset()
        return {
            str(name): values.to_numpy().reshape(-1, *values.shape[2:])
            for name, values in posterior.data_vars.items()
        }

    def draws(self, name: str) -> np.ndarray:
        """Give the draws of one unknown, all chains in a row, shape (draws, ...)."""
        return self._draws[name]

    @property
    def data_hash(self) -> str:
        """Hash of the table."""
        return self.table.hash

    @cached_property
    def hash(self) -> str:
        """Hash of model, data and draws."""
        found = hashlib.sha256(self.table.hash.encode())
        found.update(json.dumps(self._content(), sort_keys=True, default=str).encode())
        for name, values in sorted(self._draws.items()):
            found.update(name.encode())
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest()

    def check(self) -> Verdict:
        """Tell whether the draws can be trusted and the model fits."""
        return self._verdict

    @cached_property
    def _verdict(self) -> Verdict:
        names = [str(name) for name in self.posterior["posterior"].data_vars]
        judged = [
            n
            for n in names
            if n in JUDGED or n.startswith(("sd_", "makes_sd_", "half_", "degrees_"))
        ]
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
        said = self._unknown_levels(frame, cells)
        chosen = {name: values[draws] for name, values in self._draws.items()}
        count = len(chosen["intercept"])
        if any(np.isnan(cells[name]).any() for name in self.population.names):
            cells = self.population.completed(cells, count, rng)
            said.append("Missing factors were drawn given the others of their row.")
        location = chosen["intercept"][:, None] + _predictor(
            self.design, cells, chosen, "effect", frame, rng
        )
        location = location + self._grouped(frame, cells, chosen, "", rng, said)
        makes = None
        if self.makes is not None:
            makes = chosen["makes_intercept"][:, None] + _predictor(
                self.makes, cells, chosen, "makes_effect", frame, rng
            )
            makes = makes + self._grouped(frame, cells, chosen, MAKES, rng, [])
        return location, makes, said

    def _grouped(
        self,
        frame: pd.DataFrame,
        cells: Mapping[str, Any],
        chosen: Mapping[str, np.ndarray],
        prefix: str,
        rng: np.random.Generator,
        said: list[str],
    ) -> np.ndarray:
        """Add what groups do; a level that was not fitted is drawn from their distribution."""
        count = len(chosen["intercept"])
        total = np.zeros((count, len(frame)))
        for one, names in self.levels.items():
            if prefix and one.slope is not None:
                continue
            numbers = {name: number for number, name in enumerate(names)}
            place, unseen = row_levels(frame, one.group, numbers)
            effects = chosen[f"{prefix}by_{one.name}"]
            known = np.concatenate([effects, np.zeros((count, 1))], axis=1)[:, place]
            if unseen:
                said.append(
                    f"{one.group} {', '.join(unseen)} was not fitted: its effect was drawn from "
                    "the distribution of levels."
                )
            for name in unseen:
                here = (
                    np.array([level_name(value) == name for value in frame[one.group]])
                    if one.group in frame
                    else np.ones(len(frame), dtype=bool)
                )
                new = chosen[f"{prefix}sd_{one.name}"] * rng.standard_normal(count)
                known += new[:, None] * here
            total += one.times(known, cells)
        return total

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
            noise = self._draws["noise"][draws].reshape(-1, *[1] * (location.ndim - 1))
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
        values = {name: self._draws[name][:, None] for name in self.family.unknown_names}
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

    def _unknown_levels(self, frame: pd.DataFrame, cells: Mapping[str, np.ndarray]) -> list[str]:
        said = []
        ordered = {term.factor for term in self.design.terms if isinstance(term, Ordered)}
        for code in self.design.coding:
            if code.is_number or not (cells[code.name] < 0).any():
                continue
            new = sorted({str(v) for v in np.array(frame[code.name])[cells[code.name] < 0]})
            if code.name in ordered:
                raise DataError(
                    f"{code.name} is {new[0]!r}; an ordered factor has only the levels that were "
                    f"fitted: {', '.join(code.levels)}."
                )
            said.append(
                f"{code.name} {', '.join(new)} was not fitted: its effect was drawn from the "
                "distribution of levels."
            )
        return said

    # What it is asked -----------------------------------------------------------------------

    def key_factors(self, size: float | str | None = None, **options: Any) -> pd.DataFrame:
        """Rank the factors by what they do; see `bayesbio.titer.key_factors`."""
        from bayesbio.titer.factors import key_factors

        return key_factors(self, size, **options)

    def interactions(self, size: float | str | None = None) -> pd.DataFrame:
        """Rank the pairs that act together; see `bayesbio.titer.interactions`."""
        from bayesbio.titer.factors import interactions

        return interactions(self, size)

    def confounding(self, **options: Any) -> pd.DataFrame:
        """Tell which factors cannot be told apart; see `bayesbio.titer.confounding`."""
        from bayesbio.titer.factors import confounding

        return confounding(self, **options)

    def explain(self, row: Any, **options: Any) -> pd.DataFrame:
        """Take a prediction apart; see `bayesbio.titer.explain`."""
        from bayesbio.titer.explanation import explain

        return explain(self, row, **options)

    def partial_effect(self, factor: str, **options: Any) -> pd.DataFrame:
        """Give the titer along one factor; see `bayesbio.titer.partial_effect`."""
        from bayesbio.titer.curves import partial_effect

        return partial_effect(self, factor, **options)

    def interaction_surface(self, factor: str, other: str, **options: Any) -> xr.Dataset:
        """Give the titer over two factors; see `bayesbio.titer.interaction_surface`."""
        from bayesbio.titer.curves import interaction_surface

        return interaction_surface(self, factor, other, **options)

    def suggest(self, n: int = 1, constraints: Any = None, **options: Any) -> pd.DataFrame:
        """Suggest what to try next; see `bayesbio.titer.suggest`."""
        from bayesbio.titer.suggestions import suggest

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


def assembled(problem: Problem, tree: xr.DataTree, *, random_seed: int) -> TiterPosterior:
    """Bring draws to the scale of the model, and add what the verdict looks at."""
    sampled = tree["posterior"].to_dataset()
    spread, centre = problem.spread, problem.centre

    def scaled(name: str, *dims: str, factor: float = spread) -> tuple[tuple[str, ...], Any]:
        return (("chain", "draw", *dims), factor * sampled[name].to_numpy())

    found: dict[str, Any] = {
        "intercept": (("chain", "draw"), centre + spread * sampled["intercept_score"].to_numpy()),
        "effect": scaled("effect_score", "column"),
        "effect_scale": scaled("effect_scale_score", "term"),
        "noise": scaled("noise_score"),
    }
    coords: dict[str, Any] = {
        "chain": sampled["chain"].to_numpy(),
        "draw": sampled["draw"].to_numpy(),
        "column": list(problem.design.labels),
        "term": [term.label for term in problem.design.terms],
    }
    if problem.makes is not None:
        found["makes_intercept"] = scaled("makes_intercept", factor=1.0)
        found["makes_effect"] = scaled("makes_effect_score", "makes_column", factor=1.0)
        found["makes_effect_scale"] = scaled("makes_effect_scale_score", "makes_term", factor=1.0)
        coords["makes_column"] = list(problem.makes.labels)
        coords["makes_term"] = [term.label for term in problem.makes.terms]
    for one, (names, _) in problem.levels.items():
        coords[one.group] = list(names)
        for prefix, factor in (("", spread), (MAKES, 1.0)):
            by, between = f"{prefix}by_{one.name}", f"{prefix}sd_{one.name}"
            if f"{by}_score" in sampled:
                found[between] = scaled(f"{between}_score", factor=factor)
                found[by] = scaled(f"{by}_score", one.group, factor=factor)
    for name in (*problem.design.shape_names, *problem.model.family.unknown_names[1:]):
        dims = [f"{name}_part"] * (sampled[name].ndim - 2)
        found[name] = scaled(name, *dims, factor=1.0)
    if "cell" in sampled:
        found["cell"] = scaled("cell", "cell_number", factor=1.0)
    posterior = xr.Dataset(found, coords=coords, attrs=sampled.attrs)
    fitted = TiterPosterior(
        table=problem.table,
        response=problem.model.response,
        scale=problem.scale,
        design=problem.design,
        makes=problem.makes,
        population=problem.population,
        family=problem.model.family,
        levels={one: names for one, (names, _) in problem.levels.items()},
        mixtures=tuple(problem.model.mixtures),
        posterior=xr.DataTree.from_dict(
            {"posterior": posterior, "sample_stats": tree["sample_stats"].to_dataset()}
        ),
        random_seed=random_seed,
        noticed=problem.noticed,
    )
    whole = xr.DataTree.from_dict(
        {
            **{name: fitted.posterior[name].to_dataset() for name in fitted.posterior.children},
            **_predictive_groups(problem, fitted),
        }
    )
    return dataclasses.replace(fitted, posterior=whole)


def _predictive_groups(problem: Problem, fitted: TiterPosterior) -> dict[str, xr.Dataset]:
    """Draw readings in the rows that were fitted, and give the log density of those measured."""
    sizes = fitted.posterior["posterior"].sizes
    step = max(1, sizes["chain"] * sizes["draw"] // PREDICTIVE_DRAWS)
    thin = slice(None, None, step)
    draws = {
        name: values.reshape(sizes["chain"], sizes["draw"], *values.shape[1:])[:, thin].reshape(
            -1, *values.shape[1:]
        )
        for name, values in fitted._draws.items()
    }
    count = len(draws["intercept"])
    rng = np.random.default_rng([problem.readings.value.size, 11])
    cells: Mapping[str, Any] = problem.cells
    if "cell" in draws:
        _, uncertain = problem.population.rows(problem.cells)
        at = [
            (problem.population.names[factor], int(row))
            for row, factor in zip(*np.nonzero(uncertain), strict=True)
        ]
        cells = problem.population.filled(problem.cells, at, draws["cell"])
    frame = problem.table.to_frame()
    location = draws["intercept"][:, None] + _predictor(
        problem.design, cells, draws, "effect", frame, rng
    )
    location = location + fitted._grouped(frame, cells, draws, "", rng, [])
    makes = None
    if problem.makes is not None:
        makes = draws["makes_intercept"][:, None] + _predictor(
            problem.makes, cells, draws, "makes_effect", frame, rng
        )
        makes = makes + fitted._grouped(frame, cells, draws, MAKES, rng, [])
    readings, family = problem.readings, problem.model.family
    values = {name: draws[name][:, None] for name in family.unknown_names}
    parts = log_likelihood(
        family,
        readings,
        (location - problem.centre) / problem.spread,
        values["noise"] / problem.spread,
        values,
        makes=makes,
    )
    density = np.empty_like(location)
    for flag, part in parts.items():
        density[:, readings.flag == flag] = part
    # Densities are of the reading itself, so that scales can be compared.
    quantified = readings.flag == ""
    observed = problem.table[problem.model.response]
    density[:, quantified] -= np.log(problem.spread)
    if problem.scale == "log":
        density[:, quantified] -= np.log(observed[quantified])
    spread = np.sqrt(values["noise"] ** 2 + (readings.assay * problem.spread) ** 2)
    drawn = location + spread * family.draw(location.shape, values, rng)
    drawn = np.exp(drawn) if problem.scale == "log" else np.maximum(drawn, fitted.floor)
    if makes is not None:
        drawn = np.where(rng.uniform(size=drawn.shape) < special.expit(makes), drawn, 0.0)
    name = problem.model.response
    row = f"{name}_row"
    shape = (sizes["chain"], count // sizes["chain"], len(frame))
    flags = np.where(readings.flag == "zero", "", readings.flag).astype(object)
    coords = {row: np.arange(len(frame)), f"{name}_flag": (row, flags)}
    dims = ("chain", "draw", row)
    return {
        "posterior_predictive": xr.Dataset({name: (dims, drawn.reshape(shape))}, coords=coords),
        "log_likelihood": xr.Dataset({name: (dims, density.reshape(shape))}, coords=coords),
        "observed_data": xr.Dataset({name: (row, observed)}, coords=coords),
    }


def _predictor(
    design: Design,
    cells: Mapping[str, Any],
    draws: Mapping[str, np.ndarray],
    name: str,
    frame: pd.DataFrame,
    rng: np.random.Generator,
) -> np.ndarray:
    """Add up the terms; a level that was not fitted is drawn from the distribution of levels."""
    shapes = {shape: draws[shape] for shape in design.shape_names}
    total = design.predictor(cells, draws[name], shapes)
    scales = draws[f"{name}_scale"]
    for place, term in enumerate(design.terms):
        unseen = {
            factor
            for factor in term.factors
            if not design.coding[factor].is_number and (cells[factor] < 0).any()
        }
        if not unseen or not (isinstance(term, Nominal) or term.kind == "interaction"):
            continue
        factor = sorted(unseen)[0]
        other = [f for f in term.factors if f != factor]
        times: Any = 1.0
        if other and design.coding[other[0]].is_number:
            times = cells[other[0]]
        given = np.array([str(value) for value in frame[factor]])
        for level in sorted(set(given[cells[factor] < 0])):
            new = scales[:, place] * rng.standard_normal(len(scales))
            total = total + new[:, None] * ((given == level) * times)
    return total

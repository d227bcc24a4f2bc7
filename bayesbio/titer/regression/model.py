"""A regression of the titer on its factors: what is assumed, and how it is fitted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from bayesbio.data.table import Table
from bayesbio.errors import ModelError
from bayesbio.inference.mcmc.density import LogDensity
from bayesbio.inference.mcmc.sampling import Progress, sample
from bayesbio.titer.factors.design_matrix import Design
from bayesbio.titer.factors.factor_coding import Coding, as_table
from bayesbio.titer.factors.missing_factors import Population
from bayesbio.titer.factors.mixtures import Mixture
from bayesbio.titer.factors.screening import screened_interactions
from bayesbio.titer.factors.terms import Linear, Nominal, Ordered, Square, Term, second_order
from bayesbio.titer.regression.effect_priors import R2D2, Horseshoe
from bayesbio.titer.regression.group_effects import MAKES, Varying, levels_of, tells_levels_apart
from bayesbio.titer.regression.likelihood import Gaussian, Hurdle, Readings, log_likelihood
from bayesbio.titer.regression.posterior import TiterPosterior
from bayesbio.titer.regression.rescaling import assembled
from bayesbio.titer.regression.response import limited, standardised, with_readings
from bayesbio.titer.regression.response_transform import SCALES, choose_scale

MOST_PAIRS = 120  # with more pairs of factors than this, interactions are screened
KEPT_PAIRS = 30
JITTER = 0.2  # standard deviation of starting points around the typical prior value
# Sparse priors bend the density sharply: small steps from the start, smaller ones if any diverge.
TARGET_ACCEPT, AGAIN = 0.99, 0.998


@dataclasses.dataclass(frozen=True)
class TiterModel:
    """
    Titer of a culture as a sum of what its factors do, most of them nothing.

    Parameters
    ----------
    response : str
        Column that is explained.
    factors : iterable of str, optional
        Columns that explain it; by default those with the role factor.
    scale : {"log", "natural"}, optional
        Whether effects multiply the titer or add to it. By default the one under which the readings
        are likelier (Box and Cox 1964, doi:10.1111/j.2517-6161.1964.tb00553.x), which is said.
    terms : iterable of Term, optional
        What factors may do; by default `second_order`: main effects, squares, interactions (all
        pairs up to 120, beyond that the 30 that screening keeps, which is said).
    prior : Horseshoe or R2D2
        Which effects are believed, and how sparse they are.
    likelihood : Gaussian, StudentT or Hurdle
        How readings scatter; rows flagged below, above or between limits count with the exact
        probability.
    varying : iterable of str or Varying
        Groups between which the intercept, or a slope, differs.
    detection_limit : float, optional [unit of the response]
        Readings under it, zeros among them, are only known to be below it.
    factor_error : mapping of factor to float [unit of the factor]
        Standard deviation with which a factor was measured, if not exactly.
    mixtures : iterable of Mixture
        Factors that are shares of a whole.

    Raises
    ------
    ModelError
        If an option is none of those.

    Examples
    --------
    >>> model = TiterModel("titer", scale="log", varying=["site"])
    >>> model.varying
    (Varying(group='site', slope=None),)

    ``model.fit(table, random_seed=1).key_factors(size="10 %")`` then tells what matters.
    """

    response: str = "titer"
    factors: Iterable[str] | None = None
    scale: str | None = None
    terms: Iterable[Term] | None = None
    prior: Horseshoe | R2D2 = dataclasses.field(default_factory=Horseshoe)
    likelihood: Gaussian | Hurdle = dataclasses.field(default_factory=Gaussian)
    varying: Iterable[str | Varying] = ()
    detection_limit: float | None = None
    factor_error: Mapping[str, float] = dataclasses.field(default_factory=dict)
    mixtures: Iterable[Mixture] = ()

    def __post_init__(self) -> None:
        if self.scale is not None and self.scale not in SCALES:
            raise ModelError(f"The scale is {self.scale!r}; expected 'log', 'natural' or None.")
        if self.detection_limit is not None and not self.detection_limit > 0.0:
            raise ModelError(
                f"The detection limit is {self.detection_limit}; expected a number above zero."
            )
        for field in ("factors", "terms"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, tuple(getattr(self, field)))
        varying = (self.varying,) if isinstance(self.varying, str | Varying) else self.varying
        groups = tuple(Varying(one) if isinstance(one, str) else one for one in varying)
        object.__setattr__(self, "varying", groups)
        object.__setattr__(self, "mixtures", tuple(self.mixtures))
        object.__setattr__(self, "factor_error", dict(self.factor_error))

    @property
    def groups(self) -> tuple[Varying, ...]:
        """Groups that differ."""
        return tuple(one for one in self.varying if isinstance(one, Varying))

    @property
    def family(self) -> Gaussian:
        """Scatter of the titer where there is product."""
        return self.likelihood.made if isinstance(self.likelihood, Hurdle) else self.likelihood

    def fit(
        self,
        table: Table | pd.DataFrame,
        *,
        draws: int = 1500,
        tune: int = 1000,
        chains: int = 4,
        cores: int | None = None,
        random_seed: int = 0,
        progress: Callable[[Progress], None] | bool | None = None,
    ) -> TiterPosterior:
        """
        Learn from a table of cultures.

        Parameters
        ----------
        table : Table or DataFrame
            One row per culture. Text and categories of a DataFrame become levels, and every other
            column than the response a factor unless `factors` says which.
        draws, tune, chains, cores : int
            For the sampler, draws and tune per chain.
        random_seed : int
            Same seed, same draws.
        progress : callable or bool, optional
            True shows a bar.

        Returns
        -------
        TiterPosterior

        Raises
        ------
        DataError
            If the response is missing, all zero or does not vary; if no factor varies; if a reading
            has no place on the scale.
        ModelError
            If a term or group does not fit the table.
        """
        problem = self.formulate(table)
        density = LogDensity(problem.build())
        rng = np.random.default_rng([random_seed, 7])
        start = density.default_point() + JITTER * rng.standard_normal((chains, density.size))
        tree = sample(
            density,
            draws=draws,
            tune=tune,
            chains=chains,
            cores=cores,
            random_seed=random_seed,
            start=start,
            target_accept=TARGET_ACCEPT,
            on_divergence=AGAIN,
            adaptation="diag",
            progress=progress,
        )
        return assembled(problem, tree, random_seed=random_seed)

    def build_model(self, table: Table | pd.DataFrame) -> pm.Model:
        """Give the ``pm.Model`` for those who go on by hand; see `fit`."""
        return self.formulate(table).build()

    def formulate(self, table: Table | pd.DataFrame) -> Problem:
        """Check model and table against each other, and settle what the data decide."""
        table = as_table(table, self.response)
        noticed: list[str] = []
        table = with_readings(table, self.response, noticed)
        hurdle = isinstance(self.likelihood, Hurdle)
        table = limited(table, self.response, self.detection_limit, noticed, zeros=not hurdle)
        groups = {one.group for one in self.groups}
        wanted = self.factors
        if self.terms is not None:
            listed = {factor for term in self.terms for factor in term.factors}
            listed |= {one.slope for one in self.groups if one.slope is not None}
            wanted = tuple(dict.fromkeys(table.column(name).name for name in sorted(listed)))
            wanted = tuple(name for name in table if name in wanted)
        elif wanted is None:
            wanted = tuple(name for name in table.factors if name not in groups)
        coding, said = Coding.of_table(table, wanted)
        noticed += said
        unused = [name for name in table.groups if name not in groups and name not in coding.names]
        if unused:
            noticed.append(
                f"The groups {', '.join(unused)} are not used; varying=[...] lets cultures of one "
                "group have something in common."
            )
        cells = coding.cells(table.to_frame())
        scale = self.scale or choose_scale(table, self.response, coding.names, noticed, hurdle)
        terms = self._terms(table, coding, scale, noticed)
        design = Design.of_cells(coding, terms, cells)
        columns = len(design.labels)
        if columns >= len(table):
            noticed.append(
                f"There are {columns} terms for {len(table)} rows: the prior decides which of them "
                "are believed, and effects that compete are shared out between them."
            )
        for mixture in self.mixtures:
            mixture.check(table)
        readings, centre, spread = standardised(table, self.response, scale, self.likelihood)
        levels = {}
        for one in self.groups:
            names, numbers = levels_of(table, one.group)
            if one.slope is not None and not coding[one.slope].is_number:
                raise ModelError(f"Varying by {one.group}: {one.slope} has levels, not numbers.")
            if len(names) < 2:
                noticed.append(f"{one.group} is {names[0]} in every row; it was left out.")
                continue
            levels[one] = (names, numbers)
        error = {}
        for name, size in self.factor_error.items():
            if not coding[name].is_number or not size >= 0.0:
                raise ModelError(f"The error of {name} is {size}; expected a number and a size.")
            error[name] = float(size)
        makes = None
        if hurdle:
            makes = Design.of_cells(coding, _main_effects(design.terms), cells)
        return Problem(
            model=self,
            table=table,
            scale=scale,
            design=design,
            makes=makes,
            cells=cells,
            population=Population.of_cells(coding, cells, error),
            readings=readings,
            centre=centre,
            spread=spread,
            levels=levels,
            noticed=tuple(noticed),
        )

    def _terms(
        self, table: Table, coding: Coding, scale: str, noticed: list[str]
    ) -> tuple[Term, ...]:
        known = set(coding.names)
        if self.terms is not None:
            return tuple(term for term in self.terms if set(term.factors) <= known)
        pairs = len(coding) * (len(coding) - 1) // 2
        if pairs <= MOST_PAIRS:
            terms = second_order(coding)
        else:
            kept = screened_interactions(
                table, self.response, factors=coding.names, scale=scale, keep=KEPT_PAIRS
            )
            noticed.append(
                f"{len(coding)} factors have {pairs} pairs; the {len(kept)} that promised most "
                "beside their main effects and squares were kept as interactions. The table was "
                "used twice for that: treat what they say as a suggestion."
            )
            terms = second_order(coding, interactions=kept)
        whole = {name for mixture in self.mixtures for name in mixture.factors}
        return tuple(t for t in terms if not (isinstance(t, Square) and t.factor in whole))


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """
    A model and a table that fit each other, with everything the data decided.

    Parameters
    ----------
    model : TiterModel
    table : Table
        The rows that have a reading.
    scale : {"log", "natural"}
    design : Design
    makes : Design or None
        Of making product, for a hurdle.
    cells : mapping of factor to array
        Coded cells, NaN where missing.
    population : Population
    readings : Readings
    centre, spread : float
        Of the readings on the scale of the model.
    levels : mapping of Varying to (names, numbers of the rows' levels)
    noticed : tuple of str
    """

    model: TiterModel
    table: Table
    scale: str
    design: Design
    makes: Design | None
    cells: Mapping[str, np.ndarray]
    population: Population
    readings: Readings
    centre: float
    spread: float
    levels: Mapping[Varying, tuple[tuple[str, ...], np.ndarray]]
    noticed: tuple[str, ...]

    def build(self) -> pm.Model:
        """Write the density; everything is standardised by the readings' centre and spread."""
        rows = len(self.table)
        family = self.model.family
        with pm.Model() as model:
            latent = self.population.latent(self.cells)
            cells = latent.cells
            values = family.unknowns()
            noise = values["noise_score"]
            spreads = self._spreads("")
            own, settings = self._residual(spreads, rows)
            location = pm.Normal("intercept_score", 0.0, 1.0) + self._predictor(
                "effect", self.design, cells, pt.sqrt(noise**2 + own), settings
            )
            location = self._grouped(location, cells, spreads, "")
            makes = None
            if self.makes is not None:
                # On the logit scale a reading is worth about as much as one with an error of two.
                spreads = self._spreads(MAKES)
                own, settings = self._residual(spreads, rows)
                makes = pm.Normal("makes_intercept", 0.0, 1.5) + self._predictor(
                    "makes_effect", self.makes, cells, pt.sqrt(4.0 + own), settings
                )
                makes = self._grouped(makes, cells, spreads, MAKES)
            if latent.row.size:
                known = {latent.raw: latent.sampled(location, self.readings, noise)}
                location = graph_replace(location, known, strict=False)
                makes = None if makes is None else graph_replace(makes, known, strict=False)
            parts = log_likelihood(family, self.readings, location, noise, values, makes=makes)
            for flag, part in parts.items():
                pm.Potential(f"readings_{flag or 'quantified'}", part.sum())
        return model

    def _spreads(self, prefix: str) -> dict[Varying, Any]:
        """Register how much the levels of each group differ."""
        return {
            one: one.spread(prefix) for one in self.levels if not (prefix and one.slope is not None)
        }

    def _residual(self, spreads: Mapping[Varying, Any], rows: int) -> tuple[Any, int]:
        """
        Tell what replicates share beside their factors, and how many settings there are.

        Where the rows of each level have the same factors, a factor has to be seen through what
        differs between levels, not through the noise of single readings.
        """
        own, settings = 0.0, rows
        for one, spread in spreads.items():
            names, numbers = self.levels[one]
            if one.slope is None and len(names) < rows and self._shared(numbers):
                own, settings = own + spread**2, min(settings, len(names))
        return own, settings

    def _grouped(self, place: Any, cells: Any, spreads: Mapping[Varying, Any], prefix: str) -> Any:
        quantified = np.where(self.readings.flag == "", self.readings.value, np.nan)
        for one, spread in spreads.items():
            names, numbers = self.levels[one]
            clear = not prefix and tells_levels_apart(quantified, numbers)
            if clear and one.slope is None and self._shared(numbers):
                _, first = np.unique(numbers, return_index=True)
                place = one.places(place[first], spread)[numbers]
            else:
                effects = one.effects(names, spread, prefix, centred=clear)
                place = place + one.times(effects[numbers], cells)
        return place

    def _shared(self, numbers: np.ndarray) -> bool:
        """Tell whether rows of one level have the same factors and groups."""
        _, first = np.unique(numbers, return_index=True)
        columns = [*self.cells.values(), *(known for _, known in self.levels.values())]
        exact = not self.population.rows(self.cells)[1].any()
        return exact and all(np.array_equal(values[first][numbers], values) for values in columns)

    def _predictor(self, name: str, design: Design, cells: Any, noise: Any, rows: int) -> Any:
        shapes = {}
        for term in design.terms:
            shapes.update(term.shape(design.coding))
        effects, scales = self.model.prior.effects(name, design, noise, rows)
        pm.Deterministic(f"{name}_score", effects)
        pm.Deterministic(f"{name}_scale_score", scales)
        return design.predictor(cells, effects, shapes)


def _main_effects(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Give a line for each number, levels for each name: what decides about making product."""
    found: dict[str, Term] = {}
    for term in terms:
        if isinstance(term, Nominal | Ordered):
            found[term.factor] = Nominal(term.factor)
        elif term.kind == "main":
            found[term.factor] = Linear(term.factor)
    return tuple(found.values())

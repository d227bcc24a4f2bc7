"""A curve for every run, its parameters following laws over scale: what to fit, and the fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.data import Campaign
from bayesbio.errors import ModelError
from bayesbio.scaleup.curves.curve_fit import Member, predictive_groups
from bayesbio.scaleup.curves.formulation import Assembled, assemble
from bayesbio.scaleup.curves.posterior_draws import sample_scales
from bayesbio.scaleup.curves.problem import ScaleProblem, state_problem
from bayesbio.scaleup.curves.scale_fit import ScaleFit
from bayesbio.scaleup.laws.volume_laws import Law, RandomWalkLaw, laws_of

DEFAULT_LAWS: tuple[Law, ...] = (RandomWalkLaw(),)
"""Chosen on virtual scale-ups alone; several laws are mixed where asked for."""
WEIGHTS = ("equal", "evidence", "dirichlet")


@dataclasses.dataclass(frozen=True)
class ScaleModel:
    """
    Curves whose parameters follow laws over the volume.

    Parameters
    ----------
    law : Law, its name, or a sequence of them, optional
        See `bayesbio.scaleup.LAWS`; several are mixed. By default `DEFAULT_LAWS`.
    curve : ProcessModel or a sequence of them, optional
        What a run follows: a `GrowthCurve`, or any process model. Several are mixed. A ramp of
        flexible shape (Kumaraswamy) by default.
    covariates : sequence of str
        Settings of the runs, or engineering descriptors that follow from them, which act on top of
        the law: see `engineering_descriptors`.
    weights : {"equal", "evidence", "dirichlet"}
        How laws and curves are mixed: equally; by their marginal likelihoods; or by the posterior
        mean of weights under a flat Dirichlet prior.
    priors : mapping of name to (low, high)
        Central 90 % intervals of curve parameters, in place of the curve's own.
    quantity : str, optional
        What the default curve describes, where several quantities were measured.
    volume : str, optional
        The setting that holds the scale [L].

    Raises
    ------
    ModelError
        For an unknown law or weights.

    Notes
    -----
    reading ~ Normal(curve(t; theta_run), sd), sd^2 = constant^2 + (relative curve)^2;
    log theta_run = level + law(log10 V) + covariates + deviation of the scale + effect of the run.
    The sizes of deviation, bend and run effect are one for all parameters of a curve, and are
    integrated out over their priors, on which the width of a prediction depends where scales are
    few: see `ScaleFit.prior_sensitivity`.

    Examples
    --------
    >>> ScaleModel(law=["power", "piecewise"]).laws
    (PowerLaw(slope=0.3, deviation=0.05), PiecewiseLaw(slope=0.3, deviation=0.05))
    """

    law: Any = None
    curve: Any = None
    covariates: Sequence[str] = ()
    weights: str = "equal"
    priors: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    quantity: str | None = None
    volume: str | None = None

    def __post_init__(self) -> None:
        if self.weights not in WEIGHTS:
            raise ModelError(
                f"weights={self.weights!r} is unknown; use one of {', '.join(WEIGHTS)}."
            )
        covariates = (self.covariates,) if isinstance(self.covariates, str) else self.covariates
        object.__setattr__(self, "covariates", tuple(covariates))
        laws_of(self.laws)

    @property
    def laws(self) -> tuple[Law, ...]:
        """The laws that are mixed."""
        return laws_of(DEFAULT_LAWS if self.law is None else self.law)

    @property
    def curves(self) -> tuple[Any, ...]:
        """The curves that are mixed; None stands for the default."""
        return tuple(self.curve) if isinstance(self.curve, list | tuple) else (self.curve,)

    def problems(self, campaign: Campaign, *, least_scales: int = 2) -> tuple[ScaleProblem, ...]:
        """Check a campaign and settle the unknowns, for each curve."""
        return tuple(
            state_problem(
                campaign,
                curve=curve,
                covariates=self.covariates,
                priors=self.priors,
                volume=self.volume,
                quantity=self.quantity,
                least_scales=least_scales,
            )
            for curve in self.curves
        )

    def fit(
        self,
        campaign: Campaign,
        *,
        random_seed: int,
        draws: int = 1000,
        tune: int = 500,
        chains: int = 4,
        cores: int | None = None,
    ) -> ScaleFit:
        """
        Fit by Markov chain Monte Carlo.

        Parameters
        ----------
        campaign : Campaign
            Runs at two scales or more, three quantified readings or more at each.
        random_seed : int
        draws, tune, chains : int
            As for `bayesbio.inference.sample`.
        cores : int, optional
            Chains at a time; all processors by default.

        Returns
        -------
        ScaleFit

        Raises
        ------
        DataError, ModelError
            If there is only one scale, a scale has next to no readings, volumes are missing, not
            positive or in mixed units, or a covariate is missing for a run.

        Examples
        --------
        ``ScaleModel().fit(campaign, random_seed=1).predict(100_000.0)``
        """
        options = dict(draws=draws, tune=tune, chains=chains, cores=cores, random_seed=random_seed)
        members = [fit_member(self, problem, None, options) for problem in self.problems(campaign)]
        return ScaleFit(self, tuple(members), random_seed)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the curves, for an archive."""
        return {
            "laws": [{"name": law.name, **dataclasses.asdict(law)} for law in self.laws],  # type: ignore[call-overload]
            "covariates": list(self.covariates),
            "weights": self.weights,
            "priors": {name: list(interval) for name, interval in self.priors.items()},
            "quantity": self.quantity,
            "volume": self.volume,
        }


def fit_member(
    model: ScaleModel,
    problem: ScaleProblem,
    learned: np.ndarray | None,
    options: Mapping[str, Any],
) -> Member:
    """
    Fit one curve under all laws together.

    Parameters
    ----------
    model : ScaleModel
    problem : ScaleProblem
    learned : array of bool, (runs,), optional
        Runs that are learned from.
    options : mapping
        draws, tune, chains, cores, random_seed.

    Returns
    -------
    Member
        With the groups posterior, sample_stats, posterior_predictive, log_likelihood and
        observed_data, of the runs that were learned from.
    """
    assembled: Assembled = assemble(problem, model.laws, learned)
    tree = sample_scales(problem, assembled, **options)
    kept = np.flatnonzero(assembled.learned)
    posterior = tree["posterior"].to_dataset()
    attributes = dict(posterior.attrs)
    inside = [name for name in posterior.variables if str(name).startswith("coordinates")]
    posterior = posterior.drop_vars(inside)
    posterior = posterior.assign_coords(
        run=list(problem.campaign.names), law=[law.name for law in model.laws]
    ).isel(run=kept)
    posterior.attrs = attributes
    groups: dict[str, xr.Dataset] = {
        "posterior": posterior,
        "sample_stats": tree["sample_stats"].to_dataset(),
    }
    reduced = restricted(problem, assembled.learned)
    groups |= predictive_groups(reduced, posterior, random_seed=int(options["random_seed"]))
    return Member(reduced, xr.DataTree.from_dict(groups), float(attributes["log_evidence"]))


def restricted(problem: ScaleProblem, learned: np.ndarray) -> ScaleProblem:
    """
    Keep the runs that were learned from.

    Parameters
    ----------
    problem : ScaleProblem
    learned : array of bool, (runs,)

    Returns
    -------
    ScaleProblem
    """
    if learned.all():
        return problem
    names = [name for name, kept in zip(problem.campaign.names, learned, strict=True) if kept]
    return dataclasses.replace(
        problem,
        campaign=problem.campaign.select(names),
        decades=problem.decades[learned],
        scale=problem.scale[learned],
        features=problem.features[:, learned],
        rows=problem.rows[problem.rows["run"].isin(names)].reset_index(drop=True),
    )

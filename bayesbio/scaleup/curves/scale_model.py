"""Hierarchical model of curves over vessel volume: its description, and its fit by MCMC."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesbio.data import Campaign
from bayesbio.errors import BayesbioError, CalibrationError, ModelError
from bayesbio.inference import Progress
from bayesbio.inference.parallel.threads import thread_policy
from bayesbio.mechanistic import find_model
from bayesbio.ode.codegen.cache import kernels
from bayesbio.scaleup.curves.curve_fit import CurveFit, predictive_groups
from bayesbio.scaleup.curves.model_data import ModelData
from bayesbio.scaleup.curves.problem import ScaleProblem
from bayesbio.scaleup.curves.problem_setup import state_problem
from bayesbio.scaleup.curves.sampling import SamplerOptions, sample_scales
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
    (PowerLaw(deviation=0.05, slope=0.3), PiecewiseLaw(deviation=0.05, slope=0.3))
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
        """Check a campaign and set up the parameters, for each curve."""
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

    @thread_policy()
    def fit(
        self,
        campaign: Campaign,
        *,
        random_seed: int,
        draws: int = 1000,
        tune: int = 500,
        chains: int = 4,
        cores: int | None = None,
        progress: Callable[[Progress], None] | bool | None = None,
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
        progress : callable or bool, optional
            True shows a bar.

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
        options = SamplerOptions(random_seed, draws, tune, chains, cores, progress)
        curves = [fit_curve(self, problem, options) for problem in self.problems(campaign)]
        return ScaleFit(self, tuple(curves), options.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the curves, for an archive."""
        return {
            "laws": [{"name": law.name, **dataclasses.asdict(law)} for law in self.laws],
            "covariates": list(self.covariates),
            "weights": self.weights,
            "priors": {name: list(interval) for name, interval in self.priors.items()},
            "quantity": self.quantity,
            "volume": self.volume,
        }


def fit_curve(
    model: ScaleModel,
    problem: ScaleProblem,
    options: SamplerOptions,
    training_mask: np.ndarray | None = None,
) -> CurveFit:
    """
    Fit one curve under all laws together.

    Parameters
    ----------
    model : ScaleModel
    problem : ScaleProblem
    options : SamplerOptions
    training_mask : array of bool, (runs,), optional
        Runs that are fitted; all by default.

    Returns
    -------
    CurveFit
        Of the training runs.
    """
    given = ModelData.of(problem, model.laws, training_mask)
    tree, log_evidence = sample_scales(problem, given, options)
    posterior = tree["posterior"].to_dataset()
    inside = [name for name in posterior.variables if str(name).startswith("coordinates")]
    posterior = (
        posterior.drop_vars(inside)
        .assign_coords(run=list(problem.campaign.names), law=[law.name for law in model.laws])
        .isel(run=np.flatnonzero(given.training_mask))
    )
    training = problem.select(given.training_mask)
    groups: dict[str, xr.Dataset] = {
        "posterior": posterior,
        "sample_stats": tree["sample_stats"].to_dataset(),
        **predictive_groups(training, posterior, random_seed=options.random_seed),
    }
    return CurveFit(training, xr.DataTree.from_dict(groups), log_evidence)


def scale_from_archive(
    tree: xr.DataTree, content: Mapping[str, Any], model: Any = None
) -> ScaleFit:
    """
    Rebuild what `ScaleFit.save` wrote; `bayesbio.load` calls it.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : ProcessModel or sequence, optional
        The curve (or curves), where it is not from the library.

    Returns
    -------
    ScaleFit

    Raises
    ------
    CalibrationError
        The curve is unknown, or its equations are not those of the file.

    Examples
    --------
    ``bayesbio.load("scales.nc").predict(100_000.0)`` predicts from a saved fit.
    """
    stored = content["model"]
    given = list(model) if isinstance(model, list | tuple) else [model] * len(content["curves"])
    scale_model = ScaleModel(
        law=laws_of(stored["laws"]),
        curve=tuple(
            _stored_curve(described, curve)
            for described, curve in zip(content["curves"], given, strict=True)
        ),
        covariates=tuple(stored["covariates"]),
        weights=stored["weights"],
        priors={name: tuple(interval) for name, interval in stored["priors"].items()},
        quantity=stored["quantity"],
        volume=stored["volume"],
    )
    problems = scale_model.problems(Campaign.from_dict(content["campaign"]))
    curves = []
    for number, (problem, described) in enumerate(zip(problems, content["curves"], strict=True)):
        scaling: dict[str, Any] = {
            name: np.array(described[name]) for name in ("centre", "spread", "unit_size")
        }
        groups = {
            name: node.to_dataset() for name, node in tree[f"curve_{number}"].children.items()
        }
        curves.append(
            CurveFit(
                dataclasses.replace(problem, **scaling),
                xr.DataTree.from_dict(groups),
                float(described["log_evidence"]),
            )
        )
    return ScaleFit(scale_model, tuple(curves), dict(content["options"]))


def _stored_curve(described: Mapping[str, Any], curve: Any) -> Any:
    """Find the curve that a file names in the library, unless it is given, and compare it."""
    name = described["curve"]["name"]
    if curve is None:
        try:
            curve = find_model(name, **described["curve"].get("options", {}))
        except BayesbioError as error:
            raise CalibrationError(
                f"The file holds curves of {name!r}, which is not in the library of models. Give "
                "the curve: bayesbio.load(path, model=YourCurve())."
            ) from error
    if kernels(curve).trace.fingerprint != described["fingerprint"]:
        raise CalibrationError(
            f"The file holds curves of {name} whose equations are not those of "
            f"{type(curve).__name__} as it is now. Load it with the curve it was fitted with, or "
            "fit again."
        )
    return curve

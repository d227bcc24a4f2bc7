"""What is asked of a calibration: what to fit, how exactly to solve, what to predict."""

from __future__ import annotations

import dataclasses
import numbers
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bayesbio.data import Campaign, Event, Profile, Run
from bayesbio.errors import CalibrationError, DataError, ModelError, did_you_mean
from bayesbio.inference import Noise
from bayesbio.mechanistic import ProcessModel, check_model
from bayesbio.ode.simulation import METHODS

type Priors = Any  # a mapping of name to prior, or the Calibration of an earlier campaign

type Vary = Mapping[str | tuple[str, ...], str | Iterable[str]]

type Noises = Mapping[str, Noise | str] | Noise | str | None

REPEATED = ("priors", "vary", "noise", "covariates")  # of `fit`, for another campaign too
NEW_RUN = "new"  # name of a run that is only given by its settings
OUTSIDE = ("flag", "refuse")


@dataclasses.dataclass(frozen=True)
class Tolerances:
    """How exactly trajectories are solved: tolerances of a step in house units, and method."""

    rtol: float = 1e-6
    atol: float = 1e-9
    method: str = "auto"

    def __post_init__(self) -> None:
        for name in ("rtol", "atol"):
            value = getattr(self, name)
            if not (isinstance(value, int | float | np.number) and 0.0 < value < 1.0):
                raise ModelError(
                    f"{name}={value!r} came; a tolerance is a number above 0 and below 1, such as "
                    "rtol=1e-6 and atol=1e-9."
                )
            object.__setattr__(self, name, float(value))
        if self.method not in METHODS:
            raise ModelError(f"method={self.method!r} is unknown; use one of {', '.join(METHODS)}.")

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `simulate` and `trajectories`."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, eq=False)
class FitRequest:
    """
    What `fit` was asked for, as it was given; nothing compiled, so that workers can receive it.

    ``start_priors`` are those of ``initial_<state>`` that the data of an earlier fit suggested.
    """

    campaign: Campaign
    model: ProcessModel
    priors: Priors | None = None
    vary: Vary | None = None
    noise: Noises = None
    covariates: Mapping[str, str] | None = None
    start_priors: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.campaign, Campaign):
            raise DataError(
                f"A Campaign was expected, not a {type(self.campaign).__name__}; read one first: "
                "campaign = read_campaign(...)."
            )
        if isinstance(self.model, type):
            raise ModelError(
                f"{self.model.__name__} is a class; give the model itself, {self.model.__name__}()."
            )
        for name, what in (("priors", "between(0.1, 1.0)"), ("covariates", "'temperature'")):
            value = getattr(self, name)
            if not (value is None or isinstance(value, Mapping) or hasattr(value, "draws")):
                raise ModelError(
                    f"{name}={value!r} was not understood; name each parameter, such as "
                    f"{name}={{'maximum_growth_rate': {what}}}."
                )
        _check_vary(self.vary)
        if not hasattr(self.model, "for_campaign"):
            check_model(self.model)


def _check_vary(vary: Any) -> None:
    """Refuse what does not name parameters and levels."""
    if vary is None:
        return
    understood = isinstance(vary, Mapping) and all(
        isinstance(name, str)
        or (isinstance(name, tuple) and all(isinstance(part, str) for part in name))
        for name in vary
    )
    understood = understood and all(
        isinstance(level, str)
        or (isinstance(level, Iterable) and all(isinstance(part, str) for part in level))
        for level in vary.values()
    )
    if not understood:
        raise ModelError(
            f"vary={vary!r} was not understood; name each parameter and what it varies over, "
            "such as vary={'maximum_growth_rate': 'run'}; parameters whose effects are correlated "
            "as vary={('maximum_growth_rate', 'cell_yield'): 'run'}."
        )


@dataclasses.dataclass(frozen=True)
class SamplerOptions:
    """How long and how carefully chains run; see `fit`."""

    draws: int = 1000
    tune: int = 500
    chains: int = 4
    target_accept: float | None = None
    checkpoint: str | os.PathLike[str] | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        for name in ("draws", "tune", "chains"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
                raise CalibrationError(
                    f"{name}={value!r} came; expected a whole number of one or more, such as "
                    f"{name}={type(self)().__dict__[name]}."
                )
        accepted = self.target_accept
        if accepted is not None and not (isinstance(accepted, numbers.Real) and 0 < accepted < 1):
            raise CalibrationError(
                f"target_accept={accepted!r} came; expected a number between 0 and 1, such as 0.95."
            )


def fit_arguments(
    request: FitRequest, tolerances: Tolerances, sampler: SamplerOptions
) -> dict[str, Any]:
    """Keyword arguments of `fit` that repeat a request on another campaign."""
    asked = {name: getattr(request, name) for name in REPEATED}
    asked |= {name: getattr(sampler, name) for name in ("draws", "tune", "chains", "target_accept")}
    return asked | {"rtol": tolerances.rtol, "atol": tolerances.atol}


def split_options(
    campaign: Campaign,
    model: ProcessModel,
    options: Mapping[str, Any],
    *,
    start_priors: Mapping[str, Any] | None = None,
) -> tuple[FitRequest, Tolerances, SamplerOptions]:
    """Sort keyword arguments of `fit` into requests; refuse others."""
    sampling = tuple(field.name for field in dataclasses.fields(SamplerOptions))
    known = (*REPEATED, "rtol", "atol", *sampling)
    for name in options:
        if name not in known:
            raise CalibrationError(
                f"{name!r} is no option of fit.{did_you_mean(name, known)} Options are "
                f"{', '.join(known)}."
            )

    def chosen(*names: str) -> dict[str, Any]:
        return {name: options[name] for name in names if name in options}

    request = FitRequest(campaign, model, **chosen(*REPEATED), start_priors=start_priors)
    return request, Tolerances(**chosen("rtol", "atol")), SamplerOptions(**chosen(*sampling))


@dataclasses.dataclass(frozen=True, eq=False)
class PredictionRequest:
    """Which runs to predict, when, and how; see `Calibration.predict`."""

    runs: Any = None
    times: Any = None
    until: float | None = None
    settings: Mapping[str, Any] | None = None
    profiles: Mapping[str, Any] | None = None
    events: Sequence[Event] | None = None
    noise: bool = True
    random_seed: int = 0
    outside: str = "flag"

    def __post_init__(self) -> None:
        if self.outside not in OUTSIDE:
            raise ModelError(
                f"outside={self.outside!r} is unknown: 'flag' marks runs outside what was studied, "
                "'refuse' raises."
            )

    def chosen(self, campaign: Campaign) -> list[Run]:
        """Find the runs that are asked for, with what is changed in them."""
        changes = (self.settings, self.profiles, self.events)
        runs = self.runs
        if runs is None:
            new = any(change is not None for change in changes)
            base = [Run(NEW_RUN)] if new else list(campaign)
        elif isinstance(runs, str):
            base = [campaign[runs]]
        elif isinstance(runs, Run):
            base = [runs]
        elif isinstance(runs, Iterable):
            base = [run if isinstance(run, Run) else campaign[run] for run in runs]
        else:
            raise ModelError(
                f"runs is {runs!r}; expected names of runs, Run objects or a Campaign. For a new "
                "run give settings={...}."
            )
        profiles = {
            name: value if isinstance(value, Profile) else Profile(tuple(value))
            for name, value in (self.profiles or {}).items()
        }
        return [
            run.replace(
                settings={**run.settings, **(self.settings or {})},
                profiles={**run.profiles, **profiles},
                events=run.events if self.events is None else tuple(self.events),
            )
            for run in base
        ]

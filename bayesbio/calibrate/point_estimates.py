"""A quick look: the most probable parameters with the data overlaid, and no uncertainty."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate.coordinates.starts import density_and_mode
from bayesbio.calibrate.fitting import options_of
from bayesbio.calibrate.model import is_coordinate
from bayesbio.calibrate.prediction import predict_runs
from bayesbio.calibrate.problem.formulation import Priors, Vary, formulate
from bayesbio.data import Campaign, Event
from bayesbio.inference import LogDensity, Mode, Noise
from bayesbio.mechanistic import ProcessModel

LABEL = "quick look: most probable parameters, without uncertainty"


@dataclasses.dataclass(frozen=True, eq=False)
class QuickLook:
    """
    Most probable parameters of a calibration; a first impression, not a result.

    Attributes
    ----------
    model : ProcessModel
    campaign : Campaign
    draws : Dataset
        One chain and one draw: the mode.
    noise : mapping of quantity to Noise
    options : mapping
    converged : bool
        Whether the search ended at a stationary point.
    other_modes : DataFrame
        Where other ascents ended that are far from the most probable parameters: below (log density
        below theirs, nat) and one column a parameter; empty where all ascents agreed. A row within
        a few nat is another explanation of the data; `approximate(..., method="smc")` weighs it.
    """

    model: ProcessModel
    campaign: Campaign
    draws: xr.Dataset
    noise: Mapping[str, Noise]
    options: Mapping[str, Any]
    converged: bool
    other_modes: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    label: str = LABEL

    def summary(self) -> pd.DataFrame:
        """
        Estimates by name.

        Returns
        -------
        DataFrame
            Index: name, with its group in brackets. Columns unit, estimate, and for each of the
            `other_modes` one ``other, <how far below> nat below``, empty where values differ by
            group.
        """
        rows = {}
        for name, values in self.draws.data_vars.items():
            text = str(name)
            base = text.split("_by_")[0].split("_sd_")[0]
            units = self.model.units
            unit = units.get(base, units.get(base.removeprefix("initial_"), "1"))
            flat = values.isel(chain=0, draw=0)
            if flat.ndim == 0:
                rows[text] = ("1" if "_sd_" in text else unit, float(flat))
            else:
                labels = flat[flat.dims[0]].to_numpy()
                for label, value in zip(labels, flat.to_numpy(), strict=True):
                    rows[f"{text}[{label}]"] = (unit, float(value))
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["unit", "estimate"])
        for _, mode in self.other_modes.iterrows():
            table[f"other, {mode['below']:.1f} nat below"] = mode.reindex(table.index)
        return table

    def predict(
        self,
        runs: Any = None,
        *,
        times: Any = None,
        until: float | None = None,
        settings: Mapping[str, Any] | None = None,
        profiles: Mapping[str, Any] | None = None,
        events: Sequence[Event] | None = None,
        noise: bool = False,
        random_seed: int = 0,
    ) -> xr.Dataset:
        """Predict as `Calibration.predict` does, with one chain and one draw."""
        return predict_runs(
            self.model,
            self.campaign,
            self.draws,
            given=self.options["given"],
            levels={name: tuple(levels) for name, levels in self.options["vary"].items()},
            positive=self.options["positive"],
            noise=self.noise,
            covariates=self.options.get("covariates", {}),
            together=self.options.get("together", {}),
            runs=runs,
            times=times,
            until=until,
            settings=settings,
            profiles=profiles,
            events=events,
            with_noise=noise,
            random_seed=random_seed,
            rtol=self.options["rtol"],
            atol=self.options["atol"],
        )


def quick_look(
    campaign: Campaign,
    model: ProcessModel,
    *,
    priors: Priors | None = None,
    vary: Vary | None = None,
    noise: Mapping[str, Noise | str] | Noise | str | None = None,
    covariates: Mapping[str, str] | None = None,
    random_seed: int,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> QuickLook:
    """
    Find the most probable parameters from several starts: seconds, and no uncertainty.

    Parameters
    ----------
    campaign, model, priors, vary, noise, covariates, random_seed, rtol, atol
        As for `fit`. Standard deviations between groups are held at their prior medians, because
        a hierarchical density has no finite mode.

    Returns
    -------
    QuickLook

    Raises
    ------
    DataError, UnitError, ModelError, CalibrationError
        As `fit`.

    Examples
    --------
    >>> from bayesbio.data import read_campaign
    >>> from bayesbio.mechanistic import BatchCulture
    >>> campaign = read_campaign("runs.csv")  # doctest: +SKIP
    >>> quick_look(campaign, BatchCulture(), random_seed=1).summary()  # doctest: +SKIP
    """
    formulation = formulate(
        campaign, model, priors=priors, vary=vary, noise=noise, covariates=covariates
    )
    density, mode = density_and_mode(formulation, random_seed=random_seed, rtol=rtol, atol=atol)
    coords: dict[str, Any] = {"chain": [0], "draw": [0]}
    variables = {}
    for name, value in mode.values.items():
        if is_coordinate(name):
            continue
        dims = density.model.named_vars_to_dims.get(name, ())
        variables[name] = (("chain", "draw", *dims), np.asarray(value, float)[None, None])
        coords |= {dim: list(density.model.coords[dim]) for dim in dims}
    return QuickLook(
        model=formulation.kernels.trace.model,
        campaign=campaign,
        draws=xr.Dataset(variables, coords),
        noise=formulation.noise,
        options=options_of(formulation, random_seed=random_seed, rtol=rtol, atol=atol),
        converged=mode.converged,
        other_modes=_other_modes(density, mode),
    )


def _other_modes(density: LogDensity, mode: Mode) -> pd.DataFrame:
    """Single parameters where other ascents ended, best first."""
    rows = []
    for below, point in mode.elsewhere:
        values = {
            name: float(value)
            for name, value in density.values(point).items()
            if np.ndim(value) == 0 and not is_coordinate(name)
        }
        rows.append({"below": below, **values})
    return pd.DataFrame(rows)

"""Noise with errors that several readings share: replicates and runs, drift, whole samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, override

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import xarray as xr

from bayesbio.errors import CalibrationError
from bayesbio.inference.noise.base import Noise, by_name, prior_or_none
from bayesbio.inference.noise.defaults import default_noise
from bayesbio.inference.noise.kinds import RELATIVE_NOISE
from bayesbio.inference.noise.shared_errors import (
    SAMPLES,
    SHARED,
    Drift,
    Layer,
    ReplicateError,
    RunError,
    SampleError,
    moments,
)

LAYERS: dict[str, type[Layer]] = {
    layer.kind: layer for layer in (RunError, ReplicateError, SampleError, Drift)
}


@dataclasses.dataclass(frozen=True)
class Layered(Noise):
    """Noise of single readings, and errors on top that several of them share."""

    base: Noise | None = None
    layers: tuple[Layer, ...] = ()

    kind: ClassVar[str] = "layered"

    @property
    @override
    def source(self) -> str | None:
        return None if self.base is None else self.base.source

    @property
    def single(self) -> Noise:
        """Noise of a single reading."""
        if self.base is None:
            raise CalibrationError(
                "This noise takes that of single readings from the data; call "
                "scaled_to(quantity, rows) first, or name it: autocorrelated(lognormal())."
            )
        return self.base

    @override
    def scaled_to(self, quantity: str, rows: pd.DataFrame) -> Layered:
        base = (self.base or default_noise(rows)).scaled_to(quantity, rows)
        quantified = rows.loc[rows["flag"] == "", "value"].to_numpy(float)
        spread = float(np.std(quantified)) if quantified.size else 0.0
        size = RELATIVE_NOISE if base.relative else (0.5 * spread or 1.0)
        return Layered(
            base,
            tuple(
                layer.settled(
                    quantity, rows, RELATIVE_NOISE if isinstance(layer, SampleError) else size
                )
                for layer in self.layers
            ),
        )

    @override
    def parameters(self, quantity: str, rows: pd.DataFrame) -> dict[str, Any]:
        settled = self.scaled_to(quantity, rows)
        found = settled.single.parameters(quantity, rows)
        for layer in settled.layers:
            found |= layer.register(quantity, rows)
        return found

    @override
    def priors(self, quantity: str) -> dict[str, Any]:
        found = self.single.priors(quantity)
        for layer in self.layers:
            found |= layer.priors(quantity)
        return found

    @override
    def likelihood(
        self, quantity: str, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> None:
        settled = self.scaled_to(quantity, rows)
        mean = pt.as_tensor(mean)
        for layer in settled.layers:
            mean = settled._moved(mean, layer.at_rows(quantity, rows, parameters), layer, pt)
        settled.single.likelihood(quantity, mean, rows, settled._of_single(parameters, quantity))

    @override
    def frozen(self, mean: Any, parameters: Mapping[str, Any]) -> Any:
        return self.single.frozen(mean, self._of_single(parameters))

    @override
    def log_likelihood(
        self, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> np.ndarray:
        mean, quantity = np.asarray(mean, dtype=float), self.quantity_of(parameters)
        for layer in self.layers:
            errors = self._of_layer(layer, parameters, quantity)["errors"]
            at = {errors.dims[-1]: layer.labels(rows)}
            mean = self._moved(mean, errors.sel(at).to_numpy(), layer, np)
        return self.single.log_likelihood(mean, rows, self._of_single(parameters))

    @override
    def draw(
        self,
        mean: Any,
        parameters: Mapping[str, Any],
        rng: np.random.Generator,
        *,
        rows: pd.DataFrame | None = None,
    ) -> np.ndarray:
        mean = self._scattered(mean, parameters, rng, rows)
        return self.single.draw(mean, self._of_single(parameters), rng, rows=rows)

    @override
    def log_likelihood_of_new(
        self,
        mean: Any,
        rows: pd.DataFrame,
        parameters: Mapping[str, Any],
        rng: np.random.Generator,
    ) -> np.ndarray:
        wide = {
            name: value if getattr(value, "ndim", 0) > 2 else np.asarray(value)[..., None]
            for name, value in parameters.items()
        }
        moved = self._scattered(
            mean, wide, rng, rows if "known" in rows else rows.assign(known=False)
        )
        return self.single.log_likelihood(moved, rows, self._of_single(parameters))

    def _scattered(
        self,
        mean: Any,
        parameters: Mapping[str, Any],
        rng: np.random.Generator,
        rows: pd.DataFrame | None,
    ) -> np.ndarray:
        """Move the mean by errors that readings share, drawn where they are not known."""
        mean, quantity = np.asarray(mean, dtype=float), self.quantity_of(parameters)
        for layer in self.layers:
            own = self._of_layer(layer, parameters, quantity)
            sd = np.asarray(own["sd"], dtype=float)
            shape = np.broadcast_shapes(mean.shape, sd.shape)
            if rows is None:
                error = sd * rng.standard_normal(shape)
            else:
                error = layer.draw(sd, own, rows, shape, rng)
            mean = self._moved(mean, error, layer, np)
        return mean

    @override
    def describe(self) -> str:
        base = "noise from the data" if self.base is None else self.base.describe()
        return "; ".join([base, *(layer.describe() for layer in self.layers)])

    @override
    def typical_sd(self, quantity: str, mean: np.ndarray, estimates: Mapping[str, Any]) -> Any:
        return self.single.typical_sd(quantity, mean, estimates)

    @override
    def names(self, quantity: str) -> tuple[str, ...]:
        own = [name for layer in self.layers for name in layer.names(quantity)]
        return (*self.single.names(quantity), *own)

    @override
    def units(self, quantity: str, unit: str) -> dict[str, str]:
        found = self.single.units(quantity, unit)
        for layer in self.layers:
            found |= layer.units(quantity, "1" if self.single.relative else unit)
        return found

    @override
    def spreads(self, quantity: str) -> tuple[str, ...]:
        return tuple(layer.sd_name(quantity) for layer in self.layers)

    @override
    def without_mode(self, quantity: str) -> tuple[str, ...]:
        found = list(self.spreads(quantity))
        if any(isinstance(layer, ReplicateError | Drift) for layer in self.layers):
            # Errors of nearly every reading explain all of them exactly: the density then grows
            # without bound as the scatter of single readings vanishes.
            found += [name for name in self.single.priors(quantity) if name.startswith("noise_")]
        return tuple(found)

    @override
    def to_dict(self) -> dict[str, Any]:
        layers = [{"kind": layer.kind, **_numbers(layer)} for layer in self.layers]
        return {"kind": self.kind, "base": self.single.to_dict(), "layers": layers}

    @classmethod
    def _rebuilt(cls, content: dict[str, Any]) -> Noise:
        layers = [dict(layer) for layer in content["layers"]]
        return cls(
            Noise.from_dict(content["base"]),
            tuple(LAYERS[layer.pop("kind")](**layer) for layer in layers),
        )

    def _moved(self, mean: Any, error: Any, layer: Layer, library: Any) -> Any:
        """Mean of the readings that have this error: a factor where noise is relative."""
        if self.single.relative or isinstance(layer, SampleError):
            return mean * library.exp(error)
        return mean + error

    @override
    def _needed(self, quantity: str) -> tuple[str, ...]:
        return (*self.single._needed(quantity), *self.spreads(quantity))

    @override
    def coordinates(self, quantity: str) -> tuple[str, ...]:
        return tuple(layer.coordinate(quantity) for layer in self.layers)

    def _of_single(
        self, parameters: Mapping[str, Any], quantity: str | None = None
    ) -> dict[str, Any]:
        """Parameters that belong to single readings."""
        quantity = self.quantity_of(parameters) if quantity is None else quantity
        return {n: parameters[n] for n in self.single.names(quantity) if n in parameters}

    def _of_layer(
        self, layer: Layer, parameters: Mapping[str, Any], quantity: str
    ) -> dict[str, Any]:
        """Parameters of one layer: sd, errors, memory."""
        names = dict(zip(("sd", "errors", "memory"), layer.names(quantity), strict=False))
        found = {part: parameters[name] for part, name in names.items() if name in parameters}
        if "sd" not in found:
            raise CalibrationError(
                f"{layer.describe().capitalize()} needs its standard deviation; parameters has "
                f"none. Pass {{'{layer.sd_name('<quantity>')}': value}} as the posterior names it."
            )
        return found


def _numbers(layer: Layer) -> dict[str, float]:
    return {
        field.name: getattr(layer, field.name)
        for field in dataclasses.fields(layer)
        if isinstance(getattr(layer, field.name), float | int)
    }


def register_shared(noise: Mapping[str, Noise], rows: Mapping[str, pd.DataFrame]) -> None:
    """
    Register the errors that the analytes of a sample share, over the samples of all of them.

    Parameters
    ----------
    noise : mapping of quantity to Noise, scaled to the data
    rows : mapping of quantity to DataFrame
        As for `Noise.scaled_to`.

    Raises
    ------
    CalibrationError
        When one quantity alone has such an error, or two ask for different priors of it.

    Examples
    --------
    >>> import pymc as pm
    >>> rows = pd.DataFrame({"run": ["R1"], "time_h": [24.0], "value": [1.0], "flag": [""]})
    >>> noise = {name: shared().scaled_to(name, rows) for name in ("glucose", "ethanol")}
    >>> with pm.Model() as model:
    ...     register_shared(noise, {"glucose": rows, "ethanol": rows})
    >>> model.coords["analysed_sample"]
    ('R1 at 24.0 h',)
    """
    sharing = shared_by(noise)
    if not sharing:
        return
    if len(sharing) < 2:
        raise CalibrationError(
            f"Only {next(iter(sharing))} shares the error of a sample; at least two analytes are "
            "needed to see it. Give shared(...) to every analyte that is read from the same "
            "samples, or choose replicated(..., by='sample')."
        )
    priors = {id(layer.prior) for layer in sharing.values() if layer.prior is not None}
    if len(priors) > 1:
        raise CalibrationError(
            f"{' and '.join(sharing)} share the error of a sample but give it different priors. "
            "Give the same prior to all, or to one only."
        )
    together = pd.concat([rows[quantity] for quantity in sharing], ignore_index=True)
    first = next((layer for layer in sharing.values() if layer.prior is not None), None)
    (first or next(iter(sharing.values()))).register("", together)


def shared_by(noise: Mapping[str, Noise]) -> dict[str, SampleError]:
    """
    Quantities whose readings share the error of a sample, and how.

    Examples
    --------
    >>> list(shared_by({"glucose": shared(), "titer": autocorrelated()}))
    ['glucose']
    """
    return {
        quantity: layer
        for quantity, each in noise.items()
        if isinstance(each, Layered)
        for layer in each.layers
        if isinstance(layer, SampleError)
    }


def draw_shared(
    noise: Mapping[str, Noise],
    draws: xr.Dataset,
    rows: pd.DataFrame,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """
    Draw the errors of new samples once, for all analytes that share them.

    Parameters
    ----------
    noise : mapping of quantity to Noise
    draws : Dataset
        With ``noise_shared``, over chain and draw.
    rows : DataFrame
        Columns run and time_h of all readings to come.
    rng : numpy Generator

    Returns
    -------
    dict
        ``noise_shared_by_sample``, a DataArray over chain, draw and analysed_sample; empty where
        nothing is shared.

    Examples
    --------
    >>> draws = xr.Dataset({"noise_shared": (("chain", "draw"), [[0.1, 0.2]])})
    >>> rows = pd.DataFrame({"run": ["R1"], "time_h": [24.0]})
    >>> found = draw_shared({"titer": shared()}, draws, rows, np.random.default_rng(1))
    >>> dict(found["noise_shared_by_sample"].sizes)
    {'chain': 1, 'draw': 2, 'analysed_sample': 1}
    """
    if not shared_by(noise):
        return {}
    labels = list(dict.fromkeys(moments(rows)))
    sd = draws[SHARED]
    errors = sd.to_numpy()[..., None] * rng.standard_normal((*sd.shape, len(labels)))
    return {
        f"{SHARED}_by_sample": xr.DataArray(
            errors, dims=(*sd.dims, SAMPLES), coords={SAMPLES: labels}
        )
    }


@by_name
def replicated(
    noise: Noise | None = None, *, by: Literal["run", "sample"] = "run", scale: Any = None
) -> Noise:
    """
    Noise split in two: an error that the readings of a run, or of a sample, share; and their own.

    Parameters
    ----------
    noise : Noise, optional
        Of single readings; by default chosen from the data.
    by : {"run", "sample"}
        What shares the error: all readings of the quantity in a run (its assay was off that day),
        or the replicate readings of one sample.
    scale : unnamed PyMC distribution, optional [unit of the quantity, or 1 where noise is relative]
        Prior of the standard deviation of the shared error; by default as wide as that of single
        readings.

    Returns
    -------
    Noise
        Its unknowns are ``noise_<quantity>`` for single readings, ``noise_<quantity>_sd_run`` (or
        ``_sd_sample``) for the shared error and ``noise_<quantity>_by_run`` for its values.

    Notes
    -----
    mean + error for additive noise, mean x exp(error) for relative noise, error ~ Normal(0, sd):
    the variance components of a one-way layout, Searle, Casella and McCulloch (1992),
    doi:10.1002/9780470316856

    Examples
    --------
    >>> from bayesbio.inference import normal
    >>> replicated(normal()).names("titer")
    ('noise_titer', 'noise_titer_sd_run', 'noise_titer_by_run')
    """
    if by not in ("run", "sample"):
        raise CalibrationError(f"replicated(by={by!r}): expected 'run' or 'sample'.")
    layer = RunError if by == "run" else ReplicateError
    return _with(noise, layer(prior_or_none("replicated", scale)))


@by_name
def autocorrelated(noise: Noise | None = None, *, scale: Any = None, memory: Any = None) -> Noise:
    """
    Noise whose neighbours in time resemble each other, at irregular times too.

    Parameters
    ----------
    noise : Noise, optional
        Of single readings, beside the drift; by default chosen from the data.
    scale : unnamed PyMC distribution, optional [unit of the quantity, or 1 where noise is relative]
        Prior of the standard deviation of the drift.
    memory : unnamed PyMC distribution, optional [h]
        Prior of the time after which its correlation has fallen to 1/e; by default between half
        the usual gap of two readings and the length of a run.

    Returns
    -------
    Noise
        Its unknowns are ``noise_<quantity>``, ``noise_<quantity>_sd_drift``,
        ``noise_<quantity>_memory`` and the drift itself, ``noise_<quantity>_by_drift``. A run that
        was calibrated on keeps its drift in predictions and forgets it as time goes on.

    Notes
    -----
    Covariance sd^2 exp(-|t - t'| / memory), the process of Uhlenbeck and Ornstein (1930),
    doi:10.1103/PhysRev.36.823; at even times a first-order autoregression.

    Examples
    --------
    >>> from bayesbio.inference import lognormal
    >>> autocorrelated(lognormal()).spreads("titer")
    ('noise_titer_sd_drift',)
    """
    return _with(
        noise,
        Drift(
            prior_or_none("autocorrelated", scale), memory=prior_or_none("autocorrelated", memory)
        ),
    )


@by_name
def shared(noise: Noise | None = None, *, scale: Any = None) -> Noise:
    """
    Noise with a relative error that all analytes of a sample share: dilution, evaporation.

    Give it to every quantity that is read from the same samples.

    Parameters
    ----------
    noise : Noise, optional
        Of single readings, beside the shared error; by default chosen from the data.
    scale : unnamed PyMC distribution, optional [1]
        Prior of the standard deviation of the shared error; default HalfNormal(0.2).

    Returns
    -------
    Noise
        Beside ``noise_<quantity>``, one ``noise_shared`` for all quantities, and the error of each
        sample, ``noise_shared_by_sample``.

    Notes
    -----
    mean x exp(error), error ~ Normal(0, noise_shared), the same at one time of one run.

    Examples
    --------
    >>> noise = {"glucose": shared(), "ethanol": shared()}
    >>> noise["glucose"].spreads("glucose")
    ('noise_shared',)
    """
    return _with(noise, SampleError(prior_or_none("shared", scale)))


def _with(noise: Noise | None, layer: Layer) -> Noise:
    """Add a layer, once each."""
    if noise is not None and not isinstance(noise, Noise):
        raise CalibrationError(
            f"{noise!r} is no noise; give the noise of single readings, such as lognormal()."
        )
    if isinstance(noise, Layered):
        if any(each.kind == layer.kind for each in noise.layers):
            raise CalibrationError(f"The noise has {layer.describe()} twice; leave one out.")
        return Layered(noise.base, (*noise.layers, layer))
    return Layered(noise, (layer,))

"""Readings that are signals of an assay, whose calibration curve is estimated too."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, override

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.noise.base import Noise, prior_or_none
from bayesbio.inference.noise.kinds import combined
from bayesbio.inference.noise.tails import is_symbolic
from bayesbio.inference.priors.distributions import describe, registered

FOUR = ("bottom", "top", "midpoint", "slope")
FIVE = (*FOUR, "asymmetry")
CURVES = {"four_parameter": FOUR, "five_parameter": FIVE}
TRACE = 1e-6  # concentrations below this share of the smallest standard are bent towards it
FEWEST = 4  # different standards that a curve needs


@dataclasses.dataclass(frozen=True)
class Assay(Noise):
    """Signals of an assay with a logistic calibration curve; see `assay`."""

    of: str = ""
    concentrations: tuple[float, ...] = ()
    signals: tuple[float, ...] = ()
    curve: str = "four_parameter"
    bottom: float | None = None
    base: Noise | None = None
    given: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False)

    kind: ClassVar[str] = "assay"
    relative: ClassVar[bool] = True

    @property
    @override
    def source(self) -> str | None:
        return self.of

    @property
    def standards(self) -> pd.DataFrame:
        """Standards as readings: value, flag, and the known concentration."""
        return pd.DataFrame(
            {"value": self.signals, "flag": "", "concentration": self.concentrations}
        )

    @property
    def of_signal(self) -> Noise:
        """Noise of the signals around the curve."""
        return self.base or combined()

    def response(self, concentration: Any, parameters: Mapping[str, Any]) -> Any:
        """
        Signal that a concentration gives.

        Parameters
        ----------
        concentration : array or PyTensor variable [unit of what is assayed]
        parameters : mapping of name to value, broadcastable
            ``curve_<quantity>_top`` and so on.

        Returns
        -------
        array or PyTensor variable, broadcast shape [unit of the signal]
        """
        library: Any = pt if is_symbolic(concentration) else np
        own = self._curve(parameters, self.quantity_of(parameters))
        trace = TRACE * min(each for each in self.concentrations if each > 0)
        logarithm = np.log(trace) + library.arcsinh(concentration / (2.0 * trace))
        distance = own["slope"] * (logarithm - library.log(own["midpoint"]))
        # log(1 / (1 + exp(-distance))), quiet at NaN
        share = library.minimum(distance, 0.0) - library.log1p(library.exp(-library.abs(distance)))
        rise = library.exp(own.get("asymmetry", 1.0) * share)
        return own["bottom"] + (own["top"] - own["bottom"]) * rise

    @override
    def scaled_to(self, quantity: str, rows: pd.DataFrame) -> Assay:
        together = pd.concat([rows, self.standards], ignore_index=True)
        return dataclasses.replace(self, base=self.of_signal.scaled_to(quantity, together))

    @override
    def priors(self, quantity: str) -> dict[str, Any]:
        found = self.of_signal.priors(quantity)
        for part, prior in self._curve_priors().items():
            found[f"curve_{quantity}_{part}"] = prior
        return found

    @override
    def parameters(self, quantity: str, rows: pd.DataFrame) -> dict[str, Any]:
        settled = self.scaled_to(quantity, rows)
        return {n: registered(n, prior) for n, prior in settled.priors(quantity).items()}

    @override
    def likelihood(
        self, quantity: str, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> None:
        scatter = self.scaled_to(quantity, rows).of_signal
        own = self._of_signal(parameters, quantity)
        signal = self.response(pt.as_tensor(mean), parameters)
        scatter.likelihood(quantity, signal, rows, own)
        known = pt.as_tensor(np.asarray(self.concentrations, float))
        response = self.response(known, parameters)
        scatter.likelihood(f"{quantity}_standards", response, self.standards, own)

    @override
    def frozen(self, mean: Any, parameters: Mapping[str, Any]) -> Any:
        signal = self.response(np.asarray(mean, float), parameters)
        return self.of_signal.frozen(signal, self._of_signal(parameters))

    @override
    def log_likelihood(
        self, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> np.ndarray:
        wide = {name: np.asarray(value, float)[..., None] for name, value in parameters.items()}
        signal = self.response(np.asarray(mean, float), wide)
        return self.of_signal.log_likelihood(signal, rows, self._of_signal(parameters))

    @override
    def draw(
        self,
        mean: Any,
        parameters: Mapping[str, Any],
        rng: np.random.Generator,
        *,
        rows: pd.DataFrame | None = None,
    ) -> np.ndarray:
        signal = self.response(np.asarray(mean, float), parameters)
        return self.of_signal.draw(signal, self._of_signal(parameters), rng, rows=rows)

    @override
    def describe(self) -> str:
        priors = [f"{part} ~ {describe(prior)}" for part, prior in self._curve_priors().items()]
        words = self.curve.replace("_", "-")
        return (
            f"assay of {self.of}, {words} logistic curve with {len(self.signals)} standards, "
            f"{', '.join(priors)}; signal {self.of_signal.describe()}"
        )

    @override
    def typical_sd(self, quantity: str, mean: np.ndarray, estimates: Mapping[str, Any]) -> Any:
        names = {part: f"curve_{quantity}_{part}" for part in self._estimated}
        guess = {"bottom": min(self.signals), "top": max(self.signals), "slope": 1.0}
        guess |= {"midpoint": self._middle(), "asymmetry": 1.0}
        at = {name: float(estimates.get(name, guess[part])) for part, name in names.items()}
        mean = np.maximum(mean, TRACE * self._middle())
        signal, step = self.response(mean, at), 1e-3 * mean
        slope = np.abs(self.response(mean + step, at) - signal) / step
        flattest = 1e-3 * (max(self.signals) - min(self.signals)) / self._middle()
        sd = self.of_signal.typical_sd(quantity, signal, estimates)
        return sd / np.maximum(slope, flattest)

    @override
    def names(self, quantity: str) -> tuple[str, ...]:
        curve = (f"curve_{quantity}_{part}" for part in self._estimated)
        return (*self.of_signal.names(quantity), *curve)

    @override
    def units(self, quantity: str, unit: str) -> dict[str, str]:
        found = self.of_signal.units(quantity, unit)
        for part in self._estimated:
            known = {"bottom": unit, "top": unit, "midpoint": f"unit of {self.of}"}
            found[f"curve_{quantity}_{part}"] = known.get(part, "1")
        return found

    @override
    def to_dict(self) -> dict[str, Any]:
        return {
            **super().to_dict(),
            "concentrations": list(self.concentrations),
            "signals": list(self.signals),
            "base": self.of_signal.to_dict(),
        }

    @classmethod
    def _rebuilt(cls, content: dict[str, Any]) -> Noise:
        for name in ("concentrations", "signals"):
            content[name] = tuple(float(each) for each in content[name])
        return cls(**{**content, "base": Noise.from_dict(content["base"])})

    def _middle(self) -> float:
        positive = np.array([each for each in self.concentrations if each > 0])
        return float(np.exp(np.mean(np.log(positive))))

    def _curve_priors(self) -> dict[str, Any]:
        """Wide priors in the units of the standards, and those that were given."""
        positive = np.array([each for each in self.concentrations if each > 0])
        low, high = min(self.signals), max(self.signals)
        span = high - low
        width = float(np.log(positive.max() / positive.min()))
        priors = {
            "bottom": pm.Normal.dist(low, 0.1 * span),
            "top": pm.TruncatedNormal.dist(mu=high, sigma=span, lower=low + 0.5 * span),
            "midpoint": pm.LogNormal.dist(np.log(self._middle()), 0.5 * width),
            "slope": pm.LogNormal.dist(0.0, 0.5),
            "asymmetry": pm.LogNormal.dist(0.0, 0.5),
        }
        return {part: self.given.get(part, priors[part]) for part in self._estimated}

    @override
    def _needed(self, quantity: str) -> tuple[str, ...]:
        curve = (f"curve_{quantity}_{part}" for part in self._estimated)
        return (*self.of_signal._needed(quantity), *curve)

    @property
    def _estimated(self) -> tuple[str, ...]:
        """Parameters of the curve that are not fixed."""
        every = CURVES[self.curve]
        return every if self.bottom is None else every[1:]

    def _curve(self, parameters: Mapping[str, Any], quantity: str) -> dict[str, Any]:
        names = {part: f"curve_{quantity}_{part}" for part in self._estimated}
        missing = [part for part, name in names.items() if name not in parameters]
        if missing:
            raise CalibrationError(
                f"The curve of an assay of {self.of} needs its {', '.join(missing)}; pass "
                f"{{'curve_<quantity>_{missing[0]}': value}} as the posterior names it."
            )
        own = {} if self.bottom is None else {"bottom": self.bottom}
        own |= {part: parameters[name] for part, name in names.items()}
        # PyTensor takes the logarithm of a plain 3.0 in single precision
        return {part: v if is_symbolic(v) else np.asarray(v, float) for part, v in own.items()}

    def _of_signal(
        self, parameters: Mapping[str, Any], quantity: str | None = None
    ) -> dict[str, Any]:
        quantity = self.quantity_of(parameters) if quantity is None else quantity
        return {n: parameters[n] for n in self.of_signal.names(quantity) if n in parameters}


def assay(
    of: str,
    standards: pd.DataFrame,
    *,
    curve: Literal["four_parameter", "five_parameter"] = "four_parameter",
    noise: Noise | None = None,
    bottom: Any = None,
    top: Any = None,
    midpoint: Any = None,
    slope: Any = None,
    asymmetry: Any = None,
) -> Noise:
    """
    Signals of an assay: its calibration curve is estimated jointly with the process.

    The readings of the quantity are raw signals (an optical density); what they mean is learned
    from the standards and carried, with its uncertainty, into everything else.

    Parameters
    ----------
    of : str
        Quantity of the model that is assayed, such as ``titer``.
    standards : DataFrame
        Columns concentration [house unit of ``of``] and signal, one row a reading; blanks have a
        concentration of zero.
    curve : {"four_parameter", "five_parameter"}
        Logistic curve in the logarithm of the concentration; the fifth makes it asymmetric.
    noise : Noise, optional
        Of signals around the curve; default `combined`.
    bottom : float or unnamed PyMC distribution, optional [unit of the signal]
        Signal without analyte: a number fixes it.
    top, midpoint, slope, asymmetry : unnamed PyMC distributions, optional
        Priors of the other parameters; by default wide around the standards.

    Returns
    -------
    Noise
        Its unknowns are ``noise_<quantity>`` (and what the noise of signals has beside) and
        ``curve_<quantity>_bottom``, ``_top``, ``_midpoint``, ``_slope`` and ``_asymmetry``.

    Raises
    ------
    DataError
        When the standards do not make a curve.

    Notes
    -----
    signal = bottom + (top - bottom) / (1 + (midpoint / concentration)^slope)^asymmetry; Findlay and
    Dillard (2007), doi:10.1208/aapsj0902029; Gottschalk and Dunn (2005),
    doi:10.1016/j.ab.2005.04.035

    Examples
    --------
    >>> standards = pd.DataFrame({"concentration": [0.0, 1.0, 4.0, 16.0],
    ...                           "signal": [0.0, 0.5, 1.0, 1.5]})
    >>> elisa = assay("titer", standards, bottom=0.0)
    >>> curve = {"curve_od_top": 2.0, "curve_od_midpoint": 4.0, "curve_od_slope": 1.0}
    >>> round(float(elisa.response(4.0, curve)), 6)
    1.0
    """
    if curve not in CURVES:
        raise CalibrationError(
            f"assay(curve={curve!r}): expected one of {', '.join(map(repr, CURVES))}."
        )
    if not isinstance(standards, pd.DataFrame) or not {"concentration", "signal"} <= set(standards):
        raise DataError(
            "The standards of an assay are a DataFrame with columns concentration and signal, one "
            "row a reading."
        )
    known = standards[["concentration", "signal"]].astype(float)
    different = known.loc[known["concentration"] > 0, "concentration"].nunique()
    if not np.isfinite(known.to_numpy()).all() or (known["concentration"] < 0).any():
        raise DataError(
            "A standard has a missing value or a negative concentration; leave out such rows."
        )
    if different < FEWEST - 1 or known["concentration"].nunique() < FEWEST:
        raise DataError(
            f"{different} different concentrations above zero do not make a calibration curve; at "
            f"least {FEWEST} standards are needed, one of which may be a blank."
        )
    if known["signal"].nunique() < 2:
        raise DataError("All standards gave the same signal; an assay's signal rises or falls.")
    priors = {"top": top, "midpoint": midpoint, "slope": slope, "asymmetry": asymmetry}
    fixed = isinstance(bottom, numbers.Real)
    if not fixed:
        priors["bottom"] = bottom
    return Assay(
        of=of,
        concentrations=tuple(known["concentration"]),
        signals=tuple(known["signal"]),
        curve=curve,
        bottom=float(bottom) if fixed else None,
        base=noise,
        given={
            part: prior_or_none("assay", prior)
            for part, prior in priors.items()
            if prior is not None
        },
    )

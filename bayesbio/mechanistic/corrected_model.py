"""A process model with what it misses: factors on its rates, learned from data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from bayesbio.data import Campaign
from bayesbio.errors import ModelError, did_you_mean
from bayesbio.mechanistic.functions import constant, exp, sqrt
from bayesbio.mechanistic.process_model import Parameter, record

__all__ = ["CorrectedModel", "Correction"]

MOST_KNOTS = 12
NORMAL_95 = 1.959963984540054  # 95 % of a standard normal lie between this and its negative
# What a model may have beside the required parts; a corrected model has what its base has.
OPTIONAL = (
    *("outputs", "output_names", "jump", "event_kinds", "conserved"),
    *("input_defaults", "setting_defaults", "grids", "transport"),
)


@dataclasses.dataclass(frozen=True)
class Correction:
    """
    A factor on one named rate: exp(f) of one input, with f = 0 at the anchor.

    Parameters
    ----------
    on : str
        The rate it multiplies, such as ``"growth"``.
    inputs : sequence of one str
        What the factor depends on: a state, an input or a setting of the model. Several
        corrections on one rate multiply.
    knots : int
        How many bends the factor may have within the span, 2 to 12.
    amplitude : float [1]
        How large f usually is: the scale of its weights lies between a tenth and four times of this
        with probability 90 %. With 0.3 a factor between 0.6 and 1.6 is usual before any data, and
        one that stops the rate is not ruled out.
    anchor : mapping of the input to float [house unit of the input]
        Where the mechanism is right as it stands (no product, the reference temperature). Without
        an anchor the rate's own parameter would mean nothing.
    span : mapping of the input to (low, high), optional [house unit of the input]
        Between which values the knots lie; by default as far as the data of a campaign go.

    Raises
    ------
    ModelError
        For a part that makes no sense, with what to write instead.

    Notes
    -----
    f(x) = amplitude * sum_k weight_k (r_k(x) - r_k(anchor)), weights standard normal, amplitude
    log-normal, and r_k a ramp from knot k onwards, (d + sqrt(d^2 + w^2)) / 2 with d = (x - x_k) /
    span and w one knot's distance: f starts at the anchor, bends at the knots, and goes on in a
    straight line beyond them. Kennedy and O'Hagan (2001), doi:10.1111/1467-9868.00294, discuss what
    a discrepancy does to the meaning of parameters.

    Examples
    --------
    >>> slower = Correction(on="growth", inputs=["product"], anchor={"product": 0.0})
    >>> slower.inputs, slower.knots, slower.amplitude
    (('product',), 5, 0.3)
    """

    on: str
    inputs: Iterable[str]
    knots: int = 5
    amplitude: float = 0.3
    anchor: Mapping[str, float] = dataclasses.field(default_factory=dict)
    span: Mapping[str, tuple[float, float]] | None = None

    def __post_init__(self) -> None:
        inputs = (self.inputs,) if isinstance(self.inputs, str) else tuple(self.inputs)
        if len(inputs) != 1:
            raise ModelError(
                f"A correction on {self.on!r} has the inputs {', '.join(inputs) or '(none)'}; it "
                "takes one. For two, give two corrections on the same rate: they multiply, and "
                "need far fewer data than a surface."
            )
        if not isinstance(self.knots, int) or not 2 <= self.knots <= MOST_KNOTS:
            raise ModelError(
                f"A correction on {self.on!r} has {self.knots!r} knots; give a whole number from 2 "
                f"to {MOST_KNOTS}, usually 5."
            )
        if not (math.isfinite(self.amplitude) and self.amplitude > 0):
            raise ModelError(
                f"A correction on {self.on!r} has amplitude {self.amplitude!r}; give a positive "
                "number, 0.3 for up to about half as fast or twice as fast."
            )
        (name,) = inputs
        if set(self.anchor) != {name} or not math.isfinite(float(self.anchor[name])):
            raise ModelError(
                f"A correction on {self.on!r} needs the value of {name} at which the mechanism is "
                f"right as it stands, and got anchor={dict(self.anchor)!r}: write "
                f"anchor={{{name!r}: 0.0}} for none of it, or its reference value."
            )
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "anchor", MappingProxyType({name: float(self.anchor[name])}))
        if self.span is not None:
            object.__setattr__(self, "span", MappingProxyType(self._checked_span(name)))

    def _checked_span(self, name: str) -> dict[str, tuple[float, float]]:
        span = dict(self.span or {})
        ends = tuple(float(end) for end in span.get(name, ()))
        if set(span) != {name} or len(ends) != 2 or not -math.inf < ends[0] < ends[1] < math.inf:
            raise ModelError(
                f"A correction on {self.on!r} got span={span!r}; write span={{{name!r}: (low, "
                "high)}, the range of values that the data cover."
            )
        return {name: (ends[0], ends[1])}

    def __hash__(self) -> int:
        return hash(repr(self.to_dict()))

    def __reduce__(self) -> tuple[Any, ...]:
        return _correction_from, (self.to_dict(),)

    @property
    def input(self) -> str:
        """The name of its input."""
        (name,) = self.inputs
        return name

    @property
    def name(self) -> str:
        """What its parameters are called after: ``growth_correction_product``."""
        return f"{self.on}_correction_{self.input}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its parameters: an amplitude, then one weight a knot."""
        weights = (f"{self.name}_weight_{k + 1}" for k in range(self.knots))
        return (f"{self.name}_amplitude", *weights)

    @property
    def defaults(self) -> dict[str, Parameter]:
        """Priors of its parameters: log-normal amplitude, standard normal weights."""
        amplitude, *weights = self.parameters
        why = "assumed: the mechanism is about right"
        found = {amplitude: Parameter(self.amplitude / 10.0, 4.0 * self.amplitude, why)}
        end = NORMAL_95
        return found | {w: Parameter(-end, end, why, probability=0.95) for w in weights}

    def log_factor(self, value: Any, parameters: Any, unit: str = "1") -> Any:
        """
        f, the logarithm of the factor.

        Parameters
        ----------
        value : array or symbol [house unit of the input]
        parameters : record
            Holds `parameters`.
        unit : str
            Unit of the input, where units are being checked.

        Returns
        -------
        array or symbol [1]

        Raises
        ------
        ModelError
            If the span is not known yet.
        """
        if self.span is None:
            raise ModelError(
                f"Nothing says which values of {self.input} the correction on {self.on!r} spans. "
                f"Calibrate it on a campaign, or give span={{{self.input!r}: (low, high)}}."
            )
        low, high = self.span[self.input]
        length = constant(high - low, unit, like=value)
        amplitude, *weights = (getattr(parameters, name) for name in self.parameters)
        total: Any = 0.0
        for place, weight in enumerate(weights):
            knot = low + (high - low) * place / self.knots
            here = (value - constant(knot, unit, like=value)) / length
            total = total + weight * (
                _ramp(here, 1.0 / self.knots)
                - _ramp((self.anchor[self.input] - knot) / (high - low), 1.0 / self.knots)
            )
        return amplitude * total

    def to_dict(self) -> dict[str, Any]:
        """Plain data for an archive."""
        return {
            "on": self.on,
            "inputs": list(self.inputs),
            "knots": self.knots,
            "amplitude": self.amplitude,
            "anchor": dict(self.anchor),
            "span": None if self.span is None else {k: list(v) for k, v in self.span.items()},
        }


def _correction_from(content: Mapping[str, Any]) -> Correction:
    """Rebuild what `Correction.to_dict` wrote."""
    return Correction(**content)


def _ramp(distance: Any, width: float) -> Any:
    """Zero before a knot, a straight line after it, smooth in between."""
    return (distance + sqrt(distance * distance + width * width)) / 2


@dataclasses.dataclass(frozen=True)
class CorrectedModel:
    """
    A process model whose rates are multiplied by learned factors; a process model again.

    Made by `bayesbio.hybrid.with_corrections`. Its balances are those of the base model, so what
    the base conserves stays conserved.

    Parameters
    ----------
    base : ProcessModel
        With named rates.
    corrections : sequence of Correction

    Raises
    ------
    ModelError
        When the base has no such rate or input, or two corrections have one rate and input.
    """

    base: Any
    corrections: Iterable[Correction]

    def __post_init__(self) -> None:
        corrections = tuple(self.corrections)
        object.__setattr__(self, "corrections", corrections)
        if not hasattr(self.base, "derivatives"):
            raise ModelError(
                f"{type(self.base).__name__} gives its solution in closed form, so it has no rate "
                "to correct. Use a model with rates, such as BatchCulture."
            )
        names = [correction.name for correction in corrections]
        for name in names:
            if names.count(name) > 1:
                raise ModelError(f"There are two corrections {name!r}; give one, with more knots.")
        known = (*self.base.State._fields, *self.base.inputs, *self.base.settings)
        for correction in corrections:
            if correction.input not in known:
                raise ModelError(
                    f"A correction on {correction.on!r} depends on {correction.input!r}, which is "
                    f"no state, input or setting of {type(self.base).__name__}: it has "
                    f"{', '.join(known)}.{did_you_mean(correction.input, known)}"
                )
            if correction.input in getattr(self.base, "grids", {}):
                raise ModelError(
                    f"{correction.input} lies along a grid; a correction takes a single number."
                )

    @property
    def State(self) -> type[Any]:
        """Record class of the states."""
        return self.base.State

    @property
    def Parameters(self) -> type[Any]:
        """Record class of the parameters: those of the base, then those of the corrections."""
        names = self.base.Parameters._fields
        return record("Parameters", names + tuple(n for c in self._all for n in c.parameters))

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name."""
        return {**self.base.units, **{n: "1" for c in self._all for n in c.parameters}}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the quantities that change in time."""
        return tuple(self.base.inputs)

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the constants of a run."""
        return tuple(self.base.settings)

    @property
    def defaults(self) -> Mapping[str, Parameter]:
        """Priors of the base and of the corrections."""
        found = dict(self.base.defaults)
        for correction in self._all:
            found |= correction.defaults
        return found

    @property
    def _all(self) -> tuple[Correction, ...]:
        return tuple(self.corrections)

    def __getattr__(self, name: str) -> Any:
        if name in OPTIONAL:  # of the base, where it has one
            return getattr(self.base, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def rates(
        self, time: Any, state: Any, parameters: Any, inputs: Any, settings: Any
    ) -> dict[str, Any]:
        """Rates of the base, each multiplied by its corrections."""
        found = dict(
            self.base.rates(time, state, self._of_base(parameters), inputs, settings)
            if hasattr(self.base, "rates")
            else {}
        )
        for correction in self._all:
            if correction.on not in found:
                raise ModelError(
                    f"{type(self.base).__name__} has no rate {correction.on!r} to correct; it has "
                    f"{', '.join(found) or 'none'}.{did_you_mean(correction.on, found)}"
                )
            where = next(
                part
                for part in (state, inputs, settings)
                if part is not None and hasattr(part, correction.input)
            )
            value = getattr(where, correction.input)
            unit = self.base.units[correction.input]
            found[correction.on] = found[correction.on] * exp(
                correction.log_factor(value, parameters, unit)
            )
        return found

    def derivatives(
        self,
        time: Any,
        state: Any,
        parameters: Any,
        inputs: Any,
        settings: Any,
        rates: Mapping[str, Any],
    ) -> Any:
        """Balances of the base, formed from the corrected rates."""
        return self.base.derivatives(
            time, state, self._of_base(parameters), inputs, settings, rates
        )

    def _of_base(self, parameters: Any) -> Any:
        names = self.base.Parameters._fields
        return self.base.Parameters(*(getattr(parameters, name) for name in names))

    def for_campaign(self, campaign: Campaign) -> CorrectedModel:
        """
        Lay the knots of every correction over the values that a campaign covers.

        Parameters
        ----------
        campaign : Campaign

        Returns
        -------
        CorrectedModel
            The same where every span was given.

        Raises
        ------
        ModelError
            When an input was not measured, or never changes.
        """
        done = [
            correction
            if correction.span is not None
            else dataclasses.replace(
                correction, span={correction.input: _span(campaign, correction)}
            )
            for correction in self._all
        ]
        return dataclasses.replace(self, corrections=done)


def _span(campaign: Campaign, correction: Correction) -> tuple[float, float]:
    """Range of an input over a campaign and the anchor, to two digits so that folds share it."""
    name = correction.input
    values = [correction.anchor[name]]
    frame = campaign.to_frame()
    here = frame[(frame["quantity"] == name) & (frame["flag"] != "excluded")]
    values += here["value"].to_list()
    for run in campaign:
        if name in run.profiles:
            values += run.profiles[name].values.tolist()
        switched = [e.value for e in run.events if (e.kind, e.quantity) == ("switch", name)]
        given = [run.settings[key] for key in (name, f"initial_{name}") if key in run.settings]
        values += [float(value) for value in (*switched, *given)]
    low, high = min(values), max(values)
    if len(values) == 1 or not low < high:
        raise ModelError(
            f"The correction on {correction.on!r} depends on {name}, "
            + ("which was never measured. " if len(values) == 1 else "which never changes. ")
            + f"Give the values that it goes through: span={{{name!r}: (low, high)}}."
        )
    digits = 1 - math.floor(math.log10(high - low))
    size = 10.0**digits
    return round(math.floor(low * size) / size, 12), round(math.ceil(high * size) / size, 12)

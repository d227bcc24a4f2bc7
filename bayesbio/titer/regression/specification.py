"""Specification of a titer regression: response, transform, terms, priors, likelihood, groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from bayesbio.errors import ModelError
from bayesbio.titer.factors.mixtures import Mixture
from bayesbio.titer.factors.terms import Term
from bayesbio.titer.regression.effect_priors import R2D2, Horseshoe
from bayesbio.titer.regression.group_effects import Varying
from bayesbio.titer.regression.likelihood import Gaussian, Hurdle
from bayesbio.titer.regression.response_transform import TRANSFORMS


@dataclasses.dataclass(frozen=True)
class RegressionSpecification:
    """What is assumed about a titer and its factors; see `bayesbio.titer.TiterModel`."""

    response: str = "titer"
    factors: Iterable[str] | None = None
    transform: str | None = None
    terms: Iterable[Term] | None = None
    prior: Horseshoe | R2D2 = dataclasses.field(default_factory=Horseshoe)
    likelihood: Gaussian | Hurdle = dataclasses.field(default_factory=Gaussian)
    varying: Iterable[str | Varying] = ()
    detection_limit: float | None = None
    factor_error: Mapping[str, float] = dataclasses.field(default_factory=dict)
    mixtures: Iterable[Mixture] = ()

    def __post_init__(self) -> None:
        if self.transform is not None and self.transform not in TRANSFORMS:
            raise ModelError(
                f"The transform is {self.transform!r}; expected 'log', 'identity' or None."
            )
        if self.detection_limit is not None and not self.detection_limit > 0.0:
            raise ModelError(
                f"The detection limit is {self.detection_limit}; expected a number above zero."
            )
        if isinstance(self.factors, str):
            object.__setattr__(self, "factors", (self.factors,))
        for field in ("factors", "terms"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, tuple(getattr(self, field)))
        varying = (self.varying,) if isinstance(self.varying, str | Varying) else self.varying
        groups = tuple(Varying(one) if isinstance(one, str) else one for one in varying)
        mixtures = (self.mixtures,) if isinstance(self.mixtures, Mixture) else self.mixtures
        object.__setattr__(self, "varying", groups)
        object.__setattr__(self, "mixtures", tuple(mixtures))
        object.__setattr__(self, "factor_error", dict(self.factor_error))

    @property
    def groups(self) -> tuple[Varying, ...]:
        """Group effects."""
        return tuple(one for one in self.varying if isinstance(one, Varying))

    @property
    def is_hurdle(self) -> bool:
        """Whether true zeros have a likelihood of their own."""
        return isinstance(self.likelihood, Hurdle)

    @property
    def family(self) -> Gaussian:
        """Distribution of residuals where there is product."""
        return self.likelihood.positive if isinstance(self.likelihood, Hurdle) else self.likelihood

"""How the parameters of a run are composed: fixed, pooled, with covariates, correlated."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

Blocks = Mapping[str, Sequence[Sequence[str]]]  # level -> sets of parameters, effects correlated


@dataclasses.dataclass(frozen=True)
class ParameterStructure:
    """
    How runs get their parameters: fixed values, levels from the widest on, covariates.

    Effects act on the logarithm of positive parameters.
    """

    given: Mapping[str, float] = dataclasses.field(default_factory=dict)
    vary: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    positive: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    covariates: Mapping[str, str] = dataclasses.field(default_factory=dict)
    correlated_blocks: Blocks = dataclasses.field(default_factory=dict)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> ParameterStructure:
        """Read it from the plain options that a file holds."""
        return cls(
            given=options["given"],
            vary={name: tuple(levels) for name, levels in options["vary"].items()},
            positive=options["positive"],
            covariates=options.get("covariates", {}),
            correlated_blocks=options.get("together", {}),
        )

    def to_options(self) -> dict[str, Any]:
        """Plain text, numbers and lists, ready for JSON."""
        return {
            "given": {name: float(value) for name, value in self.given.items()},
            "vary": {name: list(levels) for name, levels in self.vary.items()},
            "positive": dict(self.positive),
            "covariates": dict(self.covariates),
            "together": {
                level: [list(block) for block in blocks]
                for level, blocks in self.correlated_blocks.items()
            },
        }

    def arguments(self) -> dict[str, Any]:
        """Arguments vary and covariates of `fit` that ask for this structure."""
        vary: dict[Any, tuple[str, ...]] = dict(self.vary)
        for level, blocks in self.correlated_blocks.items():
            for block in map(tuple, blocks):
                for name in block:
                    vary[name] = tuple(each for each in vary[name] if each != level)
                vary[block] = (*vary.get(block, ()), level)
        vary = {name: levels for name, levels in vary.items() if levels}
        return {"vary": vary, "covariates": dict(self.covariates)}

    def block_of(self, name: str, level: str) -> tuple[str, ...]:
        """Find the parameters with which the effects of one are correlated on a level."""
        blocks = self.correlated_blocks.get(level, ())
        return next((tuple(block) for block in blocks if name in block), (name,))

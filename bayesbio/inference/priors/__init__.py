"""Priors: expert intervals, literature, distributions and their support."""

from bayesbio.inference.priors.distributions import between, is_positive
from bayesbio.inference.priors.elicitation import from_quantiles, literature, source_of

__all__ = ["between", "from_quantiles", "is_positive", "literature", "source_of"]

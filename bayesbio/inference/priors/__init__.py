"""Priors: expert intervals, literature, distributions and their support."""

from bayesbio.inference.priors.distributions import between
from bayesbio.inference.priors.elicitation import from_quantiles, literature, source_of

__all__ = ["between", "from_quantiles", "literature", "source_of"]

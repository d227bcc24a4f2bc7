"""Titer: what drives it, what the next culture will give, and which run is unusual."""

from bayesbio.titer.virtual import VirtualTiter

__all__ = [
    "VirtualTiter",
]

"""Titer: what drives it, what the next culture will give, and which run is unusual."""

from bayesbio.titer.monitoring import Monitor, monitor_from_archive
from bayesbio.titer.run_score import RunScore
from bayesbio.titer.virtual import VirtualTiter

__all__ = [
    "Monitor",
    "RunScore",
    "VirtualTiter",
    "monitor_from_archive",
]

"""What to do, given what is known and what is not."""

from bayesbio.decide.stopping import StoppingDecision, optimal_stop

__all__ = ["StoppingDecision", "optimal_stop"]

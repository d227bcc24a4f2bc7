"""Qualification of a scale-down model by equivalence probabilities."""

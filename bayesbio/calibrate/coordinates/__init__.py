"""Sampling coordinates of a process model, applied after the statistical model is built."""

"""Checks of a calibration: prior predictive, identifiability, cross-validation, SBC."""

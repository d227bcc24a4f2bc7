"""Predictive scores, cross-validation folds, PSIS, simulation-based calibration."""

"""Leave-one-scale-out cross-validation, and the baselines a scale model has to beat."""

"""The statistical model of a calibration as values: unknowns, groups, priors."""

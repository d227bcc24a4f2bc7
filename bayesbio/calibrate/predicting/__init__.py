"""Posterior prediction: parameters of runs, trajectories, noise, units, extrapolation."""

"""Gaussian process regression with a posterior over its hyperparameters."""

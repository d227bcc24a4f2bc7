"""Bayesian regression of the titer on factors: priors, likelihoods, posterior."""

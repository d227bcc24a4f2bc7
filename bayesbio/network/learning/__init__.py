"""Posterior of a network from a table: conjugate, Gibbs and MCMC; structure search."""

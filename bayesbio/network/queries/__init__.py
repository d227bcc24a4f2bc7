"""Queries to the posterior of a network: prediction, intervention, risk, value of information."""

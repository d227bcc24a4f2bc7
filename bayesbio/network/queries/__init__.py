"""Queries to a network posterior: prediction, intervention, risk, value of information."""

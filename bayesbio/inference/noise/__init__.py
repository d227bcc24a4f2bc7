"""Noise models: likelihoods with exact censoring."""

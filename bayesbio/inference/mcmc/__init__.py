"""Markov chain Monte Carlo: compiled log density, mode search, whitening, NUTS, checkpoints."""

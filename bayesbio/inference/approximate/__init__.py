"""Approximate posteriors: Laplace, Pathfinder, sequential Monte Carlo."""

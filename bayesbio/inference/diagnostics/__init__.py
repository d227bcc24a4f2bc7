"""Convergence diagnostics and model checks behind a verdict."""

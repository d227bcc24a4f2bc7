"""Multi-fidelity Gaussian process regression: many low-fidelity runs, few high-fidelity runs."""

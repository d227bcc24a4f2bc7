"""Compiled solver kernels: explicit and implicit Runge-Kutta steps, adjoints, dense output."""

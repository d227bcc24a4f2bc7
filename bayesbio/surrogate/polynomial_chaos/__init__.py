"""Polynomial chaos expansions of simulators."""

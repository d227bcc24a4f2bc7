"""Directed acyclic graphs of process variables, causal queries, exchange with pgmpy."""

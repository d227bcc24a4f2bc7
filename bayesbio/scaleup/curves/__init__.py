"""Hierarchical regression of time courses over vessel volume."""
